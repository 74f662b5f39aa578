public import ApusCore
package import ApusStorage
private import Foundation
internal import Synchronization

/// Makes sealed segments of points, with all that a collection would have made of them, in a folder
/// and without a database; `Collection.attach` adds them to one.
///
/// The points lie in a scratch database below the folder until `finish()`. A folder that has no
/// `segments.json` is not finished, and building into it begins anew.
public final class SegmentBuilder: Sendable {
    private static let scratchName = ".building"
    private static let collectionName = "build"

    /// What a folder has.
    public struct Result: Hashable, Sendable {
        /// Follows from the settings and the points.
        public var id: String
        public var pointCount: Int
        public var segmentCount: Int
        public var byteCount: UInt64
    }

    private let directory: String
    private let settings: SegmentSettings
    private let fileSystem: any FileSystem
    private let database: Database
    private let collection: Collection

    /// Makes the folder, which must not be there or have nothing but what an interrupted build left.
    /// - Throws: `.alreadyExists` for another folder, `.validation` for settings that no collection
    ///   has.
    public convenience init(
        in directory: String, settings: SegmentSettings,
        engine: EngineConfiguration = EngineConfiguration()
    ) throws {
        try self.init(
            in: directory, settings: settings, engine: engine, fileSystem: PosixFileSystem())
    }

    package init(
        in directory: String, settings: SegmentSettings, engine: EngineConfiguration,
        fileSystem: any FileSystem
    ) throws {
        self.directory = directory
        self.settings = settings
        self.fileSystem = fileSystem
        let scratch = "\(directory)/\(Self.scratchName)"
        try DatabaseError.translating {
            try Database.makeDirectories(directory, fileSystem)
            let names = try fileSystem.list(directory)
            guard
                names.allSatisfy({ name in
                    name == Self.scratchName || name.hasSuffix(FileName.temporarySuffix)
                        || names.contains(Self.scratchName)
                            && FileName.number(ofSegment: name) != nil
                })
            else {
                throw DatabaseError(
                    .alreadyExists, "\(directory) is not empty; build into a new folder")
            }
            for name in names where name != Self.scratchName {
                try fileSystem.remove("\(directory)/\(name)")
            }
            if names.contains(Self.scratchName) { try fileSystem.removeTree(scratch) }
        }
        var engine = engine
        engine.mergesInBackground = false
        database = try Database.open(at: scratch, configuration: engine, fileSystem: fileSystem)
        do {
            var configuration = settings.configuration
            // Nobody counts on these points before `finish()`.
            configuration.durability = .async(maxDelayMilliseconds: 1_000)
            collection = try database.createCollection(Self.collectionName, configuration)
            for (field, schema) in settings.attributes.payloadSchema {
                guard let path = PayloadPath(field) else { continue }
                try collection.createPayloadIndex(path, schema)
            }
        } catch {
            try? database.close()
            throw error
        }
    }

    /// Adds points; of several with one id the last one stays.
    /// - Throws: `DatabaseError` that names the point or field, and what is wrong.
    public func add(_ points: [Point]) async throws {
        _ = try await collection.write([.upsert(points)])
    }

    /// The same for synchronous programs. Blocks.
    @available(*, noasync, message: "use the async form")
    public func add(_ points: [Point]) throws { _ = try collection.write([.upsert(points)]) }

    /// Points so far.
    public func count() throws -> Int { collection.view().pointCount }

    /// Builds what is left of the indexes and writes the record. Blocks until all is on disk.
    /// - Throws: `.invalidArgument` when there are no points.
    public func finish() throws -> Result {
        do {
            guard try count() > 0 else {
                throw DatabaseError.wrongInput("\(directory): there are no points to build from")
            }
            try collection.compact()
            let entries = collection.manifest.withLock { $0.segments }
            guard entries.allSatisfy({ $0.deletionFileLSN == nil }) else {
                throw DatabaseError(
                    .internalError, "\(directory): replaced points are left in the segments")
            }
            try database.close()
            return try DatabaseError.translating { try publish(entries) }
        } catch {
            cancel()
            throw error
        }
    }

    /// Lets go of what was added.
    public func cancel() {
        try? database.close()
        // What stays behind is removed by the next build.
        try? fileSystem.removeTree("\(directory)/\(Self.scratchName)")
    }

    private func publish(_ entries: [Manifest.Segment]) throws -> Result {
        let source = CollectionFiles(
            directory: "\(directory)/\(Self.scratchName)/\(Self.collectionName)",
            fileSystem: fileSystem)
        var segments: [SegmentBuildRecord.File] = []
        for (index, entry) in entries.enumerated() {
            let name = FileName.segment(UInt64(index + 1))
            try fileSystem.rename(source.segment(entry.number), to: "\(directory)/\(name)")
            segments.append(
                try SegmentBuildRecord.described(
                    name, rowCount: entry.rowCount, in: directory, fileSystem))
        }
        try fileSystem.synchronizeDirectory(directory)
        let record = try SegmentBuildRecord(settings: settings.attributes, segments: segments)
        try fileSystem.replace(
            "\(directory)/\(SegmentBuildRecord.fileName)", with: try record.encoded())
        try fileSystem.synchronizeDirectory(directory)
        try? fileSystem.removeTree("\(directory)/\(Self.scratchName)")
        return Result(
            id: record.id, pointCount: record.pointCount, segmentCount: segments.count,
            byteCount: segments.reduce(0) { $0 + $1.byteCount })
    }
}

extension Database {
    /// The folder of a build that a client named, which must be one below
    /// `EngineConfiguration.segmentsDirectory`: a client may not make the server read any other file.
    package func segmentBuild(_ name: String) throws -> String {
        guard let directory = context.configuration.segmentsDirectory else {
            throw DatabaseError(
                .permissionDenied,
                "Forbidden: this server attaches no segments: it has no directory for them "
                    + "(`storage.segments`)")
        }
        func resolved(_ path: String) -> String {
            URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().path
        }
        let root = resolved(directory)
        let folder = resolved(name.hasPrefix("/") ? name : "\(root)/\(name)")
        guard folder.hasPrefix(root + "/") else {
            throw DatabaseError(
                .permissionDenied,
                "Forbidden: `\(name)` is not below the directory of built segments")
        }
        return folder
    }

    /// The settings for builders of segments for a collection, whether its database is open or not.
    /// Only its manifest is read.
    public static func segmentSettings(
        of collection: String, inDatabaseAt path: String
    ) throws -> SegmentSettings {
        let fileSystem = PosixFileSystem()
        return try DatabaseError.translating {
            let directory = "\(path)/\(CollectionFiles.directoryName(of: collection))"
            let files = CollectionFiles(directory: directory, fileSystem: fileSystem)
            guard try fileSystem.kind(of: directory) == .directory,
                let manifest = try files.store.read()
            else { throw DatabaseError.collectionNotFound(collection) }
            return SegmentSettings(try Collection.attributes(of: manifest, directory: directory))
        }
    }
}
