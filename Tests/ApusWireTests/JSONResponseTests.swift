import ApusCore
import ApusWire
import Testing

@Suite struct JSONResponseTests {
    private func result(_ bytes: [UInt8]) throws -> JSONValue {
        guard case .object(let envelope) = try parse(bytes) else { return .null }
        #expect(envelope["status"] == "ok")
        #expect(envelope["time"] == .double(0.5))
        #expect(envelope["usage"] == .null)
        return try #require(envelope["result"])
    }

    private static let scored = ScoredPoint(
        id: 1, score: 0.05, version: SequenceNumber(3), payload: ["a": 1],
        vectors: ["": .dense([0.05, 1])])

    @Test func foundPoints() throws {
        let bare = ScoredPoint(
            id: .uuid(UUIDBytes(high: 1, low: 2)), score: 2, version: SequenceNumber(4),
            vectors: ["t": .dense([1]), "s": .sparse(SparseVector(indices: [9], values: [0.5]))],
            orderValue: .integer(7))
        #expect(
            try result(ResponseEncoder.queryResult([Self.scored, bare], seconds: 0.5)) == [
                "points": [
                    [
                        "id": 1, "version": 3, "score": 0.05, "payload": ["a": 1],
                        "vector": [0.05, 1.0],
                    ],
                    [
                        "id": "00000000-0000-0001-0000-000000000002", "version": 4, "score": 2.0,
                        "vector": ["t": [1.0], "s": ["indices": [9], "values": [0.5]]],
                        "order_value": 7,
                    ],
                ]
            ])
        let text = String(
            decoding: ResponseEncoder.searchResult([Self.scored], seconds: 0.5), as: UTF8.self)
        #expect(
            text == """
                {"result":[{"id":1,"version":3,"score":0.05,"payload":{"a":1},"vector":[0.05,1.0]}],\
                "status":"ok","time":0.5,"usage":null}
                """)
    }

    @Test func batchesOfResults() throws {
        guard
            case .array(let query) = try result(
                ResponseEncoder.queryBatchResult([[Self.scored], []], seconds: 0.5)),
            case .array(let search) = try result(
                ResponseEncoder.searchBatchResult([[Self.scored], []], seconds: 0.5))
        else {
            Issue.record("no lists")
            return
        }
        #expect(query.last == ["points": []])
        #expect(search.last == [])
    }

    @Test func groups() throws {
        let groups = [
            PointGroup(id: .string("x"), hits: [], lookup: Record(id: 5, payload: [:])),
            PointGroup(id: .integer(-1), hits: []),
        ]
        #expect(
            try result(ResponseEncoder.groupsResult(groups, seconds: 0.5)) == [
                "groups": [
                    ["id": "x", "hits": [], "lookup": ["id": 5, "payload": [:]]],
                    ["id": -1, "hits": []],
                ]
            ])
    }

    @Test func recordsAndPages() throws {
        let record = Record(id: 7, payload: ["k": nil], vectors: ["": .multi([[1], [2]])])
        #expect(
            try result(ResponseEncoder.record(record, seconds: 0.5)) == [
                "id": 7, "payload": ["k": nil], "vector": [[1.0], [2.0]],
            ])
        #expect(
            try result(
                ResponseEncoder.scrollPage(
                    ScrollPage(points: [Record(id: 1)], nextOffset: 2, version: SequenceNumber(7)),
                    seconds: 0.5))
                == ["points": [["id": 1]], "next_page_offset": 2])
        #expect(
            try result(
                ResponseEncoder.scrollPage(
                    ScrollPage(points: [], nextOffset: nil, version: .zero), seconds: 0.5))
                == ["points": [], "next_page_offset": nil])
        #expect(try result(ResponseEncoder.records([], seconds: 0.5)) == [])
        #expect(try result(ResponseEncoder.count(3, seconds: 0.5)) == ["count": 3])
    }

    @Test func updates() throws {
        let done = WriteResult(sequenceNumber: SequenceNumber(8), acknowledgement: .completed)
        let taken = WriteResult(sequenceNumber: SequenceNumber(9), acknowledgement: .accepted)
        #expect(
            try result(ResponseEncoder.updateResult(done, seconds: 0.5))
                == ["operation_id": 8, "status": "completed"])
        #expect(
            try result(ResponseEncoder.updateResults([taken], seconds: 0.5))
                == [["operation_id": 9, "status": "acknowledged"]])
    }

    @Test func aCollectionAsItWasConfigured() throws {
        // What goes in comes out: the settings that clients read back are those that they sent.
        let body = try CapturedBodies.body("createCollection-full")
        let configuration = try #require(
            try decode("createCollection", body) as? NewCollection
        ).configuration
        let description = CollectionDescription(
            status: .yellow, pointsCount: 5, indexedVectorsCount: 4, segmentsCount: 2,
            configuration: configuration,
            payloadSchema: [
                (PayloadPath(key: "city"), PayloadFieldSchema(type: .keyword), 3),
                (
                    PayloadPath(key: "text"),
                    PayloadFieldSchema(type: .text, parameters: ["tokenizer": "word"]), 2
                ),
            ])
        guard case .object(let sent) = try parse(body),
            case .object(let info) = try result(
                ResponseEncoder.collection(description, seconds: 0.5)),
            case .object(let config) = info["config"], case .object(let params) = config["params"]
        else {
            Issue.record("no objects")
            return
        }
        #expect(info["status"] == "yellow")
        #expect(info["optimizer_status"] == "ok")
        #expect(info["points_count"] == 5)
        #expect(info["indexed_vectors_count"] == 4)
        #expect(info["segments_count"] == 2)
        #expect(
            info["payload_schema"] == [
                "city": ["data_type": "keyword", "points": 3],
                "text": [
                    "data_type": "text", "points": 2,
                    "params": ["type": "text", "tokenizer": "word"],
                ],
            ])
        for name in [
            "vectors", "sparse_vectors", "shard_number", "replication_factor", "on_disk_payload",
        ] {
            #expect(params[name] == sent[name], "\(name)")
        }
        for name in ["quantization_config", "strict_mode_config", "metadata"] {
            #expect(config[name] == sent[name], "\(name)")
        }
        #expect(
            config["hnsw_config"] == [
                "m": 0, "ef_construct": 100, "full_scan_threshold": 10, "max_indexing_threads": 0,
                "on_disk": false, "payload_m": 16,
            ])
        #expect(
            config["wal_config"] == [
                "wal_capacity_mb": 64, "wal_segments_ahead": 0, "wal_retain_closed": 1,
                "durability": "sync",
            ])
        #expect(
            config["optimizer_config"] == [
                "deleted_threshold": 0.25, "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "max_segment_size": nil, "memmap_threshold": 20_000, "indexing_threshold": 0,
                "flush_interval_sec": 5, "max_optimization_threads": nil,
            ])
    }

    @Test func aCollectionWithOneUnnamedFieldShowsItPlainly() throws {
        let description = CollectionDescription(
            status: .green, optimizerError: "disk", pointsCount: 0, indexedVectorsCount: 0,
            segmentsCount: 1,
            configuration: CollectionConfiguration(dimension: 4, metric: .dot))
        let text = String(
            decoding: ResponseEncoder.collection(description, seconds: 0.5), as: UTF8.self)
        #expect(text.contains(#""vectors":{"size":4,"distance":"Dot"}"#))
        #expect(text.contains(#""optimizer_status":{"error":"disk"}"#))
        #expect(text.contains(#""quantization_config":null"#))
        #expect(text.contains(#""payload_schema":{}"#))
    }

    @Test func listsOfCollectionsAndAliases() throws {
        #expect(
            try result(ResponseEncoder.collectionNames(["a", "b"], seconds: 0.5))
                == ["collections": [["name": "a"], ["name": "b"]]])
        #expect(
            try result(ResponseEncoder.collectionExists(false, seconds: 0.5)) == ["exists": false])
        #expect(
            try result(ResponseEncoder.aliases([("x", "a")], seconds: 0.5))
                == ["aliases": [["alias_name": "x", "collection_name": "a"]]])
        #expect(try result(ResponseEncoder.bool(true, seconds: 0.5)) == true)
        #expect(try result(ResponseEncoder.clusterDisabled(seconds: 0.5)) == ["status": "disabled"])
    }

    @Test func errorsAndTheVersionHaveNoResult() throws {
        #expect(
            try parse(ResponseEncoder.error(.collectionNotFound("x"), seconds: 0.5)) == [
                "status": ["error": "Not found: Collection `x` doesn't exist!"], "time": 0.5,
            ])
        #expect(
            try parse(
                ResponseEncoder.version(
                    title: "Apus", version: "1.19.0", productVersion: "0.1.0", commit: nil))
                == ["title": "Apus", "version": "1.19.0", "apus_version": "0.1.0"])
    }
}
