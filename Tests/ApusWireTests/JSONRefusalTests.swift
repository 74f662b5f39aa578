import ApusCore
import ApusWire
import Testing

/// Requests that are JSON but wrong: the kind of error, and a text that names what and where.
@Suite struct JSONRefusalTests {
    @Test(arguments: [
        ("query", #"{"limit": 0}"#, "[limit: value 0 invalid, must be 1.0 or larger]"),
        ("scroll", #"{"limit": 0}"#, "[limit: value 0 invalid, must be 1.0 or larger]"),
        (
            "search", #"{"vector": [1], "limit": 0}"#,
            "[limit: value 0 invalid, must be 1.0 or larger]"
        ),
        (
            "query", #"{"prefetch": [{}, {"limit": 0}]}"#,
            "[prefetch[1].limit: value 0 invalid, must be 1.0 or larger]"
        ),
        (
            "queryGroups", #"{"group_by": "a", "group_size": 0}"#,
            "[group_size: value 0 invalid, must be 1.0 or larger]"
        ),
        (
            "query", #"{"params": {"hnsw_ef": 0}}"#,
            "[params.hnsw_ef: value 0 invalid, must be 1.0 or larger]"
        ),
        (
            "query", #"{"params": {"quantization": {"oversampling": 0.5}}}"#,
            "[params.quantization.oversampling: value 0.5 invalid, must be 1.0 or larger]"
        ),
        (
            "createCollection", #"{"vectors": {"size": 0, "distance": "Dot"}}"#,
            "[vectors.size: value 0 invalid, must be from 1.0 to 65536.0]"
        ),
        (
            "createCollection", #"{"vectors": {"a": {"size": 1099511627776, "distance": "Dot"}}}"#,
            "[vectors.a.size: value 1099511627776 invalid, must be from 1.0 to 65536.0]"
        ),
        (
            "createCollection", #"{"hnsw_config": {"ef_construct": 3}}"#,
            "[hnsw_config.ef_construct: value 3 invalid, must be 4.0 or larger]"
        ),
        (
            "updateCollection", #"{"optimizers_config": {"deleted_threshold": 1.5}}"#,
            "[optimizers_config.deleted_threshold: value 1.5 invalid, must be from 0.0 to 1.0]"
        ),
        (
            "upsert", #"{"batch": {"ids": [1, 2], "vectors": [[1]]}}"#,
            "[batch: number of ids and vectors must be equal (2 != 1)]"
        ),
        (
            "upsert", #"{"batch": {"ids": [1], "vectors": [[1]], "payloads": []}}"#,
            "[batch: number of ids and payloads must be equal (1 != 0)]"
        ),
    ])
    func limitsAreValidated(decoder: String, text: String, expected: String) {
        let error = decodingError(decoder, text)
        #expect(error?.kind == .validation)
        #expect(error?.message == "Validation error in JSON body: \(expected)")
    }

    @Test(arguments: [
        "-1", "1.5", "1e3", "18446744073709551616", #""no-uuid""#, "null", "[1]", "true", "{}",
    ])
    func idsThatAreNoneAreNamed(id: String) {
        let error = decodingError("upsert", #"{"points": [{"id": \#(id), "vector": [1]}]}"#)
        #expect(error?.kind == .invalidArgument)
        let shown = id.filter { $0 != "\"" }
        #expect(
            error?.message.contains(
                "points[0].id: value \(shown) is not a valid point ID, "
                    + "valid values are either an unsigned integer or a UUID") == true)
    }

    @Test(arguments: [
        "550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "{550e8400-e29b-41d4-a716-446655440000}",
    ])
    func uuidsAreReadInEveryForm(text: String) throws {
        let operation: WriteOperation = try decode("deletePoints", #"{"points": ["\#(text)"]}"#)
        guard case .delete(.ids(let ids)) = operation else { return }
        #expect(ids.first?.description == "550e8400-e29b-41d4-a716-446655440000")
        #expect(try PointID(pathComponent: text) == ids.first)
    }

    @Test func idsInPathsAreNumbersOrUUIDs() throws {
        #expect(try PointID(pathComponent: "18446744073709551615") == .number(.max))
        for text in ["", "-1", "x", "1.0", "18446744073709551616"] {
            #expect(throws: DatabaseError.self) { try PointID(pathComponent: text) }
        }
    }

    @Test(arguments: [
        ("upsert", "{}", "missing field `points`"),
        ("upsert", "null", "expected an object"),
        ("upsert", "[]", "expected an object"),
        ("upsert", #"{"points": 5}"#, "points: expected an array"),
        ("upsert", #"{"points": [{"id": 1}]}"#, "points[0]: missing field `vector`"),
        ("upsert", #"{"points": [{"vector": [1]}]}"#, "points[0]: missing field `id`"),
        (
            "upsert", #"{"points": [{"id": 1, "vector": "x"}]}"#,
            "points[0].vector: expected a vector"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": ["x"]}]}"#,
            "points[0].vector[0]: expected a number"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": [null]}]}"#,
            "points[0].vector[0]: expected a number"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": [1, [2]]}]}"#,
            "points[0].vector[1]: expected a number"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": [[1], 2]}]}"#,
            "points[0].vector[1]: expected an array"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": [1e39]}]}"#,
            "points[0].vector[0]: number 1e39 is out of range"
        ),
        (
            "upsert",
            #"{"points": [{"id": 1, "vector": {"a": {"indices": [-1], "values": [1]}}}]}"#,
            "points[0].vector.a.indices[0]"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": {"a": {"indices": [1]}}}]}"#,
            "missing field `values`"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": [1], "payload": [1]}]}"#,
            "points[0].payload: expected an object"
        ),
        ("setPayload", #"{"payload": 5, "points": [1]}"#, "payload: expected an object"),
        ("setPayload", #"{"payload": {}}"#, "either `points` (a list of ids) or `filter`"),
        ("deletePoints", "{}", "either `points` (a list of ids) or `filter`"),
        ("deleteVectors", #"{"points": [1]}"#, "missing field `vector`"),
        (
            "batch", #"{"operations": [{"explode": {}}]}"#,
            "operations[0]: unknown operation `explode`"
        ),
        ("query", #"{"limit": -1}"#, "limit: invalid value -1, expected an unsigned integer"),
        ("query", #"{"limit": 1.5}"#, "limit: invalid value 1.5"),
        ("query", #"{"limit": "5"}"#, "limit: expected an unsigned integer"),
        ("query", #"{"offset": -1}"#, "offset: invalid value -1"),
        (
            "query", #"{"query": {"fusion": "max"}}"#,
            "query.fusion: unknown variant `max`, expected one of `dbsf`, `rrf`"
        ),
        ("query", #"{"query": true}"#, "query: expected a vector or a point id"),
        ("search", #"{"vector": [1]}"#, "missing field `limit`"),
        ("search", #"{"limit": 1}"#, "missing field `vector`"),
        ("createCollection", #"{"vectors": {"size": 4}}"#, "vectors: missing field `distance`"),
        (
            "createCollection", #"{"vectors": {"size": 4, "distance": "Far"}}"#,
            "vectors.distance: unknown variant `Far`"
        ),
        (
            "createCollection", #"{"vectors": {"size": "4", "distance": "Dot"}}"#,
            "vectors.size: expected an unsigned integer"
        ),
        ("createCollection", #"{"vectors": 5}"#, "vectors: expected an object"),
        ("createFieldIndex", #"{"field_name": "a"}"#, "missing field `field_schema`"),
        (
            "createFieldIndex", #"{"field_name": "a", "field_schema": "blob"}"#,
            "field_schema: unknown variant `blob`"
        ),
        (
            "changeAliases", #"{"actions": [{"create_alias": {"alias_name": "a"}}]}"#,
            "missing field `collection_name`"
        ),
    ])
    func wrongShapesAreNamed(decoder: String, text: String, expected: String) {
        let error = decodingError(decoder, text)
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "no error")")
    }

    @Test(arguments: [
        ("query", #"{"query": {"discover": {"target": 1}}}"#, "missing field `context`"),
        ("query", #"{"query": {"context": [{"positive": 1}]}}"#, "missing field `negative`"),
        ("query", #"{"query": {"formula": {}}}"#, "formula"),
        ("query", #"{"query": {"formula": true}}"#, "an expression"),
        ("query", #"{"query": {"formula": "$score[a]"}}"#, "invalid variable `$score[a]`"),
        ("query", #"{"query": {"formula": "a..b"}}"#, "invalid variable `a..b`"),
        ("query", #"{"query": {"formula": {"neg": 1, "abs": 2}}}"#, "`neg` beside `abs`"),
        ("query", #"{"query": {"formula": {"div": {"left": 1}}}}"#, "missing field `right`"),
        ("query", #"{"query": {"formula": {"datetime": "noon"}}}"#, "query.formula.datetime"),
        ("query", #"{"query": {"formula": {"sum": [1, {"exp": []}]}}}"#, "formula.sum[1].exp"),
        ("query", #"{"query": {"formula": 1, "defaults": {"$score[]": 1}}}"#, "$score[]"),
        (
            "query", #"{"query": {"relevance_feedback": {"target": 1, "feedback": []}}}"#,
            "missing field `strategy`"
        ),
        ("upsert", #"{"points": [], "update_mode": "never"}"#, "unknown variant `never`"),
        ("upsert", #"{"points": [], "update_filter": {"most": []}}"#, "unknown field `most`"),
        ("facets", "{}", "missing field `key`"),
        ("facets", #"{"key": "a."}"#, "key"),
        ("matrix", #"{"using": 1}"#, "using"),
    ])
    func wrongQueriesAreNamed(decoder: String, text: String, expected: String) {
        let error = decodingError(decoder, text)
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "no error")")
    }

    @Test(arguments: [
        ("query", #"{"query": {"text": "swift", "model": "m"}}"#, "inference"),
        ("query", #"{"query": {"nearest": {"text": "swift", "model": "m"}}}"#, "inference"),
        (
            "upsert", #"{"points": [{"id": 1, "vector": {"text": "swift", "model": "m"}}]}"#,
            "inference"
        ),
        (
            "upsert", #"{"points": [{"id": 1, "vector": {"v": {"text": "a", "model": "m"}}}]}"#,
            "inference"
        ),
        ("query", #"{"query": {"image": "swift", "model": "m"}}"#, "inference"),
        ("query", #"{"shard_key": "a"}"#, "shard_key"),
    ])
    func whatWeDoNotHaveIsNamed(decoder: String, text: String, feature: String) {
        let error = decodingError(decoder, text)
        #expect(error?.kind == .unimplemented)
        #expect(error?.message.contains(feature) == true, "\(error?.message ?? "no error")")
    }

    @Test func hugeCountsAreTakenWithoutOverflow() throws {
        for text in ["999999999", "9223372036854775807", "18446744073709551615"] {
            let request: QueryRequest = try decode(
                "query", #"{"limit": \#(text), "offset": \#(text)}"#)
            #expect(request.limit >= 999_999_999)
            #expect(!request.limit.addingReportingOverflow(request.offset).overflow)
            #expect(!request.limit.multipliedReportingOverflow(by: 1024).overflow)
        }
    }
}
