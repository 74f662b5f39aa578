import Apus
import ApusStorage
import TestSupport
import Testing

/// A small database with every kind of file, on a simulated disk, and what is in it.
struct DamagedDatabase {
    static let path = "/data"

    /// Closed and durable.
    let disk: SimulatedFileSystem
    /// Points by id, of each collection.
    let model: [String: [PointID: Point]]

    /// Two segments with deletions and a tail in the log (`books`); named, missing and sparse
    /// vectors (`mixed`); aliases.
    init(seed: UInt64 = 1, bookCount: Int = 240) throws {
        disk = SimulatedFileSystem(directories: [Self.path], seed: seed)
        var generator = SeededGenerator(seed: seed)
        let database = try Self.open(disk)
        var books: [PointID: Point] = [:]
        var settings = CollectionConfiguration(dimension: 8, metric: .euclid)
        // Searches walk the graph, however small it is.
        settings.hnsw.fullScanThreshold = 0
        let collection = try database.createCollection("books", settings)
        func write(_ ids: Range<Int>) throws {
            let points = ids.map { id in
                Point(
                    id: .number(UInt64(id)),
                    vector: (0..<8).map { _ in Float.random(in: -1...1, using: &generator) },
                    payload: ["n": .integer(Int64(id)), "text": .string("point number \(id)")])
            }
            try collection.upsert(points)
            for point in points { books[point.id] = point }
        }
        try write(0..<(bookCount / 2))
        try collection.seal()
        // Some of the first segment's points are written again, some deleted.
        try write((bookCount / 2 - 10)..<bookCount)
        try collection.delete(.ids((0..<10).map { .number(UInt64($0 * 3)) }))
        for id in 0..<10 { books[.number(UInt64(id * 3))] = nil }
        try collection.seal()
        try write(bookCount..<(bookCount + 4))
        try collection.delete(.ids([1]))
        books[1] = nil
        let tail = PointID.number(UInt64(bookCount + 1))
        try collection.delete(.ids([tail]))
        books[tail] = nil

        var configuration = CollectionConfiguration(vectors: [
            "left": DenseVectorConfiguration(dimension: 4, metric: .cosine),
            "right": DenseVectorConfiguration(dimension: 3, metric: .dot),
        ])
        configuration.sparseVectors["words"] = SparseVectorConfiguration()
        let mixed = try database.createCollection("mixed", configuration)
        let points = (0..<40).map { id in
            var vectors: [String: Vector] = [
                "left": .dense([1, Float(id), 2, 3]),
                "words": .sparse(SparseVector(indices: [UInt32(id % 7), 50], values: [1, 2])),
            ]
            if id % 3 == 0 { vectors["right"] = .dense([Float(id), 1, 2]) }
            return Point(
                id: .uuid(UUIDBytes(high: 7, low: UInt64(id))), vectors: vectors,
                payload: ["n": .integer(Int64(id))])
        }
        try mixed.upsert(points)
        try mixed.seal()
        try database.changeAliases([.create(alias: "library", collection: "books")])
        try database.close()
        model = [
            "books": books,
            "mixed": Dictionary(uniqueKeysWithValues: points.map { ($0.id, $0) }),
        ]
    }

    static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.writeThreads = 1
        configuration.indexThreads = 1
        configuration.sealOnCloseRowsMin = 100_000
        configuration.mergesInBackground = false
        return try Database.open(at: path, configuration: configuration, fileSystem: disk)
    }

    static func check(_ disk: SimulatedFileSystem) throws -> CheckReport {
        try Database.check(at: path, fileSystem: disk)
    }

    static func repair(
        _ disk: SimulatedFileSystem, _ configure: (inout RepairOptions) -> Void = { _ in }
    ) throws -> RepairReport {
        var options = RepairOptions()
        configure(&options)
        return try Database.repair(at: path, options: options, fileSystem: disk)
    }

    var filePaths: [String] {
        disk.files.keys.filter { !$0.hasSuffix("/LOCK") }.sorted()
    }

    func file(_ part: String) throws -> String {
        try #require(filePaths.first { $0.contains(part) }, "no file with \(part)")
    }

    /// What a collection gives that it should not, or gives wrongly; points that are missing are
    /// told apart. Reads that throw corruption are no wrong answers.
    func wrongAnswers(
        of name: String, in database: Database
    ) throws -> (wrong: [String], missing: Set<PointID>, isComplete: Bool) {
        let expected = try #require(model[name])
        let collection = try database.collection(name)
        try collection.waitUntilIndexed()
        var wrong: [String] = []
        var found: Set<PointID> = []
        var isComplete = true
        // The ids alone first: they need no payload.
        let ids = try collection.scroll(
            ScrollRequest(limit: 10_000, withPayload: .none, withVectors: .none)
        ).points.map(\.id)
        for id in ids {
            found.insert(id)
            guard let point = expected[id] else {
                wrong.append("\(name): point \(id) should not be there")
                continue
            }
            do {
                let record = try #require(
                    try collection.retrieve([id], withPayload: .all, withVectors: .all).first)
                if record.payload != point.payload { wrong.append("\(name): payload of \(id)") }
                if name == "books", record.vectors?[""] != point.vectors[""] {
                    wrong.append("\(name): vector of \(id)")
                }
            } catch let error as DatabaseError where error.kind == .corruption {
                isComplete = false
            }
        }
        if name == "books" {
            // What is nearest among the points that are there, by exact computation.
            let query: [Float] = [0.1, 0.2, -0.3, 0.4, 0, 0.6, -0.7, 0.8]
            let hits = try collection.query(
                QueryRequest(
                    query: .nearest(.vector(.dense(query))),
                    parameters: SearchParameters(ef: 300), limit: 5))
            let best = found.compactMap { id -> (PointID, Float)? in
                guard case .dense(let vector)? = expected[id]?.vectors[""] else { return nil }
                return (id, zip(vector, query).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
            }.sorted { $0.1 < $1.1 }.prefix(5).map(\.0)
            if hits.map(\.id) != best { wrong.append("\(name): nearest are not the nearest") }
        }
        return (wrong, Set(expected.keys).subtracting(found), isComplete)
    }
}
