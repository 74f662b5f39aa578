import Apus
import ApusCore
import ApusStorage
import Foundation
import TestSupport
import Testing

/// A field whose sealed segments have an IVF-PQ index.
@Suite("IVF fields") struct IVFTests {
    private static let rows = 2500
    private static let dimension = 24
    private static let path = "/db/c/00000001.seg"

    private static func vector(_ seed: Int) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed % 40))
        let centre = (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
        generator = SeededGenerator(seed: UInt64(seed) + 1000)
        return centre.map { $0 + Float.random(in: -0.5...0.5, using: &generator) }
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func collection(
        _ database: Database, onDisk: Bool = false,
        _ change: (inout IVFConfiguration) -> Void = { _ in }
    ) throws -> Collection {
        var configuration = CollectionConfiguration(dimension: dimension, metric: .euclid)
        var ivf = IVFConfiguration()
        change(&ivf)
        configuration.vectors[""]?.ivf = ivf
        configuration.vectors[""]?.onDisk = onDisk
        return try database.createCollection("c", configuration)
    }

    private static func write(_ collection: Collection, _ ids: Range<Int>) throws {
        try collection.upsert(
            ids.map { id in
                Point(
                    id: .number(UInt64(id)), vector: vector(id),
                    payload: ["part": .integer(Int64(id % 100))])
            })
    }

    private static func recall(
        _ collection: Collection, _ change: (inout QueryRequest) -> Void = { _ in }
    ) throws -> Double {
        var hits = 0
        var wanted = 0
        for seed in 50_000..<50_060 {
            var request = QueryRequest(nearest: vector(seed), limit: 10)
            change(&request)
            let found = try collection.query(request)
            request.parameters = SearchParameters(exact: true)
            let truth = Set(try collection.query(request).map(\.id))
            hits += found.count { truth.contains($0.id) }
            wanted += truth.count
        }
        return Double(hits) / Double(max(1, wanted))
    }

    @Test("Answer as well as asked for, from memory and from the file", arguments: [false, true])
    func search(onDisk: Bool) throws {
        let disk = SimulatedFileSystem(seed: 1)
        do {
            let database = try Self.open(disk)
            let collection = try Self.collection(database, onDisk: onDisk)
            try Self.write(collection, 0..<Self.rows)
            try collection.seal()
            #expect(try Self.recall(collection) > 0.93)
            #expect(try Self.recall(collection) { $0.parameters.targetRecall = 0.99 } > 0.97)
            #expect(try Self.recall(collection) { $0.parameters.probes = 1 } < 0.9)
            try database.close()
        }
        let names = try SegmentReader.open(fileSystem: disk, path: Self.path).sections.map(\.name)
        #expect(names.contains("ivf.0.codes") && !names.contains("graph.0.links0"))
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        #expect(try Self.recall(collection) > 0.93)
        let answer = try collection.answer(QueryRequest(nearest: Self.vector(7), limit: 10))
        #expect(try #require(answer.recallExpected) > 0.93)
        let info = collection.info()
        #expect(info.status == .green && info.indexedVectorsCount == Self.rows)
        #expect(info.usage[.graph].memory == 0)
        #expect((info.usage[.codes].memory > 0) == !onDisk)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
    }

    @Test(
        "Filters, deletions and rows that are not sealed yet are heeded", arguments: [false, true])
    func filters(spills: Bool) throws {
        let database = try Self.open(SimulatedFileSystem(seed: 2))
        let collection = try Self.collection(database) { $0.spills = spills }
        try Self.write(collection, 0..<Self.rows)
        try collection.seal()
        try collection.delete(.ids((0..<500).map { .number(UInt64($0)) }))
        try Self.write(collection, Self.rows..<(Self.rows + 50))
        for below in [50, 5, 1] {
            let filter = Filter(must: [
                .field(PayloadPath(key: "part"), .range(NumericRange(lessThan: Double(below))))
            ])
            #expect(try Self.recall(collection) { $0.filter = filter } > 0.9)
        }
        for seed in 0..<20 {
            let found = try collection.query(QueryRequest(nearest: Self.vector(seed), limit: 10))
            #expect(found.allSatisfy { $0.id >= 500 })
        }
        let id = PointID.number(UInt64(Self.rows + 3))
        let found = try collection.query(
            QueryRequest(nearest: Self.vector(Self.rows + 3), limit: 1))
        #expect(found.first?.id == id)
        try database.close()
    }

    @Test(
        "Merged segments go on with the lists that there are, or learn new ones",
        arguments: [false, true])
    func merge(spills: Bool) throws {
        let disk = SimulatedFileSystem(seed: 3)
        let database = try Self.open(disk)
        let collection = try Self.collection(database) { $0.spills = spills }
        for part in 0..<3 {
            try Self.write(collection, part * 900..<(part + 1) * 900)
            try collection.seal()
        }
        try collection.delete(.ids((0..<300).map { .number(UInt64($0)) }))
        try collection.compact()
        #expect(collection.info().segmentsCount == 2)
        #expect(try Self.recall(collection) > 0.93)
        #expect(try collection.count() == 2400)
        #expect(collection.graphFaults() == [])
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
    }

    @Test(
        "A damaged index costs speed, is named, and is made again by repair",
        arguments: [false, true])
    func damage(spills: Bool) throws {
        let disk = SimulatedFileSystem(seed: 4)
        do {
            let database = try Self.open(disk)
            let collection = try Self.collection(database) { $0.spills = spills }
            try Self.write(collection, 0..<Self.rows)
            try collection.seal()
            try database.close()
        }
        let place = try SegmentReader.open(fileSystem: disk, path: Self.path)
            .descriptor("ivf.0.rows")
        try disk.flip(bit: 2, ofByte: place.offset + 40, in: Self.path)
        do {
            let database = try Self.open(disk)
            let collection = try database.collection("c")
            #expect(try Self.recall(collection) == 1)
            #expect(collection.info().degradations.contains { $0.contains("ivf.0") })
            try database.close()
        }
        let report = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
        #expect(report.isComplete && report.lostPointCount == 0)
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        let database = try Self.open(disk)
        #expect(try Self.recall(try database.collection("c")) > 0.93)
        try database.close()
    }

    @Test("Spilled lists are as many as the settings say, in the file and after opening it again")
    func spilled() throws {
        let disk = SimulatedFileSystem(seed: 6)
        var sizes: [Int] = []
        for spills in [false, true] {
            let database = try Self.open(disk)
            let collection = try Self.collection(database) { settings in
                settings.spills = spills
                settings.bits = 8
            }
            try Self.write(collection, 0..<Self.rows)
            try collection.seal()
            try database.close()
            sizes.append(
                try SegmentReader.open(fileSystem: disk, path: Self.path)
                    .descriptor("ivf.0.rows").byteCount)
            let reopened = try Self.open(disk)
            let again = try reopened.collection("c")
            #expect(again.configuration.vectors[""]?.ivf?.spills == spills)
            #expect(try Self.recall(again) > 0.93)
            #expect(again.graphFaults() == [])
            _ = try reopened.dropCollection("c")
            try reopened.close()
        }
        #expect(sizes == [4 * Self.rows, 8 * Self.rows])
    }

    @Test("Settings of earlier versions have no word of spilling")
    func earlierSettings() throws {
        let settings = try JSONDecoder().decode(
            IVFConfiguration.self, from: Data(#"{"bits": 8, "lists": 3}"#.utf8))
        #expect(settings == IVFConfiguration(lists: 3, bits: 8))
        let spilled = IVFConfiguration(lists: 3, spills: true)
        let bytes = try JSONEncoder().encode(spilled)
        #expect(try JSONDecoder().decode(IVFConfiguration.self, from: bytes) == spilled)
    }

    @Test("Settings outside of what can be are refused")
    func settings() throws {
        let database = try Self.open(SimulatedFileSystem(seed: 5))
        let changes: [(inout IVFConfiguration) -> Void] = [
            { $0.lists = 0 }, { $0.lists = 100_000 }, { $0.parts = 2 }, { $0.parts = 257 },
            { $0.bits = 5 }, { $0.probes = 0 },
        ]
        for change in changes {
            #expect(throws: DatabaseError.self) { try Self.collection(database, change) }
        }
        var configuration = CollectionConfiguration(dimension: 4, metric: .manhattan)
        configuration.vectors[""]?.ivf = IVFConfiguration()
        #expect(throws: DatabaseError.self) { try database.createCollection("m", configuration) }
        #expect(database.collectionNames() == [])
        try database.close()
    }
}
