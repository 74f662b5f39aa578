import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

/// Inverted lists of sparse vectors: in memory while a segment grows, then in its file.
@Suite("Sparse lists in segment files") struct SparseListsTests {
    private static let path = "/db/c/00000001.seg"

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func create(_ disk: SimulatedFileSystem) throws -> (Database, Collection) {
        let database = try open(disk)
        let configuration = CollectionConfiguration(
            vectors: ["": DenseVectorConfiguration(dimension: 2, metric: .dot)],
            sparseVectors: [
                "words": SparseVectorConfiguration(modifier: .idf),
                "other": SparseVectorConfiguration(),
            ])
        return (database, try database.createCollection("c", configuration))
    }

    private static func vector(_ random: inout SeededGenerator, length: Int) -> SparseVector {
        // Some indices are in most vectors and some in few.
        // Sorted: the order of a set is another one each time.
        let indices = Set(
            (0..<length).map { _ in
                UInt32(pow(Double.random(in: 0..<1, using: &random), 3) * 400)
            }
        ).sorted()
        return SparseVector(
            indices: indices,
            values: indices.map { _ in Float.random(in: -0.5...2, using: &random) })
    }

    private static func write(
        _ ids: Range<UInt64>, to collection: Collection, _ random: inout SeededGenerator
    ) throws {
        try collection.upsert(
            ids.map { id in
                var vectors: [String: Vector] = ["": .dense([Float(id), 1])]
                if id % 5 != 0 { vectors["words"] = .sparse(vector(&random, length: 20)) }
                if id % 7 == 0 { vectors["other"] = .sparse(vector(&random, length: 3)) }
                return Point(
                    id: .number(id), vectors: vectors, payload: ["n": .integer(Int64(id % 10))])
            })
    }

    /// Ids and scores, to the last bit, of searches in both fields with and without a filter.
    private static func answers(_ collection: Collection) throws -> [[ScoredPoint]] {
        var random = SeededGenerator(seed: 99)
        let n = try #require(PayloadPath("n"))
        return try (0..<40).map { number in
            var request = QueryRequest(
                query: .nearest(.vector(.sparse(vector(&random, length: 8)))),
                using: number % 4 == 3 ? "other" : "words", limit: 15)
            if number % 3 == 1 {
                request.filter = Filter(
                    must: [.field(n, .matchInteger(Int64(number % 10)))])
            }
            return try collection.query(request)
        }
    }

    private static func sparseSections(_ disk: SimulatedFileSystem) throws -> [String] {
        try SegmentReader.open(fileSystem: disk, path: path).sections.map(\.name)
            .filter { $0.hasPrefix("sparse.") }
    }

    private static func expectNoFaults(_ disk: SimulatedFileSystem) throws {
        let faults = try Database.check(at: "/db", fileSystem: disk).faults
        #expect(faults == [])
    }

    /// One sealed segment of 3,000 rows, and what searches found before it became a file.
    private static func sealed(
        _ disk: SimulatedFileSystem
    ) throws -> (Database, Collection, [[ScoredPoint]]) {
        let (database, collection) = try create(disk)
        var random = SeededGenerator(seed: 1)
        try write(0..<3000, to: collection, &random)
        let before = try answers(collection)
        #expect(before.contains { $0.count == 15 })
        try collection.seal()
        return (database, collection, before)
    }

    @Test("Answers are the same from memory, from the file, after a start, and after merging")
    func everywhere() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var (database, collection, before) = try Self.sealed(disk)
        #expect(try Self.sparseSections(disk) == ["sparse.0", "sparse.1"])
        #expect(try Self.answers(collection) == before)
        try database.close()
        try Self.expectNoFaults(disk)
        database = try Self.open(disk)
        collection = try database.collection("c")
        #expect(try Self.answers(collection) == before)
        // Served from the file: what is in memory grows with the vocabulary, not with the rows.
        #expect(collection.info().usage[.sparse].memory < 16 << 10)
        #expect(collection.info().usage[.sparse].disk > 3000 * 64)

