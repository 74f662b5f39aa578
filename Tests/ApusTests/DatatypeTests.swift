import Apus
import ApusStorage
import TestSupport
import Testing

/// Fields of halves and bytes, against an oracle that keeps what should be stored as plain floats
/// and compares every point.
@Suite("Datatypes of vectors") struct DatatypeTests {
    static let datatypes: [VectorDatatype] = [.float16, .uint8]
    private static let rows = 300
    private static let dimension = 40
    private static let path = "/db/c/00000001.seg"

    static func vector(_ seed: Int, _ datatype: VectorDatatype?) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        return (0..<dimension).map { _ in
            datatype == .uint8
                ? Float(Int.random(in: 0...255, using: &generator))
                : Float.random(in: -3...3, using: &generator)
        }
    }

    private static func configuration(
        _ datatype: VectorDatatype?, _ metric: Metric
    ) -> CollectionConfiguration {
        var configuration = CollectionConfiguration(dimension: dimension, metric: metric)
        configuration.hnsw.fullScanThreshold = 0
        configuration.vectors[""]?.datatype = datatype
        return configuration
    }

    private static func points(_ ids: Range<Int>, _ datatype: VectorDatatype?) -> [Point] {
        ids.map { Point(id: .number(UInt64($0)), vector: vector($0, datatype), payload: [:]) }
    }

    static func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(at: "/db", configuration: .quiet, fileSystem: disk)
    }

    /// What should be stored, and how far a query is from it.
    private struct Oracle {
        let datatype: VectorDatatype?
        let metric: Metric
        var stored: [UInt64: [Float]] = [:]

        init(_ datatype: VectorDatatype?, _ metric: Metric) {
            self.datatype = datatype
            self.metric = metric
        }

        mutating func put(_ points: [Point]) {
            for point in points {
                guard case .number(let id) = point.id,
                    case .dense(let vector)? = point.vectors[""]
                else { continue }
                stored[id] = kept(vector)
            }
        }

        func kept(_ vector: [Float]) -> [Float] {
            if datatype == .uint8 { return vector.map { Float(Int($0)) } }
            var vector = vector
            if metric == .cosine {
                let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                vector = vector.map { Float(Double($0) / length) }
            }
            return datatype == .float16 ? vector.map(Self.half) : vector
        }

        /// The nearest half, by its definition: a step is 2⁻¹⁰ of the power of two below.
        static func half(_ value: Float) -> Float {
            guard value != 0 else { return value }
            let step = Float(sign: .plus, exponent: max(value.exponent, -14) - 10, significand: 1)
            return (value / step).rounded(.toNearestOrEven) * step
        }

        func score(_ query: [Float], _ id: UInt64) -> Float {
            let pairs = zip(kept(query), stored[id] ?? []).map { (Double($0), Double($1)) }
            let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
            switch metric {
            case .dot: return Float(dot)
            case .euclid:
                return Float(
                    pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot())
            case .manhattan: return Float(pairs.reduce(0) { $0 + abs($1.0 - $1.1) })
            case .cosine:
                guard datatype == .uint8 else { return Float(dot) }
                let lengths =
                    pairs.reduce(0) { $0 + $1.0 * $1.0 } * pairs.reduce(0) { $0 + $1.1 * $1.1 }
                return Float(dot / lengths.squareRoot())
            }
        }

        /// Every vector is returned as it is stored, and the best are found with their scores,
        /// exactly and through whatever index there is.
        func check(_ collection: Collection, recallMin: Double = 0.95) throws {
            let page = try collection.scroll(ScrollRequest(limit: 10_000, withVectors: .all))
            #expect(page.points.count == stored.count)
            for record in page.points {
                guard case .number(let id) = record.id else { continue }
                guard case .dense(let found)? = record.vectors?[""], let wanted = stored[id] else {
                    Issue.record("point \(id) is not as expected")
                    continue
                }
                // A normalised half may be rounded the other way by the last bit of its length.
                let isNear = zip(found, wanted).allSatisfy { abs($0 - $1) <= abs($1) * 0x1p-10 }
                #expect(metric == .cosine && datatype == .float16 ? isNear : found == wanted)
            }
            var hits = 0
            for seed in 9000..<9010 {
                let query = DatatypeTests.vector(seed, datatype)
                let scores = stored.keys.map { ($0, score(query, $0)) }
                    .sorted { metric.higherIsBetter ? $0.1 > $1.1 : $0.1 < $1.1 }
                var request = QueryRequest(nearest: query, limit: 10)
                request.parameters = SearchParameters(exact: true)
                let exact = try collection.query(request)
                for (found, best) in zip(exact, scores) {
                    #expect(abs(found.score - best.1) <= max(1, abs(best.1)) * 2e-3)
                }
                // The order is exact by what is told.
                let exactScores = exact.map(\.score)
                #expect(
                    exactScores
                        == exactScores.sorted { metric.higherIsBetter ? $0 > $1 : $0 < $1 })
                request.parameters = SearchParameters(ef: 200)
                let found = try collection.query(request)
                let truth = Dictionary(
                    exact.map { ($0.id, $0.score) }, uniquingKeysWith: { first, _ in first })
                for point in found {
                    if let score = truth[point.id] {
                        hits += 1
                        #expect(point.score == score)
                    }
                }
            }
            #expect(Double(hits) / 100 >= recallMin)
        }
    }

    @Test(
        "They are kept through sealing, reopening, merging and updates", arguments: datatypes,
        Metric.allCases)
    func life(datatype: VectorDatatype, metric: Metric) throws {
        let disk = SimulatedFileSystem(seed: 1)
        var oracle = Oracle(datatype, metric)
        var database = try Self.open(disk)
        var collection = try database.createCollection("c", Self.configuration(datatype, metric))
        let first = Self.points(0..<Self.rows, datatype)
        try collection.upsert(first)
        oracle.put(first)
        try oracle.check(collection)
        // From the log.
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try oracle.check(collection)
        try collection.seal()
        try oracle.check(collection)
        // Some replaced, some deleted, some new.
        let second = (0..<50).map {
            Point(id: .number(UInt64($0)), vector: Self.vector($0 + 4000, datatype), payload: [:])
        }
        let third = Self.points(Self.rows..<Self.rows + 100, datatype)
        try collection.upsert(second + third)
        oracle.put(second + third)
        try collection.delete(.ids((100..<120).map { .number(UInt64($0)) }))
        for id in UInt64(100)..<120 { oracle.stored[id] = nil }
        try collection.seal()
        try oracle.check(collection)
        try collection.compact()
        try oracle.check(collection)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        try oracle.check(try database.collection("c"))
        try database.close()
    }

    @Test("Files and memory hold two bytes or one a component", arguments: [nil] + datatypes)
    func sizes(datatype: VectorDatatype?) throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Self.open(disk)
        let collection = try database.createCollection(
            "c", Self.configuration(datatype, .euclid))
        try collection.upsert(Self.points(0..<Self.rows, datatype))
        // 40 components, in whole cache lines.
        let row = datatype == .uint8 ? 64 : datatype == .float16 ? 128 : 192
        #expect(collection.info().usage[.vectors].memory == Self.rows * row)
        try collection.seal()
        let usage = collection.info().usage
        #expect(usage[.vectors].memory == Self.rows * row)
        // Bytes are their own codes.
        #expect(usage[.codes].disk == (datatype == .uint8 ? 0 : Self.rows * 64))
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        #expect(try reader.descriptor("vectors.0").byteCount == Self.rows * row)
        #expect(reader.hasSection("codes.0") == (datatype != .uint8))
        // Files of floats are those of the version before.
        let meta = String(decoding: unsafe Array(try reader.section("meta")), as: UTF8.self)
        #expect(meta.contains("\"formatVersion\":\(datatype == nil ? 1 : 2)"), "\(meta)")
        #expect(meta.contains("\"datatype\"") == (datatype != nil))
        try database.close()
    }

    @Test(
        "Codes of few bits and lists work over them", arguments: datatypes,
        [Metric.euclid, .cosine, .dot])
    func indexes(datatype: VectorDatatype, metric: Metric) throws {
        for hasLists in [false, true] {
            let disk = SimulatedFileSystem(seed: 1)
            var oracle = Oracle(datatype, metric)
            var database = try Self.open(disk)
            var configuration = Self.configuration(datatype, metric)
            var field = try #require(configuration.vectors[""])
            if hasLists { field.ivf = IVFConfiguration(lists: 8, probes: 8) }
            configuration.vectors[""] = field
            configuration.quantization = .turbo(alwaysRAM: nil, bits: "bits4")
            let collection = try database.createCollection("c", configuration)
            let points = Self.points(0..<Self.rows, datatype)
            try collection.upsert(points)
            oracle.put(points)
            try collection.seal()
            // Random vectors have no near neighbours that codes could tell well.
            try oracle.check(collection, recallMin: hasLists ? 0.7 : 0.9)
            try collection.delete(.ids((0..<40).map { .number(UInt64($0)) }))
            for id in UInt64(0)..<40 { oracle.stored[id] = nil }
            try collection.upsert(Self.points(700..<720, datatype))
            oracle.put(Self.points(700..<720, datatype))
            try collection.seal()
            try collection.compact()
            try oracle.check(collection, recallMin: hasLists ? 0.7 : 0.9)
            try database.close()
            #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
            database = try Self.open(disk)
            try oracle.check(
                try database.collection("c"), recallMin: hasLists ? 0.7 : 0.9)
            try database.close()
        }
    }

    @Test("Repair keeps the rows that are not hurt, bit for bit", arguments: datatypes)
    func repair(datatype: VectorDatatype) throws {
        let disk = SimulatedFileSystem(seed: 1)
        var oracle = Oracle(datatype, .euclid)
        var database = try Self.open(disk)
        // More than one piece of 64 KiB, of which each has a sum.
        let rows = 1400
        let collection = try database.createCollection(
            "c", Self.configuration(datatype, .euclid))
        let points = Self.points(0..<rows, datatype)
        try collection.upsert(points)
        oracle.put(points)
        try collection.seal()
        try database.close()
        let reader = try SegmentReader.open(fileSystem: disk, path: Self.path)
        let ids = try reader.rowIDs()
        let section = try reader.descriptor("vectors.0")
        let rowByteCount = datatype == .uint8 ? 64 : 128
        #expect(section.byteCount == rows * rowByteCount)
        try disk.flip(bit: 3, ofByte: section.offset + 100, in: Self.path)
        #expect(try Database.check(at: "/db", fileSystem: disk).faults.count == 1)
        let report = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
        let lost = (65_536 + rowByteCount - 1) / rowByteCount
        #expect(report.isComplete && report.lostPointCount == lost)
        for id in ids.prefix(lost) { oracle.stored[id] = nil }
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        try oracle.check(try database.collection("c"))
        try database.close()
    }

    @Test("Snapshots bring them back", arguments: datatypes)
    func snapshots(datatype: VectorDatatype) throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path, configuration: .quiet)
        var oracle = Oracle(datatype, .cosine)
        let collection = try database.createCollection(
            "c", Self.configuration(datatype, .cosine))
        let points = Self.points(0..<200, datatype)
        oracle.put(points)
        try collection.upsert(Array(points[..<150]))
        try collection.seal()
        // These are in the log.
        try collection.upsert(Array(points[150...]))
        let snapshot = try collection.createSnapshot()
        try collection.delete(.ids([1, 2, 3]))
        try database.restoreCollection(
            "copy", from: .snapshot(name: snapshot.name, collection: "c"), replacing: false)
        let copy = try database.collection("copy")
        try oracle.check(copy)
        #expect(copy.info().configuration == collection.info().configuration)
        try database.close()
    }

    @Test("A file whose datatype is not the collection's is damage, and no trap")
    func otherDatatype() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Self.open(disk)
        let collection = try database.createCollection(
            "c", Self.configuration(.float16, .euclid))
        try collection.upsert(Self.points(0..<50, .float16))
        try collection.seal()
        try database.close()
        for replacement in ["\"uint8\"  ", "\"float32\"", "\"float64\""] {
            let copy = disk.afterKill()
            let reader = try SegmentReader.open(fileSystem: copy, path: Self.path)
            let writer = try SegmentWriter(fileSystem: copy, path: Self.path)
            for section in reader.sections {
                var bytes = unsafe Array(try reader.section(section.name))
                if section.name == "meta" {
                    bytes = Array(
                        String(decoding: bytes, as: UTF8.self)
                            .replacing("\"float16\"", with: replacement).utf8)
                }
                try writer.addSection(
                    name: section.name, encoding: section.encoding, bytes: bytes)
            }
            try writer.finish()
            let faults = try Database.check(at: "/db", fileSystem: copy).faults
            #expect(faults.contains { $0.contains(Self.path) }, "\(replacement): \(faults)")
        }
    }
}
