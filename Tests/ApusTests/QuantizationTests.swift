import Apus
import ApusStorage
import TestSupport
import Testing

/// The quantization settings of a collection, in its segment files and in its searches.
@Suite("Quantization settings") struct QuantizationTests {
    private static let rows = 1200
    private static let dimension = 80
    private static let path = "/db/c/00000001.seg"

    private static func vector(_ seed: Int) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        let cluster = Float(seed % 7)
        return (0..<dimension).map { index in
            Float.random(in: -1...1, using: &generator) + (index % 7 == Int(cluster) ? 2 : 0)
        }
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func configuration(
        _ quantization: QuantizationConfiguration?, metric: Metric = .euclid
    ) -> CollectionConfiguration {
        var configuration = CollectionConfiguration(dimension: dimension, metric: metric)
        configuration.hnsw.fullScanThreshold = 0
        configuration.quantization = quantization
        return configuration
    }

    private static func points(_ numbers: Range<Int>) -> [Point] {
        numbers.map { Point(id: .number(UInt64($0)), vector: vector($0), payload: [:]) }
    }

    /// One sealed segment.
    private static func disk(
        _ configuration: CollectionConfiguration
    ) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try open(disk)
        let collection = try database.createCollection("c", configuration)
        try collection.upsert(points(0..<rows))
        try collection.seal()
        try database.close()
        return disk
    }

    private static func recall(
        _ collection: Collection, _ parameters: SearchParameters = SearchParameters(ef: 256)
    ) throws -> Double {
        var found = 0
        for seed in 5000..<5030 {
            var request = QueryRequest(nearest: vector(seed), limit: 10)
            request.parameters = parameters
            let answers = try collection.query(request).map(\.id)
            request.parameters = SearchParameters(exact: true)
            let truth = Set(try collection.query(request).map(\.id))
            found += answers.count { truth.contains($0) }
        }
        return Double(found) / 300
    }

    private static let settings: [(QuantizationConfiguration?, bits: Int)] = [
        (nil, 8),
        (.scalar(quantile: 0.99, alwaysRAM: nil), 8),
        (.product(compression: .x4, alwaysRAM: nil), 8),
        (.product(compression: .x8, alwaysRAM: nil), 4),
        (.product(compression: .x16, alwaysRAM: nil), 2),
        (.product(compression: .x32, alwaysRAM: nil), 1),
        (.product(compression: .x64, alwaysRAM: nil), 1),
        (.binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil), 1),
        (.binary(alwaysRAM: nil, encoding: "one_bit", queryEncoding: nil), 1),
        (.binary(alwaysRAM: nil, encoding: "one_and_half_bits", queryEncoding: nil), 2),
        (.binary(alwaysRAM: nil, encoding: "two_bits", queryEncoding: nil), 2),
        (.turbo(alwaysRAM: nil, bits: nil), 4),
        (.turbo(alwaysRAM: nil, bits: "bits2"), 2),
    ]

    @Test("Each has its codes in the file, and searches find what they should")
    func settings() throws {
        for (setting, bits) in Self.settings {
            let disk = try Self.disk(Self.configuration(setting))
            let names = try SegmentReader.open(fileSystem: disk, path: Self.path).sections
                .map(\.name)
            #expect(names.contains("codes.0") == (bits == 8), "\(String(describing: setting))")
            #expect(names.contains("rabitq.0") == (bits != 8), "\(String(describing: setting))")
            let database = try Self.open(disk)
            let collection = try database.collection("c")
            #expect(try Self.recall(collection) > 0.95, "\(String(describing: setting))")
            let padded = 128
            let stride = bits == 8 ? 96 : (16 + padded * bits / 8)
            let expected = Self.rows * stride + (bits == 8 ? 0 : 64 + padded * 4)
            let usage = collection.info().usage
            #expect(usage[.codes].disk == expected)
            #expect(usage[.codes].memory == Self.rows * stride)
            try database.close()
            #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        }
    }

    @Test("A field's setting overrides the collection's")
    func fields() throws {
        var configuration = Self.configuration(
            .binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil))
        let field = try #require(configuration.vectors[""])
        configuration.vectors = ["a": field, "b": field, "short": field]
        configuration.vectors["b"]?.quantization = .scalar(quantile: nil, alwaysRAM: nil)
        configuration.vectors["short"]?.dimension = 40
        #expect(configuration.rabitqBits(of: "a") == .one)
        #expect(configuration.rabitqBits(of: "b") == nil)
        #expect(configuration.rabitqBits(of: "short") == nil)
        #expect(configuration.rabitqBits(of: "none") == nil)
    }

    @Test(
        "Codes that shall always be in memory are there, with the graph", arguments: [false, true])
    func alwaysInMemory(alwaysRAM: Bool) throws {
        var configuration = Self.configuration(
            .binary(alwaysRAM: alwaysRAM, encoding: nil, queryEncoding: nil))
        configuration.vectors[""]?.onDisk = true
        #expect(configuration.residency(of: "").vectorsInMemory == false)
        #expect(configuration.residency(of: "").graphInMemory == alwaysRAM)
        let disk = try Self.disk(configuration)
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        #expect(try Self.recall(collection) > 0.95)
        let usage = collection.info().usage
        #expect(usage[.vectors].memory == 0)
        #expect((usage[.codes].memory > 0) == alwaysRAM)
        try database.close()
        configuration.hnsw.onDisk = true
        #expect(configuration.residency(of: "").graphInMemory == false)
    }

    @Test("A changed setting holds for the files that are written from then on")
    func update() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Self.open(disk)
        let collection = try database.createCollection("c", Self.configuration(nil))
        try collection.upsert(Self.points(0..<600))
        try collection.seal()
        var change = CollectionConfigurationChange()
        change.quantization = .set(.binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil))
        try collection.update(change)
        try collection.upsert(Self.points(600..<Self.rows))
        try collection.seal()
        #expect(try Self.recall(collection) > 0.95)
        let files = try disk.list("/db/c").filter { $0.hasSuffix(".seg") }.sorted()
        let codes = try files.map { name in
            try SegmentReader.open(fileSystem: disk, path: "/db/c/\(name)").sections.map(\.name)
                .filter { $0 == "codes.0" || $0 == "rabitq.0" }
        }
        #expect(codes == [["codes.0"], ["rabitq.0"]])
        // Both kinds become one.
        try collection.compact()
        #expect(try Self.recall(collection) > 0.95)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
    }

    @Test("Rescoring, oversampling and doing without codes are a search's to say")
    func parameters() throws {
        let disk = try Self.disk(
            Self.configuration(.binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil)))
        let database = try Self.open(disk)
        let collection = try database.collection("c")
        let exact = try Self.recall(collection, SearchParameters(ef: 256, ignoresCodes: true))
        #expect(exact > 0.99)
        let raw = try Self.recall(collection, SearchParameters(ef: 256, rescores: false))
        #expect(raw < exact - 0.1)
        let few = try Self.recall(collection, SearchParameters(ef: 256, oversampling: 1))
        let many = try Self.recall(collection, SearchParameters(ef: 256, oversampling: 4))
        #expect(few < many && many <= 1)
        var request = QueryRequest(nearest: Self.vector(5000), limit: 10)
        request.parameters.ef = 256
        #expect(try collection.answer(request).recallExpected != nil)
        request.parameters.rescores = false
        #expect(try collection.answer(request).recallExpected == nil)
        let scores = try collection.query(request).map(\.score)
        #expect(scores == scores.sorted())
        request.parameters.ef = nil
        request.parameters.targetRecall = 0.9
        #expect(throws: DatabaseError.self) { try collection.query(request) }
        try database.close()
    }

    @Test("Damaged codes are made from the vectors, and repair writes them anew")
    func damaged() throws {
        let disk = try Self.disk(
            Self.configuration(.binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil)))
        let section = try SegmentReader.open(fileSystem: disk, path: Self.path)
            .descriptor("rabitq.0")
        let before = unsafe Array(
            try SegmentReader.open(fileSystem: disk, path: Self.path).section("rabitq.0"))
        try disk.flip(bit: 5, ofByte: section.offset + 4321, in: Self.path)
        do {
            let database = try Self.open(disk)
            let collection = try database.collection("c")
            #expect(try Self.recall(collection) > 0.95)
            let info = collection.info()
            #expect(info.status == .red)
            #expect(info.degradations.contains { $0.contains("rabitq.0") })
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
        #expect(try Self.recall(collection) > 0.95)
        #expect(collection.info().status == .green)
        try database.close()
        let repaired = try #require(
            try disk.list("/db/c").filter { $0.hasSuffix(".seg") }.first)
        let after = unsafe Array(
            try SegmentReader.open(fileSystem: disk, path: "/db/c/\(repaired)")
                .section("rabitq.0"))
        #expect(after == before)
    }

    @Test("Codes of other vectors under a right checksum are found by check")
    func wrong() throws {
        let disk = try Self.disk(
            Self.configuration(.product(compression: .x8, alwaysRAM: nil)))
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        let copy = try SegmentWriter(fileSystem: disk, path: Self.path)
        for section in reader.sections {
            var bytes = unsafe Array(try reader.section(section.name))
            // Row 7, behind the header, the centroid and 7 rows of 80 bytes.
            if section.name == "rabitq.0" { bytes[64 + 128 * 4 + 7 * 80 + 16] ^= 1 }
            try copy.addSection(name: section.name, encoding: section.encoding, bytes: bytes)
        }
        try copy.finish()
        let faults = try Database.check(at: "/db", fileSystem: disk).faults
        #expect(faults.count == 1)
        #expect(faults.first?.contains("row 7") == true, "\(faults)")
    }
}
