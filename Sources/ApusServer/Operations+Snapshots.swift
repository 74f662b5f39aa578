package import Apus
import ApusCore
package import ApusWire

/// Snapshots: of one collection, or with nil of the whole database. The work runs on the engine's
/// thread for it, so that searches do not wait.
extension Operations {
    package func createSnapshot(of collection: String?) async throws -> SnapshotSummary {
        try await authorize(collection == nil ? .manage : .alter, collection)
        let description =
            if let collection {
                try await database.collection(collection).createSnapshot()
            } else {
                try await database.createSnapshot()
            }
        return SnapshotSummary(description)
    }

    /// Oldest first.
    package func snapshots(of collection: String?) async throws -> [SnapshotSummary] {
        try await authorize(collection == nil ? .manage : .inspect, collection)
        return try await database.perform { [database] in
            let descriptions =
                if let collection {
                    try database.collection(collection).snapshots()
                } else {
                    try database.snapshots()
                }
            return descriptions.map(SnapshotSummary.init)
        }
    }

    /// Throws `notFound` when there is none of that name.
    package func deleteSnapshot(_ name: String, of collection: String?) async throws {
        try await authorize(collection == nil ? .manage : .alter, collection)
        let isDeleted = try await database.performSnapshotWork { [database] in
            if let collection {
                try database.collection(collection).deleteSnapshot(name)
            } else {
                try database.deleteSnapshot(name)
            }
        }
        guard isDeleted else {
            throw DatabaseError(.notFound, "Not found: Snapshot `\(name)` doesn't exist!")
        }
    }

    package func download(
        _ name: String, of collection: String?
    ) async throws -> SnapshotDownload {
        try await authorize(collection == nil ? .manage : .inspect, collection)
        return try await database.perform { [database] in
            try database.download(name, of: collection)
        }
    }

    /// A place for the archive of a collection; asks before any of it comes in.
    package func makeUpload(for collection: String) async throws -> SnapshotUpload {
        try await authorize(.manage, collection)
        return try await database.perform { [database] in try database.makeUpload() }
    }

    /// Makes the collection what the archive is, whether it exists or not.
    package func recover(
        _ collection: String, from upload: SnapshotUpload, checksum: String?
    ) async throws {
        try await authorize(.manage, collection)
        _ = try await database.performSnapshotWork { [database] in
            do {
                return try database.restoreCollection(
                    collection, from: .archive(path: upload.path), replacing: true,
                    checksum: checksum)
            } catch let error as DatabaseError where error.kind == .corruption {
                // The bytes are the caller's, and so is their fault.
                throw DatabaseError.wrongInput(
                    error.message.replacing(upload.path, with: "the archive"))
            }
        }
    }

    /// The same from where the URL says: a file below the directory of snapshots, or what may be fetched.
    package func recover(_ collection: String, from recovery: SnapshotRecovery) async throws {
        if ["http://", "https://"].contains(where: recovery.location.lowercased().hasPrefix) {
            let upload = try await makeUpload(for: collection)
            try await fetcher.fetch(
                recovery.location, apiKey: recovery.apiKey, to: upload, of: database)
            return try await recover(collection, from: upload, checksum: recovery.checksum)
        }
        try await authorize(.manage, collection)
        let path = try filePath(recovery.location)
        _ = try await database.performSnapshotWork { [database] in
            try database.restoreCollection(
                collection, from: try database.snapshotSource(atPath: path), replacing: true,
                checksum: recovery.checksum)
        }
    }

    private func filePath(_ location: String) throws(DatabaseError) -> String {
        let scheme = "file://"
        if location.hasPrefix(scheme) {
            let path = location.dropFirst(scheme.count)
            guard path.hasPrefix("/") else {
                throw .wrongInput("snapshot location `\(location)`: expected file:///PATH")
            }
            return try percentDecoded(path)
        }
        throw .wrongInput(
            "snapshot location `\(location)`: expected a file://, http:// or https:// URL")
    }
}

extension SnapshotSummary {
    fileprivate init(_ description: SnapshotDescription) {
        self.init(
            name: description.name, creationTime: description.creationTime,
            byteCount: description.byteCount, checksum: description.checksum)
    }
}
