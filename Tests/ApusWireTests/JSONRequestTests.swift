import ApusCore
import ApusWire
import Testing

/// The bodies that a real client sends, and what they mean.
@Suite struct JSONRequestTests {
    private static let uuid = PointID.uuid(
        UUIDBytes(high: 0x550e_8400_e29b_41d4, low: 0xa716_4466_5544_0000))
    private static let sparse = Vector.sparse(
        SparseVector(indices: [7, 1, 4_000_000_000], values: [0.5, -1.25, 3]))

    private func captured<Value>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        try #require(try decode(name, CapturedBodies.body(name)) as? Value)
    }

    @Test func everyCapturedBodyIsRead() throws {
        let bodies = try CapturedBodies.all()
        #expect(bodies.count >= 34)
        for (name, bytes) in bodies { _ = try decode(name, bytes) }
    }

    // MARK: Collections

    @Test func aCollectionWithOneVector() throws {
        let new: NewCollection = try captured("createCollection-unnamed")
        let configuration = new.configuration
        #expect(configuration == CollectionConfiguration(dimension: 4, metric: .cosine))
    }

    @Test func aCollectionWithAllSettings() throws {
        let new: NewCollection = try captured("createCollection-full")
        let configuration = new.configuration
        #expect(
            configuration.vectors["text"]
                == DenseVectorConfiguration(
                    dimension: 384, metric: .dot,
                    hnsw: HNSWConfigurationChange(m: 32, efConstruct: 64),
                    quantization: .scalar(quantile: 0.99, alwaysRAM: true), onDisk: true,
                    datatype: .float16))
        #expect(
            configuration.vectors["colbert"]
                == DenseVectorConfiguration(
                    dimension: 128, metric: .euclid, isMultiVector: true))
        #expect(
            configuration.sparseVectors == [
                "bm25": SparseVectorConfiguration(
                    modifier: .idf, fullScanThreshold: 100, onDisk: false)
            ])
        #expect(
            configuration.hnsw
                == HNSWConfiguration(
                    m: 0, fullScanThreshold: 10, onDisk: false, payloadM: 16))
        #expect(configuration.optimizers.indexingThreshold == 0)
        #expect(configuration.optimizers.memmapThreshold == 20_000)
        #expect(configuration.optimizers.deletedThreshold == 0.25)
        #expect(configuration.wal.capacityMegabytes == 64)
        #expect(configuration.quantization == .product(compression: .x16, alwaysRAM: nil))
        #expect(configuration.shardNumber == 2)
        #expect(!configuration.onDiskPayload)
        #expect(configuration.strictMode == ["enabled": true, "max_query_limit": 100])
        #expect(configuration.metadata == ["owner": "tests"])
    }

    @Test func aVectorFieldMayBeCalledSize() throws {
        let new: NewCollection = try decode(
            "createCollection", #"{"vectors": {"size": {"size": 3, "distance": "Manhattan"}}}"#)
        #expect(
            new.configuration.vectors == [
                "size": DenseVectorConfiguration(dimension: 3, metric: .manhattan)
            ])
    }

    @Test func theNewMemorySettingStandsForTheFlags() throws {
        let new: NewCollection = try decode(
            "createCollection",
            """
            {"vectors": {"size": 3, "distance": "Dot", "memory": "cold", "on_disk": false},
             "hnsw_config": {"memory": "cached"}, "payload": {"memory": "pinned"},
             "quantization_config": {"binary": {"memory": "cold"}}}
            """)
        let configuration = new.configuration
        #expect(configuration.vectors[""]?.onDisk == true)
        #expect(configuration.hnsw.onDisk == false)
        #expect(!configuration.onDiskPayload)
        #expect(
            configuration.quantization
                == .binary(alwaysRAM: false, encoding: nil, queryEncoding: nil))
    }

    @Test func anUpdateOfACollection() throws {
        let change: CollectionConfigurationChange = try captured("updateCollection")
        #expect(change.optimizers?.indexingThreshold == 0)
        #expect(change.vectors[""]?.onDisk == true)
        #expect(change.quantization == .disabled)
        #expect(change.replicationFactor == 2)
        #expect(change.hnsw == nil)
    }

    @Test func changesOfAliases() throws {
        let actions: [AliasAction] = try captured("changeAliases")
        #expect(
            actions == [
                .create(alias: "a", collection: "c"), .rename(from: "a", to: "b"),
                .delete(alias: "b"),
            ])
    }

    @Test func payloadIndexes() throws {
        let named: FieldIndexRequest = try captured("createFieldIndex-name")
        #expect(
            named
                == FieldIndexRequest(
                    field: PayloadPath(key: "city"), schema: PayloadFieldSchema(type: .keyword)))
        let detailed: FieldIndexRequest = try captured("createFieldIndex-params")
        #expect(detailed.field == PayloadPath("meta.text"))
        #expect(
            detailed.schema
                == PayloadFieldSchema(
                    type: .text,
                    parameters: [
                        "tokenizer": "multilingual", "min_token_len": 2, "lowercase": true,
                    ]))
    }

    @Test func addedVectorFields() throws {
        let dense: NewVectorField = try decode(
            "createVectorField", #"{"dense": {"size": 8, "distance": "Cosine"}}"#)
        #expect(dense == .dense(DenseVectorConfiguration(dimension: 8, metric: .cosine)))
        let sparse: NewVectorField = try decode(
            "createVectorField", #"{"sparse": {"modifier": "idf"}}"#)
        #expect(sparse == .sparse(SparseVectorConfiguration(modifier: .idf)))
    }

    // MARK: Writes

    @Test func pointsWithVectorsOfEveryShape() throws {
        let operation: WriteOperation = try captured("upsert-points")
        #expect(
            operation
                == .upsert([
                    Point(
                        id: 1, vector: [0.05, 0.61, 0.76, 0.74],
                        payload: [
                            "city": "Köln", "n": 7, "price": 11.25, "big": 9_007_199_254_740_993,
                            "none": nil, "tags": ["a", "b\n\"quoted\""],
                            "nested": ["deep": [["x": 1.0], []]], "emoji": "🦅",
                        ]),
                    Point(id: Self.uuid, vector: [1, -2.5e-8, 3e20, 0]),
                    Point(
                        id: .number(.max),
                        vectors: [
                            "text": .dense([0.1, 0.2]), "bm25": Self.sparse,
                            "colbert": .multi([[1, 2], [3, 4]]),
                        ]),
                    Point(id: 4, vectors: ["": .multi([[0.5, 0.25], [0.125, 0.0625]])]),
                ]))
    }

    @Test func pointsAsColumns() throws {
        let unnamed: WriteOperation = try captured("upsert-batch")
        #expect(
            unnamed
                == .upsert([
                    Point(id: 1, vector: [0.1, 0.2], payload: ["a": 1]),
                    Point(id: 2, vector: [0.3, 0.4]),
                    Point(id: Self.uuid, vector: [0.5, 0.6], payload: ["b": [true, false]]),
                ]))
        let named: WriteOperation = try captured("upsert-batchNamed")
        #expect(
            named
                == .upsert([
                    Point(id: 1, vectors: ["text": .dense([0.1, 0.2]), "bm25": Self.sparse]),
                    Point(id: 2, vectors: ["text": .dense([0.3, 0.4]), "bm25": Self.sparse]),
                ]))
        let multi: WriteOperation = try decode(
            "upsert",
            #"{"batch": {"ids": [1, 2], "vectors": [[[1]], [[2], [3]]], "payloads": [null, {}]}}"#)
        #expect(
            multi
                == .upsert([
                    Point(id: 1, vectors: ["": .multi([[1]])]),
                    Point(id: 2, vectors: ["": .multi([[2], [3]])]),
                ]))
    }

    @Test func selectionsByIDAndByFilter() throws {
        #expect(try captured("deletePoints-ids") == WriteOperation.delete(.ids([1, Self.uuid])))
        #expect(
            try captured("deletePoints-filter")
                == WriteOperation.delete(
                    .filter(
                        Filter(must: [.field(PayloadPath(key: "city"), .matchKeyword("Köln"))]))))
        #expect(try captured("deletePoints-all") == WriteOperation.delete(.filter(Filter())))
        #expect(try captured("clearPayload") == WriteOperation.clearPayload(.ids([1, Self.uuid])))
    }

    @Test func changesOfVectorsAndPayloads() throws {
        #expect(
            try captured("updateVectors")
                == WriteOperation.updateVectors([
                    PointVectors(id: 1, vectors: ["": .dense([0.1, 0.2])]),
                    PointVectors(id: 2, vectors: ["bm25": Self.sparse]),
                ]))
        #expect(
            try captured("deleteVectors")
                == WriteOperation.deleteVectors(names: ["text", "bm25"], .ids([1, 2])))
        #expect(
            try captured("setPayload")
                == WriteOperation.setPayload(
                    ["x": 1], key: PayloadPath("nested.part"), .ids([1, 2])))
        #expect(
            try captured("overwritePayload")
                == WriteOperation.overwritePayload(
                    ["x": ["y": nil]], key: nil,
                    .filter(Filter(mustNot: [.isEmpty(PayloadPath(key: "x"))]))))
        #expect(
            try captured("deletePayload")
                == WriteOperation.deletePayload(
                    keys: [PayloadPath(key: "a"), try #require(PayloadPath("b.c"))], .ids([1])))
    }

    @Test func aBatchKeepsTheOrderOfItsOperations() throws {
        let operations: [WriteOperation] = try captured("batch")
        #expect(
            operations == [
                .upsert([Point(id: 1, vector: [1, 2])]),
                .setPayload(["a": 1], key: nil, .ids([1])),
                .overwritePayload(["b": 1], key: nil, .filter(Filter(must: [.hasID([1])]))),
                .deletePayload(keys: [PayloadPath(key: "b")], .ids([1])),
                .clearPayload(.ids([1])),
                .updateVectors([PointVectors(id: 1, vectors: ["": .dense([2, 1])])]),
                .deleteVectors(names: ["text"], .ids([1])),
                .delete(.ids([1])),
            ])
    }

    // MARK: Reads

    @Test func defaultsAreThoseOfTheInterface() throws {
        #expect(try decode("query", "{}") == QueryRequest(limit: 10, withPayload: .none))
        #expect(try decode("scroll", "{}") == ScrollRequest(limit: 10, withPayload: .all))
        #expect(
            try decode("retrieve", #"{"ids": [1]}"#)
                == RetrieveRequest(ids: [1], withPayload: .all, withVectors: .none))
        #expect(try decode("count", "{}") == CountRequest(filter: nil, exact: true))
        #expect(
            try decode("queryGroups", #"{"group_by": "a"}"#)
                == GroupsRequest(
                    query: QueryRequest(limit: 10), groupBy: PayloadPath(key: "a"), groupSize: 3))
        let nulls = """
            {"query": null, "prefetch": null, "filter": null, "params": null, "limit": null,
             "offset": null, "with_payload": null, "with_vector": null, "score_threshold": null,
             "using": null, "lookup_from": null, "shard_key": null}
            """
        #expect(try decode("query", nulls) == QueryRequest())
    }

    @Test func aQueryWithEverything() throws {
        var request: QueryRequest = try captured("query-vector")
        #expect(request.filter?.must.count == 8)
        request.filter = nil
        #expect(
            request
                == QueryRequest(
                    query: .nearest(.vector(.dense([0.2, 0.1, 0.9]))), using: "text",
                    parameters: SearchParameters(
                        ef: 128, exact: true, indexedOnly: true, oversampling: 2),
                    scoreThreshold: 0.5, limit: 3, offset: 2, withPayload: .all,
                    lookupFrom: LookupLocation(collection: "other", vector: "text")))
    }

    @Test func quantizationOfASearch() throws {
        func parameters(_ text: String) throws -> SearchParameters {
            let body = #"{"params": {"quantization": "# + text + "}}"
            let request: QueryRequest = try decode("query", body)
            return request.parameters
        }
        #expect(try parameters("null") == SearchParameters())
        #expect(try parameters(#"{"rescore": null, "ignore": null}"#) == SearchParameters())
        #expect(try parameters(#"{"rescore": true}"#) == SearchParameters())
        #expect(
            try parameters(#"{"rescore": false, "oversampling": 3}"#)
                == SearchParameters(oversampling: 3, rescores: false))
        #expect(try parameters(#"{"ignore": true}"#) == SearchParameters(ignoresCodes: true))
    }

    @Test func queriesOfEveryKind() throws {
        func query(_ name: String) throws -> Query? {
            try captured("query-\(name)", as: QueryRequest.self).query
        }
        #expect(try query("id") == .nearest(.id(Self.uuid)))
        #expect(try query("sparse") == .nearest(.vector(Self.sparse)))
        #expect(try query("nothing") == nil)
        #expect(try query("rrf") == .fusion(.reciprocalRank(k: 60, weights: [1, 0.5])))
        #expect(try query("sample") == .sampleRandom)
        #expect(try query("multi") == .nearest(.vector(.multi([[0.1, 0.2], [0.3, 0.4]]))))
        #expect(
            try query("recommend")
                == .recommend(
                    positive: [.id(1), .vector(.dense([0.1, 0.2]))], negative: [.id(Self.uuid)],
                    .bestScore))
        #expect(
            try query("orderBy")
                == .orderBy(
                    OrderBy(
                        key: PayloadPath(key: "at"),
                        startFrom: .time(Timestamp(microseconds: 1_704_153_600_000_000)))))
        for (text, expected) in [
            ("[1, 2]", Query.nearest(.vector(.dense([1, 2])))), ("7", .nearest(.id(7))),
            (#"{"nearest": 7}"#, .nearest(.id(7))),
            (#"{"fusion": "dbsf"}"#, .fusion(.distributionBased)),
            (#"{"rrf": {}}"#, .fusion(.reciprocalRank)),
            (#"{"order_by": "a"}"#, .orderBy(OrderBy(key: PayloadPath(key: "a")))),
            (#"{"nearest": [1], "mmr": null}"#, .nearest(.vector(.dense([1])))),
            (
                #"{"recommend": {"positive": [1]}}"#,
                .recommend(positive: [.id(1)], negative: [], .averageVector)
            ),
        ] {
            let request: QueryRequest = try decode("query", #"{"query": \#(text)}"#)
            #expect(request.query == expected, "\(text)")
        }
    }

    @Test func nestedPrefetches() throws {
        let request: QueryRequest = try captured("query-fusion")
        #expect(
            request
                == QueryRequest(
                    query: .fusion(.reciprocalRank),
                    prefetch: [
                        Prefetch(
                            query: .nearest(.vector(.dense([0.1, 0.2]))), using: "text",
                            scoreThreshold: 0.1,
                            limit: 50),
                        Prefetch(
                            query: .nearest(.vector(Self.sparse)),
                            prefetch: [Prefetch(query: .nearest(.id(7)))], using: "bm25", limit: 50),
                    ],
                    limit: 5, withPayload: .exclude([PayloadPath(key: "secret")]),
                    withVectors: .named(["text"])))
    }

    @Test func batchesAndGroups() throws {
        let batch: [QueryRequest] = try captured("queryBatch")
        #expect(
            batch == [
                QueryRequest(
                    query: .nearest(.vector(.dense([0.1, 0.2]))), limit: 1, withPayload: .all),
                QueryRequest(query: .nearest(.id(5)), limit: 2),
            ])
        let groups: GroupsRequest = try captured("queryGroups")
        #expect(
            groups
                == GroupsRequest(
                    query: QueryRequest(
                        query: .nearest(.vector(.dense([0.1, 0.2]))), limit: 4, withPayload: .all),
                    groupBy: PayloadPath(key: "city"), groupSize: 2,
                    withLookup: GroupsRequest.GroupLookup(collection: "other")))
    }

    @Test func scrollsAndRetrievals() throws {
        let scroll: ScrollRequest = try captured("scroll")
        #expect(scroll.offset == Self.uuid)
        #expect(scroll.limit == 999_999_999)
        #expect(scroll.withVectors == .named(["text"]))
        #expect(
            scroll.orderBy
                == OrderBy(
                    key: PayloadPath(key: "n"), direction: .descending, startFrom: .number(5)))
        let retrieve: RetrieveRequest = try captured("retrieve")
        #expect(
            retrieve
                == RetrieveRequest(
                    ids: [1, Self.uuid],
                    withPayload: .include([PayloadPath(key: "a"), try #require(PayloadPath("b.c"))]
                    ),
                    withVectors: .all))
    }

    @Test func theOlderSearches() throws {
        #expect(
            try decode(
                "search", #"{"vector": [1, 2], "limit": 3, "offset": 1, "with_vectors": true}"#)
                == QueryRequest(
                    query: .nearest(.vector(.dense([1, 2]))), limit: 3, offset: 1, withVectors: .all
                ))
        #expect(
            try decode("search", #"{"vector": {"name": "v", "vector": [1]}, "limit": 3}"#)
                == QueryRequest(query: .nearest(.vector(.dense([1]))), using: "v", limit: 3))
        let sparse: [QueryRequest] = try decode(
            "searchBatch",
            """
            {"searches": [{"vector": {"name": "s", "vector": {"indices": [1], "values": [2]}},
             "limit": 1, "score_threshold": 0.5, "params": {"hnsw_ef": 9}}]}
            """)
        #expect(
            sparse == [
                QueryRequest(
                    query: .nearest(.vector(.sparse(SparseVector(indices: [1], values: [2])))),
                    using: "s", parameters: SearchParameters(ef: 9), scoreThreshold: 0.5, limit: 1)
            ])
        #expect(
            try decode(
                "searchGroups", #"{"vector": [1], "limit": 2, "group_by": "a.b", "group_size": 4}"#)
                == GroupsRequest(
                    query: QueryRequest(query: .nearest(.vector(.dense([1]))), limit: 2),
                    groupBy: try #require(PayloadPath("a.b")), groupSize: 4))
    }
}
