import Apus
import ApusStorage
import TestSupport

/// The database that golden files hold: two small collections with everything that the format knows,
/// and snapshots of them.
///
/// `books` has one dense field under cosine, two sealed segments, a deletion file, an index on a
/// payload field, and a tail of batches that are in the log only. `mixed` has named dense vectors
/// of two metrics (one of them absent from some points), a sparse and a multi vector field, ids of
/// both kinds, one sealed segment and a tail. `wide` has a segment with 8-bit codes. `recent` is in
/// the log only, with most of its graph in a checkpoint. `halves` and `bytes` have fields of these
/// datatypes, with codes of few bits and without, in a segment and in the log; `lists` has an IVF-PQ
/// index, and `many` so many points that recall was measured. A snapshot of `books` and one of everything
/// are kept, and the latter as an archive. What is written here must not change: the files of a
/// format version are made once.
enum GoldenDatabase {
    static let bookCount = 60
    static let recentCount = 300
    private static let dimension = 8

    /// Writes the database to one path, and the archive to another.
    static func make(at path: String, archive: String) throws {
        var generator = SeededGenerator(seed: 1)
        var configuration = EngineConfiguration()
        configuration.checkpointRowsMin = recentCount / 2
        configuration.reservedBytes = 0
        configuration.mergesInBackground = false
        let database = try Database.open(
            at: path, configuration: configuration, fileSystem: PosixFileSystem(),
            now: { 1_767_225_600_000 })
        try makeBooks(database, &generator)
        try makeMixed(database, &generator)
        try makeWide(database, &generator)
        try makeRecent(database, &generator)
        try makeDatatypes(database, &generator)
        try makeLists(database, &generator)
        try makeMany(database, &generator)
        try database.changeAliases([.create(alias: "library", collection: "books")])
        try database.collection("books").createSnapshot()
        let snapshot = try database.createSnapshot()
        try database.writeArchive(snapshot.name, of: nil, to: archive)
        try database.close()
    }

    private static func makeBooks(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        let books = try database.createCollection(
            "books",
            CollectionConfiguration(
                dimension: dimension, metric: .cosine,
                hnsw: HNSWConfiguration(m: 4, efConstruct: 32, fullScanThreshold: 0)))
        if let year = PayloadPath("year") {
            try books.createPayloadIndex(year, PayloadFieldSchema(type: .integer))
        }
        let points = (0..<bookCount).map { number in
            Point(
                id: .number(UInt64(number)), vector: vector(dimension, &generator),
                payload: payload(number))
        }
        try books.upsert(Array(points[..<30]))
        try books.upsert(Array(points[30..<40]))
        try books.seal()
        // Deleted and replaced rows of the first segment: the second one's manifest names them.
        try books.delete(.ids([3, 4, 5, 39]))
        try books.upsert([
            Point(id: 7, vector: vector(dimension, &generator), payload: ["title": "replaced"])
        ])
        try books.upsert(Array(points[40..<50]))
        try books.seal()
        // From here on everything is in the log only.
        try books.upsert(Array(points[50...]))
        try books.delete(.ids([8, 41, 50]))
        if let shelf = PayloadPath("shelf") {
            _ = try books.write([.deletePayload(keys: [shelf], .ids([9]))])
        }
        _ = try books.write([.setPayload(["read": true], key: nil, .ids([10, 51]))])
    }

    private static func makeMixed(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        var configuration = CollectionConfiguration(
            vectors: [
                "text": DenseVectorConfiguration(dimension: 20, metric: .dot),
                "image": DenseVectorConfiguration(dimension: 3, metric: .euclid),
                "tokens": DenseVectorConfiguration(
                    dimension: 4, metric: .cosine, isMultiVector: true),
            ],
            sparseVectors: ["words": SparseVectorConfiguration(modifier: .idf)])
        configuration.metadata = ["made": "once"]
        let mixed = try database.createCollection("mixed", configuration)
        let points = (0..<24).map { number -> Point in
            var vectors: [String: Vector] = [
                "text": .dense(vector(20, &generator)),
                "words": .sparse(
                    SparseVector(
                        indices: [UInt32(number % 5), 1000 + UInt32(number), .max - 1],
                        values: vector(3, &generator))),
                "tokens": .multi((0..<(1 + number % 3)).map { _ in vector(4, &generator) }),
            ]
            if number % 4 != 0 { vectors["image"] = .dense(vector(3, &generator)) }
            if number % 6 == 5 { vectors["words"] = nil }
            let id: PointID =
                number % 2 == 0
                ? .number(UInt64.max - UInt64(number))
                : .uuid(UUIDBytes(high: generator.next(), low: generator.next()))
            return Point(id: id, vectors: vectors, payload: ["number": .integer(Int64(number))])
        }
        try mixed.upsert(Array(points[..<16]))
        try mixed.seal()
        try mixed.upsert(Array(points[16...]))
        try mixed.delete(.ids([points[0].id, points[17].id]))
        _ = try mixed.write([.deleteVectors(names: ["text", "words"], .ids([points[1].id]))])
    }

