import Apus
import ApusStorage
import TestSupport

/// Builds on a simulated disk, and the database that they are attached to.
enum Builds {
    static let path = "/db"

    static func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(at: path, configuration: .quiet, fileSystem: disk)
    }

    static func settings(
        _ configuration: CollectionConfiguration = .small
    ) throws -> SegmentSettings {
        SegmentSettings(configuration)
    }

    /// Makes a build of the points in `/builds/<name>` and returns its folder.
    @discardableResult
    static func make(
        _ name: String, _ points: [Point], _ configuration: CollectionConfiguration = .small,
        payloadIndexes: [PayloadPath: PayloadFieldSchema] = [:], on disk: SimulatedFileSystem
    ) throws -> String {
        let directory = "/builds/\(name)"
        let builder = try SegmentBuilder(
            in: directory, settings: SegmentSettings(configuration, payloadIndexes: payloadIndexes),
            engine: .quiet, fileSystem: disk)
        try builder.add(points)
        _ = try builder.finish()
        return directory
    }

    static func points(_ ids: some Sequence<Int>, version: Int) -> [Point] {
        ids.map { ExpectedPoints.point(UInt64($0), version: version) }
    }
}

extension ExpectedPoints {
    mutating func put(_ points: [Point]) { for point in points { put(point) } }
}
