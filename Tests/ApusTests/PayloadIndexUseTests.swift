import Apus
import ApusStorage
import TestSupport
import Testing

/// Filters answered by payload indexes are answered as without them, wherever the rows lie.
@Suite("Payload indexes in collections") struct PayloadIndexUseTests {
    private static let path = "/db/c/00000001.seg"

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    /// Points with payloads, as they are now.
    private struct Content {
        var payloads: [UInt64: Payload] = [:]
        var random: SeededGenerator

        init(seed: UInt64) { random = SeededGenerator(seed: seed) }

        /// Writes some points again or for the first time.
        mutating func write(_ ids: Range<UInt64>, to collection: Collection) throws {
            var points: [Point] = []
            for id in ids {
                let payload = RandomFilters.payload(&random)
                payloads[id] = payload
                points.append(Point(id: .number(id), vector: [Float(id)], payload: payload))
            }
            try collection.upsert(points)
        }

        mutating func delete(_ ids: [UInt64], from collection: Collection) throws {
            for id in ids { payloads[id] = nil }
            try collection.delete(.ids(ids.map { .number($0) }))
        }

        /// Each filter is asked twice: the second answer is a remembered one.
        mutating func expectSameAnswers(_ collection: Collection, filters: Int = 120) throws {
            let textFields = RandomFilters.fields.filter { $0.value.type == .text }
            for _ in 0..<filters {
                let filter = RandomFilters.filter(&random)
                let compiled = CompiledFilter(filter, schema: textFields)
                let expected = payloads.filter { id, payload in
                    compiled.matches(id: .number(id), payload: payload) { $0 == "" }
                }
                for _ in 0..<2 {
                    var request = ScrollRequest(limit: 10_000)
                    request.filter = filter
                    let found = try collection.scroll(request).points.map(\.id)
                    #expect(found == expected.keys.sorted().map { .number($0) }, "\(filter)")
                }
            }
        }
    }

    private static func declare(in collection: Collection) throws {
        for (field, schema) in RandomFilters.fields {
            try collection.createPayloadIndex(field, schema)
        }
    }

    private static func create(_ disk: SimulatedFileSystem) throws -> (Database, Collection) {
        let database = try open(disk)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: 1, metric: .euclid))
        return (database, collection)
    }

    @Test("While rows come, in a file, in a merged file, and after a start")
    func everywhere() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var (database, collection) = try Self.create(disk)
        try Self.declare(in: collection)
        var content = Content(seed: 2)
        // Fewer rows than a run, some runs with a tail, enough that runs are joined.
        for end in [700, 1500, 4000, 9000] as [UInt64] {
            try content.write(UInt64(content.payloads.count)..<end, to: collection)
            try collection.waitUntilIndexed()
            try content.delete([end / 2, end / 3], from: collection)
            try content.write(10..<20, to: collection)
            try content.expectSameAnswers(collection, filters: 40)
        }
        #expect(collection.info().usage[.payload].memory > 0)
        try collection.seal()
        #expect(
            try SegmentReader.open(fileSystem: disk, path: Self.path).sections.contains {
                $0.name.hasPrefix("values.")
            })
        try content.expectSameAnswers(collection)
        try content.write(100..<400, to: collection)
        try content.expectSameAnswers(collection)
        try collection.seal()
        try collection.compact()
        try content.expectSameAnswers(collection)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        collection = try database.collection("c")
        try content.expectSameAnswers(collection)
        // Served from the file.
        #expect(collection.info().usage[.payload].memory == 0)
        try database.close()
    }

    @Test("Declared later, changed and dropped: of rows in files and in memory")
    func declaredLater() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var (database, collection) = try Self.create(disk)
        var content = Content(seed: 3)
        try content.write(0..<3000, to: collection)
        try collection.seal()
        try content.write(2000..<5000, to: collection)
        try Self.declare(in: collection)
        try content.expectSameAnswers(collection)
        try collection.waitUntilIndexed()
        try content.expectSameAnswers(collection)
        #expect(collection.info().usage[.payload].memory > 0)
        // Files that lack an index are served the same after a start.
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try content.expectSameAnswers(collection)
        // Another type, the first one back, and none.
        let word = PayloadPath(key: "word")
        try collection.createPayloadIndex(word, PayloadFieldSchema(type: .integer))
        try content.expectSameAnswers(collection, filters: 60)
        try collection.waitUntilIndexed()
        try content.expectSameAnswers(collection, filters: 60)
        for field in RandomFilters.fields.keys where RandomFilters.fields[field]?.type != .text {
            try collection.dropPayloadIndex(field)
        }
        try content.expectSameAnswers(collection, filters: 60)
        try database.close()
    }

    @Test("Filters see the index of the text tokenizer that is declared now")
    func anotherTokenizer() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try Self.create(disk)
        let text = PayloadPath(key: "text")
        try collection.createPayloadIndex(text, PayloadFieldSchema(type: .text))
        try collection.upsert(
            (0..<2000).map {
                Point(
                    id: .number($0), vector: [0],
                    payload: ["text": $0 % 2 == 0 ? "over-all" : "other"])
            })
        try collection.seal()
        let filter = Filter(must: [.field(text, .matchText("all"))])
        #expect(try collection.count(filter) == 1000)
        try collection.createPayloadIndex(
            text, PayloadFieldSchema(type: .text, parameters: ["tokenizer": "whitespace"]))
        #expect(try collection.count(filter) == 0)
        #expect(try collection.count(Filter(must: [.field(text, .matchText("over-all"))])) == 1000)
        try database.close()
    }

    private static func sealed() throws -> (SimulatedFileSystem, Content) {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try create(disk)
        try declare(in: collection)
        var content = Content(seed: 4)
        try content.write(0..<1200, to: collection)
        try collection.seal()
        try database.close()
        return (disk, content)
    }

    @Test("Damaged ones are made again; the state says so, and repair writes them anew")
    func damaged() throws {
        var (disk, content) = try Self.sealed()
        let section = try #require(
            try SegmentReader.open(fileSystem: disk, path: Self.path).sections.first {
                $0.name == "values.3"
            })
        try disk.flip(bit: 5, ofByte: section.offset + section.byteCount / 2, in: Self.path)
        var database = try Self.open(disk)
        var collection = try database.collection("c")
        try content.expectSameAnswers(collection)
        #expect(collection.info().degradations.contains { $0.contains("values.3") })
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults.count == 1)
        let report = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
        #expect(report.isComplete && report.lostPointCount == 0)
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        collection = try database.collection("c")
        try content.expectSameAnswers(collection)
        #expect(collection.info().status == .green)
        #expect(collection.info().usage[.payload].memory == 0)
        try database.close()
    }

    @Test("An index of other payload under a right checksum is found by check")
    func wrong() throws {
        let (disk, _) = try Self.sealed()
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        let sections = try reader.sections.map { section in
            (section.name, section.encoding, unsafe Array(try reader.section(section.name)))
        }
        let other = try #require(sections.first { $0.0 == "values.0" }).2
        let copy = try SegmentWriter(fileSystem: disk, path: Self.path)
        for (name, encoding, bytes) in sections {
            try copy.addSection(
                name: name, encoding: encoding, bytes: name == "values.1" ? other : bytes)
        }
        try copy.finish()
        let faults = try Database.check(at: "/db", fileSystem: disk).faults
        #expect(faults.contains { $0.contains("that of other payload") }, "\(faults)")
    }
}
