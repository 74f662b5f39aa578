package import Apus
import ApusCore

/// Segments that were built elsewhere.
extension Operations {
    /// Adds them to a collection, all or none.
    package func attachSegments(
        _ request: SegmentsRequest, to collection: String
    ) async throws -> AttachReport {
        try await authorize(.manage, collection)
        let folders = try request.builds.map { try database.segmentBuild($0) }
        do {
            return try await database.collection(collection).attach(
                folders, existing: request.existing)
        } catch let error as DatabaseError where error.kind == .corruption {
            // The files are the caller's, unless they are the collection's.
            guard folders.contains(where: { error.message.contains($0 + "/") }) else { throw error }
            throw DatabaseError.wrongInput(error.message)
        }
    }
}
