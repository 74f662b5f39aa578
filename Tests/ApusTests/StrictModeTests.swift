import Apus
import TestSupport
import Testing

@Suite("Strict mode") struct StrictModeTests {
    private static func open(
        _ strict: [String: JSONValue], _ configuration: CollectionConfiguration? = nil
    ) throws -> (Database, Collection) {
        let database = try Database.open(
            at: "/db", configuration: EngineConfiguration(),
            fileSystem: SimulatedFileSystem(seed: 1))
        var configuration =
            configuration ?? CollectionConfiguration(dimension: 1, metric: .euclid)
        configuration.strictMode = strict.merging(["enabled": true]) { given, _ in given }
        let points = try database.createCollection("c", configuration)
        return (database, points)
    }

    private static let key = PayloadPath(key: "k")
    private static let filter = Filter(must: [.field(key, .matchKeyword("x"))])

    private func expectRefusal(_ text: String, _ body: () throws -> Void) {
        let error = #expect(throws: DatabaseError.self) { try body() }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "no error")")
    }

    @Test func limitsCountOnEveryWay() throws {
        let (database, points) = try Self.open(["max_query_limit": 5])
        let near = Query.nearest(.vector(.dense([1])))
        expectRefusal("Limit exceeded 6 > 5 for \"limit\"") {
            _ = try points.query(QueryRequest(query: near, limit: 6))
        }
        expectRefusal("10 > 5") {
            let prefetch = Prefetch(query: near, limit: 10)
            _ = try points.query(QueryRequest(query: near, prefetch: [prefetch], limit: 5))
        }
        expectRefusal("6 > 5") {
            _ = try points.groups(
                GroupsRequest(
                    query: QueryRequest(query: near, limit: 2), groupBy: Self.key, groupSize: 3))
        }
        expectRefusal("6 > 5") { _ = try points.scroll(ScrollRequest(limit: 6)) }
        expectRefusal("6 > 5") { _ = try points.facets(FacetRequest(key: Self.key, limit: 6)) }
        expectRefusal("6 > 5") { _ = try points.matrix(MatrixRequest(sample: 3, limit: 2)) }
        _ = try points.query(QueryRequest(query: near, limit: 5))
        var change = CollectionConfigurationChange()
        change.strictMode = ["enabled": false]
        try points.update(change)
        _ = try points.query(QueryRequest(query: near, limit: 500))
        try database.close()
    }

    @Test func filtersNeedIndexes() throws {
        let (database, points) = try Self.open([
            "unindexed_filtering_retrieve": false, "unindexed_filtering_update": false,
        ])
        try points.upsert([Point(id: 1, vector: [1], payload: ["k": "x"])])
        let nested = Filter(
            must: [.nested(PayloadPath(key: "a"), Self.filter), .hasID([1]), .hasVector("")])
        let near = Query.nearest(.vector(.dense([1])))
        let boosted = Formula(.sum([.variable(.score(0)), .variable(.payload(Self.key))]))
        let reads: [() throws -> Void] = [
            { _ = try points.count(Self.filter) },
            { _ = try points.query(QueryRequest(query: near, filter: Self.filter)) },
            {
                let prefetch = Prefetch(query: near, filter: Self.filter)
                _ = try points.query(QueryRequest(query: near, prefetch: [prefetch]))
            },
            {
                _ = try points.query(
                    QueryRequest(query: .formula(boosted), prefetch: [Prefetch(query: near)]))
            },
            { _ = try points.scroll(ScrollRequest(filter: Self.filter)) },
            { _ = try points.facets(FacetRequest(key: Self.key, filter: Self.filter)) },
            { _ = try points.matrix(MatrixRequest(filter: Self.filter)) },
            {
                _ = try points.groups(
                    GroupsRequest(query: QueryRequest(query: near), groupBy: Self.key))
            },
            { try points.delete(.filter(Self.filter)) },
            { _ = try points.write([.clearPayload(.filter(Self.filter))]) },
        ]
        for read in reads { expectRefusal("Index required but not found for \"k\"", read) }
        expectRefusal("\"a[].k\" of one of the following types: [keyword, uuid]") {
            _ = try points.count(nested)
        }
        try points.createPayloadIndex(Self.key, PayloadFieldSchema(type: .integer))
        expectRefusal("\"k\"") { _ = try points.count(Self.filter) }
        try points.createPayloadIndex(Self.key, PayloadFieldSchema(type: .keyword))
        #expect(try points.count(Self.filter) == 1)
        #expect(try points.count(Filter(must: [.hasID([1]), .hasVector("")])) == 1)
        try points.delete(.filter(Self.filter))
        try database.close()
    }