        var random = SeededGenerator(seed: 2)
        try Self.write(2000..<5000, to: collection, &random)
        try collection.delete(.ids((0..<100).map { .number($0 * 17) }))
        let grown = try Self.answers(collection)
        try collection.seal()
        #expect(try Self.answers(collection) == grown)
        try collection.compact()
        // Rows that are gone do not count any more for the rarity of an index, in the field with `idf`.
        for (number, answer) in try Self.answers(collection).enumerated() where number % 4 == 3 {
            #expect(answer.map(\.id) == grown[number].map(\.id))
            #expect(answer.map(\.score) == grown[number].map(\.score))
        }
        let merged = try Self.answers(collection)
        try database.close()
        try Self.expectNoFaults(disk)
        database = try Self.open(disk)
        #expect(try Self.answers(try database.collection("c")) == merged)
        try database.close()
    }

    @Test("A file of before there were lists is searched by lists that are made in memory")
    func olderFile() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, _, before) = try Self.sealed(disk)
        try database.close()
        try Self.rewrite(disk) { name, bytes in
            if name.hasPrefix("sparse.") { return nil }
            guard name == "meta" else { return bytes }
            var meta = try #require(
                try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            #expect(meta.removeValue(forKey: "sparseFields") != nil)
            return [UInt8](try JSONSerialization.data(withJSONObject: meta))
        }
        #expect(try Self.sparseSections(disk) == [])
        try Self.expectNoFaults(disk)
        let again = try Self.open(disk)
        let collection = try again.collection("c")
        #expect(try Self.answers(collection) == before)
        #expect(collection.info().usage[.sparse].memory > 3000 * 10 * 8)
        #expect(collection.degradations() == [])
        // The next file has them.
        var random = SeededGenerator(seed: 2)
        try Self.write(3000..<3010, to: collection, &random)
        try collection.compact()
        #expect(collection.info().usage[.sparse].memory < 32 << 10)
        try again.close()
    }

    @Test("Damaged lists are told, done without, and made again by a repair")
    func damage() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, _, before) = try Self.sealed(disk)
        try database.close()
        let section = try SegmentReader.open(fileSystem: disk, path: Self.path)
            .descriptor("sparse.1")
        for place in [0, 30, section.byteCount / 2, section.byteCount - 1] {
            let disk = disk.afterKill()
            try disk.flip(bit: 2, ofByte: section.offset + place, in: Self.path)
            let faults = try Database.check(at: "/db", fileSystem: disk).faults
            #expect(faults.contains { $0.contains("sparse.1") }, "\(faults)")
            let damaged = try Self.open(disk)
            let collection = try damaged.collection("c")
            #expect(try Self.answers(collection) == before)
            #expect(
                collection.degradations().contains {
                    $0.contains("sparse.1") && $0.contains("`words`")
                })
            try damaged.close()
            let report = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
            #expect(report.isComplete && report.lostPointCount == 0)
            try Self.expectNoFaults(disk)
            let repaired = try Self.open(disk)
            #expect(try Self.answers(try repaired.collection("c")) == before)
            #expect(try repaired.collection("c").degradations() == [])
            try repaired.close()
        }
    }

    @Test("Lists of other vectors, or none where there should be some, are found by check")
    func otherLists() throws {
        for (form, words) in [("swapped", "those of other vectors"), ("missing", "sparse.0")] {
            let disk = SimulatedFileSystem(seed: 1)
            let (database, _, before) = try Self.sealed(disk)
            try database.close()
            let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
            let other = unsafe Array(try reader.section("sparse.1"))
            try Self.rewrite(disk) { name, bytes in
                name == "sparse.0" ? (form == "missing" ? nil : other) : bytes
            }
            let faults = try Database.check(at: "/db", fileSystem: disk).faults
            #expect(faults.contains { $0.contains(words) }, "\(faults)")
            _ = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
            try Self.expectNoFaults(disk)
            let repaired = try Self.open(disk)
            #expect(try Self.answers(try repaired.collection("c")) == before)
            try repaired.close()
        }
    }

    /// Writes the segment file again, all checksums right, with what `change` makes of its sections.
    private static func rewrite(
        _ disk: SimulatedFileSystem, _ change: (String, [UInt8]) throws -> [UInt8]?
    ) throws {
        let old = try SegmentReader.open(fileSystem: disk, path: path)
        let writer = try SegmentWriter(fileSystem: disk, path: path)
        for section in old.sections {
            let bytes = unsafe Array(try old.section(section.name))
            guard let changed = try change(section.name, bytes) else { continue }
            try writer.addSection(name: section.name, encoding: section.encoding, bytes: changed)
        }
        try writer.finish()
    }
}
