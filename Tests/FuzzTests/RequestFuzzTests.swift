import ApusCore
import ApusWire
import Foundation
import Testing

/// Bodies of REST requests. The corpus is what a client sends (`Fixtures/wire/rest`).
@Suite("Fuzzing request bodies") struct RequestFuzzTests {
    private static let tokens = [
        "{", "}", "[", "]", ":", ",", "\"", "\\u", "\\ud800", "1e999", "-1", "0.5", "null", "true",
        "99999999999999999999", "\"must\"", "\"should\"", "\"filter\"", "\"nested\"", "\"key\"",
        "\"range\"", "\"gte\"", "\"query\"", "\"prefetch\"", "\"limit\"", "\"points\"",
        "\"vector\"", "\"indices\"", "\"values\"", "\"params\"", "\"fusion\"", "\"rrf\"",
        "\"id\"", "\"hnsw_config\"", "\"on_disk\"", "\"size\"", "\"geo_polygon\"", "\"exterior\"",
        "\"location\"", "\"priority\"", "file://", "[[[[[[[[", "{\"a\":", "é", "\u{0}", "1e-400",
        "4294967296",
    ]

    @Test("Every kind of body") func bodies() async throws {
        try await fuzz(
            FuzzTarget(
                name: "requests", tokens: Self.tokens,
                fixtures: { try Self.captured() },
                samples: { Self.filters + Self.others },
                run: { input in
                    do throws(DatabaseError) {
                        try Self.decode(input)
                        return .accepted
                    } catch {
                        try expect(
                            error.kind == .invalidArgument || error.kind == .validation
                                || error.kind == .unimplemented,
                            "an error of the kind \(error.kind)")
                        return .refused
                    }
                }))
    }

    private static func captured() throws -> [FuzzInput] {
        let folder = FuzzCorpus.fixtures.appending(path: "wire/rest")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            .filter { $0.hasSuffix(".json") }
            .map { name in
                FuzzInput(
                    name: name.replacing(".json", with: "").replacing("-", with: "~"),
                    bytes: Array(try Data(contentsOf: folder.appending(path: name))))
            }
    }

    /// Conditions of every kind, as requests that have a filter.
    private static let filters: [FuzzInput] = [
        #"{"filter":{"must":[{"key":"a.b[]","match":{"any":["x",1]}},{"has_id":[1,"f47ac10b-58cc-4372-a567-0e02b2c3d479"]},{"nested":{"key":"l","filter":{"must_not":[{"is_null":{"key":"y"}}]}}}],"min_should":{"conditions":[{"key":"t","match":{"text":"a b"}}],"min_count":1}}}"#,
        #"{"filter":{"should":{"key":"g","geo_radius":{"center":{"lon":1,"lat":2},"radius":3.5}},"must":[{"key":"g","geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0},{"lon":1,"lat":0},{"lon":1,"lat":1},{"lon":0,"lat":0}]}}},{"key":"d","range":{"gte":"2024-01-01T00:00:00Z","lt":null}},{"key":"v","values_count":{"gt":1}},{"is_empty":{"key":"e"}},{"has_vector":"image"}]}}"#,
    ].enumerated().map { FuzzInput(name: "count~filter\($0)", bytes: Array($1.utf8)) }