    @Test func searchParametersAreBounded() throws {
        let (database, points) = try Self.open(
            [
                "search_max_hnsw_ef": 50, "search_allow_exact": false,
                "search_max_oversampling": 2.5, "search_max_batchsize": 2,
            ],
            CollectionConfiguration(
                vectors: [
                    "a": DenseVectorConfiguration(dimension: 1, metric: .dot),
                    "b": DenseVectorConfiguration(
                        dimension: 1, metric: .dot, hnsw: HNSWConfigurationChange(m: 0)),
                ]))
        let near = Query.nearest(.vector(.dense([1])))
        func ask(_ parameters: SearchParameters, using: String = "a") throws {
            _ = try points.query(
                QueryRequest(query: near, using: using, parameters: parameters))
        }
        try ask(SearchParameters(ef: 50, oversampling: 2.5))
        expectRefusal("51 > 50 for \"hnsw_ef\"") { try ask(SearchParameters(ef: 51)) }
        expectRefusal("oversampling") { try ask(SearchParameters(oversampling: 3)) }
        expectRefusal("Exact search disabled") { try ask(SearchParameters(exact: true)) }
        expectRefusal("hnsw_config.m = 0") { try ask(SearchParameters(), using: "b") }
        let prefetch = Prefetch(query: near, using: "a")
        _ = try points.query(QueryRequest(query: near, prefetch: [prefetch], using: "b"))
        let request = QueryRequest(query: near, using: "a")
        _ = try points.query([request, request])
        expectRefusal("3 > 2 for \"search batch size\"") {
            _ = try points.query([request, request, request])
        }
        expectRefusal("Exact search disabled") {
            _ = try points.facets(FacetRequest(key: Self.key, exact: true))
        }
        try database.close()
    }

    @Test func filtersAreBounded() throws {
        let (database, points) = try Self.open([
            "filter_max_conditions": 3, "condition_max_size": 4,
        ])
        let leaf = Condition.hasID([1])
        _ = try points.count(Filter(must: [leaf, .filter(Filter(should: [leaf, leaf]))]))
        expectRefusal("Filter condition limit reached (4 > 3)") {
            _ = try points.count(
                Filter(must: [leaf, .filter(Filter(should: [leaf, leaf], mustNot: [leaf]))]))
        }
        expectRefusal("Condition size limit reached (5 > 4)") {
            _ = try points.count(Filter(must: [.hasID([1, 2, 3, 4, 5])]))
        }
        expectRefusal("Condition size limit reached (5 > 4)") {
            let any = FieldPredicate.matchAnyInteger([1, 2, 3, 4, 5])
            try points.delete(.filter(Filter(must: [.field(Self.key, any)])))
        }
        try database.close()
    }