    private static func makeWide(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        let wide = try database.createCollection(
            "wide",
            CollectionConfiguration(
                dimension: 32, metric: .euclid,
                hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)))
        try wide.upsert(
            (0..<40).map { Point(id: .number(UInt64($0)), vector: vector(32, &generator)) })
        try wide.seal()
    }

    private static func makeRecent(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        let recent = try database.createCollection(
            "recent",
            CollectionConfiguration(
                dimension: 2, metric: .manhattan,
                hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)))
        try recent.upsert(
            (0..<recentCount).map {
                Point(id: .number(UInt64($0)), vector: vector(2, &generator))
            })
        try recent.waitUntilIndexed()
        // These are in no checkpoint.
        try recent.delete(.ids([7, 8]))
        try recent.upsert([Point(id: 9, vector: [1, 2])])
    }

    private static func makeDatatypes(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        for (name, datatype) in [("halves", VectorDatatype.float16), ("bytes", .uint8)] {
            let typed = try database.createCollection(
                name,
                CollectionConfiguration(
                    vectors: [
                        "cosine": DenseVectorConfiguration(
                            dimension: 70, metric: .cosine,
                            quantization: .turbo(alwaysRAM: nil, bits: nil), datatype: datatype),
                        "euclid": DenseVectorConfiguration(
                            dimension: 40, metric: .euclid, datatype: datatype),
                        "rows": DenseVectorConfiguration(
                            dimension: 3, metric: .dot, datatype: datatype, isMultiVector: true),
                    ],
                    hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)))
            func some(_ count: Int) -> [Float] {
                let vector = vector(count, &generator)
                return datatype == .uint8 ? vector.map { ($0 + 2) * 60 } : vector
            }
            let points = (0..<60).map { number in
                var vectors: [String: Vector] = [
                    "cosine": .dense(some(70)), "rows": .multi([some(3), some(3)]),
                ]
                if number % 5 != 0 { vectors["euclid"] = .dense(some(40)) }
                return Point(id: .number(UInt64(number)), vectors: vectors)
            }
            try typed.upsert(Array(points[..<50]))
            try typed.seal()
            try typed.upsert(Array(points[50...]))
            try typed.delete(.ids([2, 51]))
        }
    }

    private static func makeLists(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        let lists = try database.createCollection(
            "lists",
            CollectionConfiguration(
                vectors: [
                    "": DenseVectorConfiguration(
                        dimension: dimension, metric: .euclid,
                        ivf: IVFConfiguration(lists: 6, parts: 4))
                ]))
        try lists.upsert(
            (0..<200).map { Point(id: .number(UInt64($0)), vector: vector(dimension, &generator)) })
        try lists.seal()
    }

    private static func makeMany(
        _ database: Database, _ generator: inout SeededGenerator
    ) throws {
        let many = try database.createCollection(
            "many",
            CollectionConfiguration(
                dimension: 2, metric: .euclid,
                hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)))
        try many.upsert(
            (0..<1000).map { Point(id: .number(UInt64($0)), vector: vector(2, &generator)) })
        try many.seal()
    }

    private static func vector(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float(Int.random(in: -64...64, using: &generator)) / 32 + 0.01 }
    }

    private static func payload(_ number: Int) -> Payload {
        [
            "title": .string("Book \(number) – été 本"),
            "year": .integer(Int64(1900 + number)),
            "price": .double(Double(number) / 4),
            "shelf": .object(["row": .integer(Int64(number % 3)), "free": .null]),
            "tags": .array([.string("even"), .bool(number % 2 == 0), .integer(-1)]),
        ]
    }

    /// The searches whose answers are kept beside the files.
    static func queries(_ collection: String) -> [String: QueryRequest] {
        let probe: [Float] = (0..<20).map { Float($0 % 7) / 7 - 0.4 }
        switch collection {
        case "books":
            var exact = QueryRequest(nearest: Array(probe.prefix(dimension)), limit: 12)
            exact.parameters.exact = true
            var graph = exact
            graph.parameters = SearchParameters(ef: 100)
            var filtered = exact
            if let year = PayloadPath("year") {
                filtered.filter = Filter(
                    must: [.field(year, .range(NumericRange(lessThan: 1930)))])
            }
            return ["exact": exact, "graph": graph, "filtered": filtered]
        case "recent", "wide":
            let dimension = collection == "wide" ? 32 : 2
            var exact = QueryRequest(
                nearest: (0..<dimension).map { 0.5 - Float($0) / 4 }, limit: 12)
            exact.parameters.exact = true
            var graph = exact
            graph.parameters = SearchParameters(ef: 300)
            return ["exact": exact, "graph": graph]
        case "mixed":
            var result: [String: QueryRequest] = [:]
            let inputs: [String: Vector] = [
                "text": .dense(probe), "image": .dense(Array(probe.prefix(3))),
                "tokens": .multi([Array(probe.prefix(4)), Array(probe.suffix(4))]),
                "words": .sparse(SparseVector(indices: [1, 2, .max - 1], values: [1, 2, 0.5])),
            ]
            for (field, input) in inputs {
                var request = QueryRequest(
                    query: .nearest(.vector(input)), using: field, limit: 8)
                request.parameters.exact = true
                result[field] = request
            }
            return result
        case "halves", "bytes":
            var result: [String: QueryRequest] = [:]
            let some = (0..<70).map { Float($0 * 7 % 50) }
            let inputs: [String: Vector] = [
                "cosine": .dense(some), "euclid": .dense(Array(some.prefix(40))),
                "rows": .multi([Array(some.prefix(3)), Array(some.suffix(3))]),
            ]
            for (field, input) in inputs {
                var request = QueryRequest(
                    query: .nearest(.vector(input)), using: field, limit: 8)
                request.parameters = SearchParameters(ef: 100)
                result[field] = request
                request.parameters = SearchParameters(exact: true)
                result["\(field), exact"] = request
            }
            return result
        case "lists", "many":
            let count = collection == "lists" ? dimension : 2
            var exact = QueryRequest(nearest: Array(probe.prefix(count)), limit: 12)
            exact.parameters.exact = true
            var index = exact
            index.parameters = SearchParameters(ef: 200)
            if collection == "lists" { index.parameters.probes = 6 }
            return ["exact": exact, "index": index]
        default: return [:]
        }
    }
}