    /// Bodies that are not among the captured ones.
    private static let others: [FuzzInput] = [
        (
            "recoverSnapshot~0",
            #"{"location":"file:///data/snapshots/c%20d.snapshot","priority":"snapshot","checksum":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","api_key":null}"#
        ),
        ("createVectorField~dense", #"{"dense":{"size":4,"distance":"Dot","on_disk":true}}"#),
        ("createVectorField~sparse", #"{"sparse":{"modifier":"idf"}}"#),
        (
            "search~0",
            #"{"vector":{"name":"s","vector":{"indices":[1,7],"values":[1,0.5]}},"limit":3,"params":{"hnsw_ef":64},"score_threshold":0.5,"with_payload":true}"#
        ),
        ("searchBatch~0", #"{"searches":[{"vector":[1,2],"limit":1},{"vector":[3],"limit":2}]}"#),
        ("searchGroups~0", #"{"vector":[1,2],"group_by":"a.b","limit":3,"group_size":2}"#),
        (
            "query~formula",
            #"{"prefetch":[{"query":[1]}],"query":{"formula":{"sum":["$score[1]",{"mult":[0.5,{"key":"a","match":{"value":1}}]},{"div":{"left":{"geo_distance":{"origin":{"lon":1,"lat":2},"to":"at"}},"right":{"pow":{"base":2,"exponent":"b[].c"}},"by_zero_default":1}},{"gauss_decay":{"x":{"datetime_key":"day"},"target":{"datetime":"2024-01-01"},"scale":86400,"midpoint":0.5}}]},"defaults":{"$score[1]":0.1,"at":{"lon":0,"lat":0}}}}"#
        ),
        (
            "query~feedback",
            #"{"query":{"relevance_feedback":{"target":1,"feedback":[{"example":[1],"score":0.5}],"strategy":{"naive":{"a":1,"b":2,"c":0.1}}}},"using":"d"}"#
        ),
        (
            "query~text",
            #"{"query":{"nearest":{"text":"swift boats","model":"qdrant/bm25","options":{"language":"german","k":1.5,"stopwords":{"custom":["a"]},"stemmer":{"type":"snowball","language":"french"}}},"mmr":{"diversity":0.3,"candidates_limit":9}}}"#
        ),
        ("facets~0", #"{"key":"a[].b","limit":3,"exact":true,"filter":{"must":[]}}"#),
        ("matrix~0", #"{"sample":10,"limit":3,"using":"d","filter":{"must":[]}}"#),
        (
            "recommend~0",
            #"{"positive":[1,[0.5]],"negative":[],"strategy":"best_score","limit":3,"using":"d"}"#
        ),
        (
            "discover~0",
            #"{"target":{"indices":[1],"values":[2]},"context":[{"positive":1,"negative":[[1],[2]]}],"limit":3}"#
        ),
        (
            "upsert~condition",
            #"{"points":[{"id":1,"vector":{"t":{"text":"a","model":"qdrant/bm25"}}}],"update_mode":"insert_only","update_filter":{"must":[{"has_id":[1]}]}}"#
        ),
    ].map { FuzzInput(name: $0, bytes: Array($1.utf8)) }

    private static func decode(_ input: FuzzInput) throws(DatabaseError) {
        let body = unsafe input.bytes.span.bytes
        switch input.purpose {
        case "createCollection": _ = try RequestDecoder.createCollection(body)
        case "updateCollection": _ = try RequestDecoder.updateCollection(body)
        case "changeAliases": _ = try RequestDecoder.changeAliases(body)
        case "createFieldIndex": _ = try RequestDecoder.createFieldIndex(body)
        case "createVectorField": _ = try RequestDecoder.createVectorField(body)
        case "upsert": _ = try RequestDecoder.upsert(body)
        case "deletePoints": _ = try RequestDecoder.deletePoints(body)
        case "updateVectors": _ = try RequestDecoder.updateVectors(body)
        case "deleteVectors": _ = try RequestDecoder.deleteVectors(body)
        case "setPayload": _ = try RequestDecoder.setPayload(body)
        case "overwritePayload": _ = try RequestDecoder.overwritePayload(body)
        case "deletePayload": _ = try RequestDecoder.deletePayload(body)
        case "clearPayload": _ = try RequestDecoder.clearPayload(body)
        case "batch": _ = try RequestDecoder.batch(body)
        case "retrieve": _ = try RequestDecoder.retrieve(body)
        case "scroll": _ = try RequestDecoder.scroll(body)
        case "count": _ = try RequestDecoder.count(body)
        case "query": _ = try RequestDecoder.query(body)
        case "queryBatch": _ = try RequestDecoder.queryBatch(body)
        case "queryGroups": _ = try RequestDecoder.queryGroups(body)
        case "search": _ = try RequestDecoder.search(body)
        case "searchBatch": _ = try RequestDecoder.searchBatch(body)
        case "searchGroups": _ = try RequestDecoder.searchGroups(body)
        case "facets": _ = try RequestDecoder.facets(body)
        case "matrix": _ = try RequestDecoder.matrix(body)
        case "recommend": _ = try RequestDecoder.recommend(body)
        case "discover": _ = try RequestDecoder.discover(body)
        case "recoverSnapshot": _ = try RequestDecoder.recoverSnapshot(body)
        default: throw DatabaseError(.internalError, "no decoder is called \(input.purpose)")
        }
    }
}
