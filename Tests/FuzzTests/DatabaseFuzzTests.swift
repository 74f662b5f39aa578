import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

/// One file of a database is changed; then the database is opened, read in every way, written to,
/// closed and opened again. `Fixtures/fuzz/database` holds its files, `__` standing for `/`.
@Suite("Fuzzing whole databases") struct DatabaseFuzzTests {
    static let root = "db"

    static var configuration: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        configuration.writeThreads = 1
        configuration.reservedBytes = 0
        configuration.segmentRowsMax = 1024
        configuration.segmentBytesMax = 1 << 20
        configuration.checkpointRowsMin = 100
        return configuration
    }

    @Test("A database with one changed file") func database() async throws {
        if FuzzSettings(ProcessInfo.processInfo.environment).writesCorpus {
            try FuzzCorpus.write(try Self.samples(), of: "database")
        }
        let disk = try Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "database", share: 0.005, tokens: Self.tokens,
                repair: { input in ChecksumRepair(path: input.path)?.apply(to: &input.bytes) },
                samples: { [] },
                run: { input in
                    let changed = disk.afterKill()
                    try changed.put(input.bytes, at: Self.path(of: input))
                    return try Self.use(changed)
                }))
    }

    /// The database of the corpus.
    static func disk() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(directories: [root])
        for file in try FuzzCorpus.inputs(of: "database") where file.name == file.purpose {
            let path = path(of: file)
            let folders = path.split(separator: "/").dropLast()
            for depth in folders.indices {
                try disk.makeDirectoryIfNeeded(folders[...depth].joined(separator: "/"))
            }
            try disk.put(file.bytes, at: path)
        }
        return disk
    }

    static let tokens = [
        "null", "-1", "0", "1e30", "true", "\"dimension\":", "\"metric\":", "\"rowCount\":",
        "9223372036854775807", "\"cosine\"", "\"dot\"", "{", "}", "\"\"", "65536", "[]",
        "\"datatype\":", "\"storedAs\":", "\"float16\"", "\"uint8\"", "\"formatVersion\":2",
    ]

    static func path(of input: FuzzInput) -> String { "\(root)/\(input.path)" }

    // MARK: Using what is there

    /// Reads and writes what is there, closes it, and opens it again.
    static func use(_ disk: SimulatedFileSystem, at path: String = root) throws -> FuzzOutcome {
        let database: Database
        do {
            database = try Database.open(
                at: path, configuration: configuration, fileSystem: disk)
        } catch let error as DatabaseError {
            try check(error)
            return .refused
        }
        var isWhole = true
        var counts: [String: Int] = [:]
        for name in database.collectionNames() {
            // A collection that is damaged as a whole is there by name, and says why it is not
            // opened; the others are served.
            isWhole =
                try succeeds([
                    {
                        let collection = try database.collection(name)
                        let isRead = try read(collection)
                        let isWritten = try write(collection)
                        let isHealthy = collection.info().degradations.isEmpty
                        if isRead, isWritten, isHealthy {
                            counts[name] = try collection.count()
                        }
                    }
                ]) && counts[name] != nil && isWhole
        }
        do {
            try database.close()
        } catch let error as DatabaseError {
            try check(error)
            isWhole = false
        }
        guard isWhole else { return .refused }
        let again = try Database.open(at: path, configuration: configuration, fileSystem: disk)
        defer { try? again.close() }
        for (name, count) in counts {
            let found = try again.collection(name).count()
            try expect(found == count, "\(name): \(count) points became \(found)")
        }
        return .accepted
    }

    static func check(_ error: DatabaseError) throws(FuzzFailure) {
        FuzzSettings.tell(error)
        try expect(error.kind != .internalError, "an internal error: \(error)")
    }

    /// Runs each step; false when one of them told of damage.
    private static func succeeds(_ steps: [() throws -> Void]) throws -> Bool {
        var isWhole = true
        for step in steps {
            do {
                try step()
            } catch let error as DatabaseError {
                try check(error)
                isWhole = false
            }
        }
        return isWhole
    }

    private static func read(_ collection: Collection) throws -> Bool {
        var steps: [() throws -> Void] = [
            { _ = collection.info() },
            { _ = try collection.scroll(ScrollRequest(limit: 1000, withVectors: .all)) },
            { _ = try collection.retrieve([0, 7, 3, 500], withVectors: .all) },
        ]
        if let path = PayloadPath("n") {
            let filter = Filter(must: [.field(path, .range(NumericRange(lessThan: 20)))])
            steps.append { _ = try collection.count(filter) }
            if collection.info().payloadSchema.contains(where: { $0.field == path }) {
                steps.append {
                    let order = OrderBy(key: path)
                    _ = try collection.scroll(ScrollRequest(limit: 9, orderBy: order))
                }
            }
        }
        let fields = vectors(for: collection.configuration)
        for (name, vector) in fields {
            for isExact in [true, false] {
                var request = QueryRequest(
                    query: .nearest(.vector(vector)), using: name, limit: 7, withPayload: .all,
                    withVectors: .all)
                request.parameters.exact = isExact
                steps.append { _ = try collection.query(request) }
            }
        }
        return try succeeds(steps)
    }

    /// A vector for each field as the collection declares it, unless that is very large.
    private static func vectors(for configuration: CollectionConfiguration) -> [String: Vector] {
        var result: [String: Vector] = [:]
        for (name, field) in configuration.vectors where (1...4096).contains(field.dimension) {
            let floats = (0..<field.dimension).map { Float($0 % 5) - 1.5 }
            result[name] = field.isMultiVector ? .multi([floats, floats]) : .dense(floats)
        }
        for name in configuration.sparseVectors.keys {
            result[name] = .sparse(SparseVector(indices: [1, 2, 900], values: [1, -1, 2]))
        }
        return result
    }

    private static func write(_ collection: Collection) throws -> Bool {
        let vectors = vectors(for: collection.configuration)
        return try succeeds([
            { try collection.upsert([Point(id: 500, vectors: vectors, payload: ["n": 1])]) },
            { try collection.delete(.ids([1, 500])) },
            {
                let known = try collection.retrieve([2, 3]).map(\.id)
                _ = try collection.write([.setPayload(["m": 2], key: nil, .ids(known))])
            },
            { try collection.waitUntilIndexed() },
        ])
    }

    // MARK: The database of the corpus

    private static func samples() throws -> [FuzzInput] {
        let disk = SimulatedFileSystem(directories: [root])
        let database = try Database.open(at: root, configuration: configuration, fileSystem: disk)
        var random = SeededGenerator(seed: 4)
        func vector(_ count: Int) -> [Float] {
            (0..<count).map { _ in Float(Int.random(in: -8...8, using: &random)) / 4 + 0.01 }
        }
        func point(_ number: Int, _ vectors: [String: Vector]) -> Point {
            Point(
                id: .number(UInt64(number)), vectors: vectors,
                payload: ["n": .integer(Int64(number)), "t": "text", "l": [1.5, nil]])
        }
        let dense = try database.createCollection(
            "dense",
            CollectionConfiguration(
                dimension: 4, metric: .cosine,
                hnsw: HNSWConfiguration(m: 2, efConstruct: 8, fullScanThreshold: 0)))
        if let path = PayloadPath("n") {
            try dense.createPayloadIndex(path, PayloadFieldSchema(type: .integer))
        }
        try dense.upsert((0..<20).map { point($0, ["": .dense(vector(4))]) })
        try dense.seal()
        try dense.delete(.ids([4, 5]))
        try dense.upsert((20..<25).map { point($0, ["": .dense(vector(4))]) })
        try dense.seal()
        // Enough for a graph checkpoint of what is only in the log.
        for start in stride(from: 30, to: 630, by: 300) {
            try dense.upsert(
                (start..<(start + 300)).map {
                    Point(id: .number(UInt64($0)), vector: vector(4), payload: [:])
                })
        }
        try dense.waitUntilIndexed()
        let mixed = try database.createCollection(
            "mixed",
            CollectionConfiguration(
                vectors: [
                    "a": DenseVectorConfiguration(dimension: 3, metric: .dot),
                    "m": DenseVectorConfiguration(
                        dimension: 2, metric: .euclid, isMultiVector: true),
                ],
                sparseVectors: ["s": SparseVectorConfiguration(modifier: .idf)]))
        func mixedPoint(_ number: Int) -> Point {
            var vectors: [String: Vector] = [
                "m": .multi([vector(2), vector(2)]),
                "s": .sparse(SparseVector(indices: [1, UInt32(number)], values: vector(2))),
            ]
            if number % 3 != 0 { vectors["a"] = .dense(vector(3)) }
            return point(number, vectors)
        }
        try mixed.upsert((2..<12).map(mixedPoint))
        try mixed.seal()
        try mixed.upsert((12..<16).map(mixedPoint))
        try database.changeAliases([.create(alias: "other", collection: "dense")])
        try database.close()
        return try disk.files.keys.sorted().compactMap { (path) -> FuzzInput? in
            guard !path.hasSuffix("/LOCK") else { return nil }
            let name = path.split(separator: "/").dropFirst().joined(separator: "__")
            return FuzzInput(name: name, bytes: try disk.bytes(of: path))
        }
    }
}
