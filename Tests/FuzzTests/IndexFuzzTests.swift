import ApusCore
import ApusIndex
import ApusKernels
import TestSupport
import Testing

/// Sections of segment files that searches use where they lie.
@Suite("Fuzzing index sections") struct IndexFuzzTests {
    private static let rowCount = 40
    /// Rows that a graph gets on top of sections that were accepted, or after refused ones: few,
    /// because they are most of the work.
    private static let growth = 12
    private static let dimension = 3
    private static let parameters = HNSWParameters(
        m: 2, efConstruct: 8, metric: .euclid, dimension: dimension)

    /// Vectors for more rows than the sections cover.
    private static func arena() throws -> VectorArena {
        var random = SeededGenerator(seed: 3)
        let arena = try VectorArena(dimension: dimension, capacity: rowCount + growth)
        for row in 0..<(rowCount + growth) {
            arena.store(
                (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }, at: row)
        }
        return arena
    }

    private static func isPresent(_ row: Int) -> Bool { row % 10 != 3 }

    private static func built(_ arena: VectorArena, rows: Int, pool: WorkerPool) throws -> HNSWIndex
    {
        let index = try HNSWIndex(
            parameters: parameters, vectors: arena.space, capacity: rowCount + growth, owner: arena)
        index.insert(upTo: rows, finish: true, isPresent: isPresent, pool: pool)
        index.connectUnreachable()
        return index
    }

    private static func samples(_ pool: WorkerPool) throws -> [FuzzInput] {
        let arena = try arena()
        return try [0, 1, 7, rowCount].map { rows in
            let index = try built(arena, rows: rows, pool: pool)
            return FuzzInput(name: "hnsw~\(rows)", bytes: joined(of: index))
        }
    }

    /// All sections: the length of each as u32, then the sections.
    private static func joined(of index: HNSWIndex) -> [UInt8] {
        var lengths = ByteWriter()
        var sections = ByteWriter()
        unsafe index.withEncodedSections { _, bytes in
            lengths.write(UInt32(bytes.count))
            unsafe sections.write(bytes: bytes)
        }
        return lengths.bytes + sections.bytes
    }

    @Test("Graphs in segment files") func graph() async throws {
        let pool = WorkerPool(name: "fuzz", threadCount: 1)
        defer { pool.shutdown() }
        let arena = try Self.arena()
        let queries: [[Float]] = [[0, 0, 0], [1, -1, 0.5], [.infinity, .nan, -1]]
        try await fuzz(
            FuzzTarget(
                name: "hnsw", samples: { try Self.samples(pool) },
                run: { input in
                    let sections = SplitSections<HNSWFormat.Section>(input.bytes)
                    return try refusing(with: MalformedBytes.self) {
                        for residency in [
                            HNSWIndex.Residency.mapped,
                            .memory(capacity: Self.rowCount + Self.growth),
                        ] {
                            let index = unsafe try HNSWIndex.open(
                                sections: sections.buffers, vectors: arena.space,
                                vectorCount: Self.rowCount, residency: residency, owner: sections)
                            for query in queries {
                                let found = index.search(query, k: 5, ef: 16)
                                try expect(
                                    found.allSatisfy { $0.ordinal < Self.rowCount },
                                    "a row that is not there was found")
                            }
                            try Self.reencode(index, arena)
                        }
                    }
                }))
    }

    /// What was accepted is written so that it is accepted again.
    private static func reencode(_ index: HNSWIndex, _ arena: VectorArena) throws {
        let bytes = joined(of: index)
        let sections = SplitSections<HNSWFormat.Section>(bytes)
        do {
            let again = unsafe try HNSWIndex.open(
                sections: sections.buffers, vectors: arena.space, vectorCount: rowCount,
                residency: .mapped, owner: sections)
            try expect(joined(of: again) == bytes, "another graph comes back")
        } catch let error as MalformedBytes {
            throw FuzzFailure("what was accepted is refused when it is written: \(error)")
        }
    }

    @Test("Graph checkpoints, taken over by an index that grows on") func checkpoint() async throws
    {
        let pool = WorkerPool(name: "fuzz", threadCount: 1)
        defer { pool.shutdown() }
        let arena = try Self.arena()
        let small = Self.joined(of: try Self.built(arena, rows: Self.growth, pool: pool))
        try await fuzz(
            FuzzTarget(
                name: "hnsw-grow", samples: { try Self.samples(pool) },
                run: { input in
                    let sections = SplitSections<HNSWFormat.Section>(input.bytes)
                    let index = try HNSWIndex(
                        parameters: Self.parameters, vectors: arena.space,
                        capacity: Self.rowCount + Self.growth, owner: arena)
                    let outcome = try refusing(with: MalformedBytes.self) {
                        unsafe try index.adopt(
                            sections: sections.buffers, rowCount: Self.rowCount)
                    }
                    let isAccepted = outcome == .accepted
                    let rows = isAccepted ? Self.rowCount + Self.growth : Self.growth
                    index.insert(upTo: rows, finish: true, isPresent: Self.isPresent, pool: pool)
                    index.connectUnreachable()
                    _ = index.search([0, 1, 0], k: 5, ef: 16)
                    if !isAccepted {
                        try expect(
                            Self.joined(of: index) == small,
                            "sections that were refused left something behind")
                    }
                    return outcome
                }))
    }

    @Test("Inverted lists") func sparse() async throws {
        let query = SparseVector(
            indices: Array(0..<30) + [.max], values: [Float](repeating: 1, count: 31))
        try await fuzz(
            FuzzTarget(
                name: "sparse",
                samples: {
                    var random = SeededGenerator(seed: 5)
                    return [0, 1, 30].map { count in
                        let index = SparseIndex()
                        for ordinal in 0..<count {
                            let indices = Set((0..<6).map { _ in UInt32(random.next() % 40) })
                            let values = indices.map { Float($0) / 4 }
                            index.insert(
                                SparseVector(indices: Array(indices), values: values),
                                ordinal: UInt32(ordinal * 300))
                        }
                        var writer = ByteWriter()
                        index.encode(to: &writer)
                        return FuzzInput(name: "sparse~\(count)", bytes: writer.bytes)
                    }
                },
                run: { input in
                    try unsafe input.bytes.withUnsafeBytes { buffer in
                        try refusing(with: MalformedBytes.self) {
                            let lists = try unsafe MappedSparseIndex(buffer)
                            let found = lists.search(query: query, k: 7, admits: { $0 % 2 == 0 })
                            try expect(found.count <= 7, "more matches than were asked for")
                            _ = lists.documentFrequency(of: 3)
                        }
                    }
                }))
    }
}
