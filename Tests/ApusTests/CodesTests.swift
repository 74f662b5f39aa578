import Apus
import ApusStorage
import TestSupport
import Testing

/// The 8-bit codes of a segment file: derived from its vectors, and never more than that.
@Suite("Codes in segment files") struct CodesTests {
    private static let rows = 400
    private static let dimension = 40
    private static let path = "/db/c/00000001.seg"

    private static func vector(_ seed: Int) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        return (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    /// One sealed segment.
    private static func disk(onDisk: Bool = false) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try open(disk)
        var configuration = CollectionConfiguration(dimension: dimension, metric: .euclid)
        configuration.hnsw.fullScanThreshold = 0
        configuration.vectors[""]?.onDisk = onDisk
        let collection = try database.createCollection("c", configuration)
        try collection.upsert(
            (0..<rows).map { Point(id: .number(UInt64($0)), vector: vector($0), payload: [:]) })
        try collection.seal()
        try database.close()
        return disk
    }

    /// Answers through the graph are the exact ones, with the same scores to the bit.
    private static func expectExactAnswers(_ collection: Collection) throws {
        for seed in 1000..<1030 {
            var request = QueryRequest(nearest: vector(seed), limit: 10)
            request.parameters.ef = 200
            let found = try collection.query(request)
            request.parameters.exact = true
            #expect(try collection.query(request) == found)
        }
    }

    @Test("They are in the file, and counted", arguments: [false, true])
    func stored(onDisk: Bool) throws {
        let disk = try Self.disk(onDisk: onDisk)
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        #expect(try reader.descriptor("codes.0").byteCount == Self.rows * 64)
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        try Self.expectExactAnswers(collection)
        let usage = collection.info().usage
        #expect(usage[.codes].disk == Self.rows * 64)
        #expect(usage[.codes].memory == (onDisk ? 0 : Self.rows * 64))
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
    }

    @Test("Damaged ones are made from the vectors; the state says so, and repair writes them anew")
    func damaged() throws {
        let disk = try Self.disk()
        let section = try SegmentReader.open(fileSystem: disk, path: Self.path)
            .descriptor("codes.0")
        try disk.flip(bit: 5, ofByte: section.offset + 4321, in: Self.path)
        do {
            let database = try Self.open(disk)
            let collection = try database.collection("c")
            try Self.expectExactAnswers(collection)
            let info = collection.info()
            #expect(info.status == .red)
            #expect(info.degradations.contains { $0.contains("codes.0") })
            try database.close()
        }
        #expect(try Database.check(at: "/db", fileSystem: disk).faults.count == 1)
        let report = try Database.repair(
            at: "/db", options: RepairOptions(), fileSystem: disk)
        #expect(report.isComplete && report.lostPointCount == 0)
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        #expect(try collection.count() == Self.rows)
        try Self.expectExactAnswers(collection)
        #expect(collection.info().status == .green)
        try database.close()
    }

    @Test("Files that were written without them are served all the same", arguments: [false, true])
    func withoutCodes(onDisk: Bool) throws {
        let disk = try Self.disk(onDisk: onDisk)
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        let copy = try SegmentWriter(fileSystem: disk, path: Self.path)
        for section in reader.sections where !section.name.hasPrefix("codes.") {
            try copy.addSection(name: section.name, encoding: section.encoding) { sink in
                unsafe try sink.append(try reader.section(section.name))
            }
        }
        try copy.finish()
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        try Self.expectExactAnswers(collection)
        #expect(collection.info().status == .green)
        #expect(collection.info().degradations == [])
        // Made for a graph in memory; a mapped one does without.
        #expect(
            collection.info().usage[.codes].memory == (onDisk ? 0 : Self.rows * 64))
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
    }

    @Test("Codes of other vectors under a right checksum are found by check")
    func wrong() throws {
        let disk = try Self.disk()
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        let copy = try SegmentWriter(fileSystem: disk, path: Self.path)
        for section in reader.sections {
            var bytes = unsafe Array(try reader.section(section.name))
            if section.name == "codes.0" { bytes[16 + 64 * 7] ^= 1 }
            try copy.addSection(name: section.name, encoding: section.encoding, bytes: bytes)
        }
        try copy.finish()
        let faults = try Database.check(at: "/db", fileSystem: disk).faults
        #expect(faults.count == 1)
        #expect(faults.first?.contains("row 7") == true, "\(faults)")
    }
}