    @Test func writesAreBounded() throws {
        let (database, points) = try Self.open(
            [
                "upsert_max_batchsize": 2, "max_points_count": 3, "max_payload_index_count": 1,
                "multivector_config": ["m": ["max_vectors": 2]],
                "sparse_config": ["s": ["max_length": 1]],
            ],
            CollectionConfiguration(
                vectors: [
                    "m": DenseVectorConfiguration(
                        dimension: 1, metric: .dot, isMultiVector: true)
                ], sparseVectors: ["s": SparseVectorConfiguration()]))
        func point(_ id: UInt64, _ vectors: [String: Vector] = [:]) -> Point {
            Point(id: .number(id), vectors: vectors)
        }
        expectRefusal("3 > 2 for \"upsert limit\"") {
            try points.upsert([point(1), point(2), point(3)])
        }
        expectRefusal("multivector") {
            try points.upsert([point(1, ["m": .multi([[1], [2], [3]])])])
        }
        expectRefusal("sparse") {
            let long = SparseVector(indices: [1, 2], values: [1, 1])
            try points.upsert([point(1, ["s": .sparse(long)])])
        }
        try points.upsert([point(1), point(2)])
        expectRefusal("Max points count limit of 3 reached!") {
            try points.upsert([point(3), point(4)])
        }
        #expect(try points.count() == 2)
        try points.upsert([point(2), point(3)])
        try points.upsert([point(1), point(3)])
        try points.delete(.ids([1]))
        try points.upsert([point(9)])
        try points.createPayloadIndex(Self.key, PayloadFieldSchema(type: .keyword))
        try points.createPayloadIndex(Self.key, PayloadFieldSchema(type: .integer))
        expectRefusal("maximum number of payload indices (1)") {
            try points.createPayloadIndex(
                PayloadPath(key: "other"), PayloadFieldSchema(type: .keyword))
        }
        try database.close()
    }

    @Test func storageIsBounded() throws {
        let (database, points) = try Self.open(["max_collection_vector_size_bytes": 8])
        try points.upsert([Point(id: 1, vector: [1])])
        try points.upsert([Point(id: 2, vector: [1])])
        expectRefusal("Max vector storage size") {
            try points.upsert([Point(id: 3, vector: [1])])
        }
        try points.delete(.ids([1]))
        try points.upsert([Point(id: 3, vector: [1])])
        try database.close()
    }

    @Test func tokensComeBackWithTime() throws {
        var bucket = TokenBucket()
        let start = ContinuousClock.now
        try bucket.take(4, 6, start, "Read")
        try bucket.take(2, 6, start, "Read")
        let error = #expect(throws: DatabaseError.self) { try bucket.take(1, 6, start, "Read") }
        #expect(error?.kind == .resourceExhausted)
        #expect(error?.message.contains("Retry after 10s") == true)
        try bucket.take(1, 6, start.advanced(by: .seconds(10)), "Read")
        try bucket.take(6, 6, start.advanced(by: .seconds(200)), "Read")
        let never = #expect(throws: DatabaseError.self) {
            try bucket.take(7, 6, start.advanced(by: .seconds(900)), "Read")
        }
        #expect(never?.kind == .invalidArgument)
        try bucket.take(1_000, nil, start, "Read")
    }

    @Test func ratesAreTakenByCost() throws {
        let (database, points) = try Self.open(["read_rate_limit": 3, "write_rate_limit": 2])
        try points.upsert([Point(id: 1, vector: [1])])
        try points.upsert([Point(id: 2, vector: [1])])
        let write = #expect(throws: DatabaseError.self) {
            try points.upsert([Point(id: 3, vector: [1])])
        }
        #expect(write?.kind == .resourceExhausted)
        _ = try points.count(Filter(must: [.hasID([1])]))
        _ = try points.retrieve([1])
        let read = #expect(throws: DatabaseError.self) { _ = try points.retrieve([1]) }
        #expect(read?.kind == .resourceExhausted)
        try database.close()
    }

    @Test func timeoutsAreBounded() throws {
        let (database, points) = try Self.open(["max_timeout": 10])
        try points.checkTimeout(seconds: 10)
        expectRefusal("11 > 10 for \"timeout\"") { try points.checkTimeout(seconds: 11) }
        try database.close()
    }

    @Test(
        arguments: [
            (["max_query_limit": 0], .validation), (["max_query_limit": "5"], .invalidArgument),
            (["unindexed_filtering_retrieve": 1], .invalidArgument),
            (["sparse_config": ["s": 1]], .invalidArgument),
            (["multivector_config": ["m": ["max_vectors": 0]]], .validation),
        ] as [([String: JSONValue], DatabaseError.Kind)])
    func wrongSettingsAreRefused(_ settings: [String: JSONValue], _ kind: DatabaseError.Kind) throws
    {
        let error = #expect(throws: DatabaseError.self) { _ = try Self.open(settings) }
        #expect(error?.kind == kind)
        #expect(error?.message.contains("strict_mode_config") == true)
    }
}
