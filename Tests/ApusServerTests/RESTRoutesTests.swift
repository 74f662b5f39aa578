import ApusCore
import ApusServer
import Testing

@Suite("REST routes")
struct RESTRoutesTests {
    let rest: RESTHarness

    init() async throws {
        rest = try RESTHarness()
        let created = await rest(
            "PUT", "/collections/birds", ["vectors": ["size": 2, "distance": "Dot"]])
        #expect(created.status == 200 && created.result == true)
        let written = await rest(
            "PUT", "/collections/birds/points?wait=true",
            [
                "points": [
                    ["id": 1, "vector": [1.0, 0.0], "payload": ["kind": "swift", "wing": 17]],
                    ["id": 2, "vector": [0.0, 1.0], "payload": ["kind": "swallow"]],
                    ["id": 3, "vector": [0.5, 0.5], "payload": ["kind": "swift"]],
                ]
            ])
        #expect(written.result?["status"] == "completed")
    }

    @Test("The root answers the interface level beside our own title and version")
    func root() async {
        let reply = await rest("GET", "/")
        #expect(reply.json?["title"] == "apus - vector database")
        #expect(reply.json?["version"] == "1.19.0")
        #expect(reply.json?["apus_version"] == "0.1.0")
    }

    @Test("Health paths answer plain text", arguments: ["/healthz", "/livez", "/readyz"])
    func health(path: String) async {
        let reply = await rest("GET", path)
        #expect(reply.status == 200)
        #expect(reply.contentType.hasPrefix("text/plain"))
    }

    @Test("A search finds the nearest first, in both forms of the interface")
    func search() async {
        let query = await rest(
            "POST", "/collections/birds/points/query", ["query": [1.0, 0.25], "limit": 2])
        #expect(query.result?["points"]?[0]?["id"] == 1)
        #expect(query.result?["points"]?[0]?["score"] == 1.0)
        #expect(query.result?["points"]?[1]?["id"] == 3)
        let search = await rest(
            "POST", "/collections/birds/points/search", ["vector": [1.0, 0.25], "limit": 2])
        #expect(search.result == query.result?["points"])
    }

    @Test("Batches answer one list for each search, in order")
    func batches() async {
        let reply = await rest(
            "POST", "/collections/birds/points/query/batch",
            [
                "searches": [
                    ["query": [1.0, 0.0], "limit": 1], ["query": [0.0, 1.0], "limit": 1],
                ]
            ])
        #expect(reply.result?[0]?["points"]?[0]?["id"] == 1)
        #expect(reply.result?[1]?["points"]?[0]?["id"] == 2)
    }

    @Test("Groups carry the best points of each value")
    func groups() async {
        let reply = await rest(
            "POST", "/collections/birds/points/query/groups",
            ["query": [1.0, 0.0], "group_by": "kind", "group_size": 1])
        #expect(reply.result?["groups"]?[0]?["id"] == "swift")
        #expect(reply.result?["groups"]?[0]?["hits"]?[0]?["id"] == 1)
        #expect(reply.result?["groups"]?[1]?["id"] == "swallow")
    }

    @Test("One point comes back whole, and an unknown one is 404")
    func onePoint() async {
        let reply = await rest("GET", "/collections/birds/points/1")
        #expect(reply.result?["payload"]?["wing"] == 17)
        #expect(reply.result?["vector"] == [1.0, 0.0])
        let unknown = await rest("GET", "/collections/birds/points/99")
        #expect(unknown.status == 404)
        #expect(unknown.error == "Not found: No point with id 99 found")
        let malformed = await rest("GET", "/collections/birds/points/no-id")
        #expect(malformed.status == 400)
    }

    @Test("Retrieving leaves unknown ids out")
    func retrieve() async {
        let reply = await rest("POST", "/collections/birds/points", ["ids": [3, 99, 1]])
        #expect(reply.result?[0]?["id"] == 3)
        #expect(reply.result?[1]?["id"] == 1)
        #expect(reply.result?[2] == nil)
    }

    @Test("A scroll gives the id where the next page begins")
    func scroll() async {
        let first = await rest("POST", "/collections/birds/points/scroll", ["limit": 2])
        #expect(first.result?["next_page_offset"] == 3)
        let second = await rest(
            "POST", "/collections/birds/points/scroll", ["limit": 999_999_999, "offset": 3])
        #expect(second.result?["points"]?[0]?["id"] == 3)
        #expect(second.result?["next_page_offset"] == .null)
    }

    @Test("Each write is visible once it is answered as completed")
    func writes() async {
        let root = "/collections/birds/points"
        func payload() async -> JSONValue? {
            await rest("GET", root + "/1").result?["payload"]
        }
        func write(_ method: String, _ path: String, _ body: JSONValue) async {
            let reply = await rest(method, root + path + "?wait=true", body)
            #expect(reply.result?["status"] == "completed", "\(path): \(reply.text)")
        }
        await write("POST", "/payload", ["payload": ["size": 2], "points": [1]])
        #expect(await payload() == ["kind": "swift", "wing": 17, "size": 2])
        await write("POST", "/payload/delete", ["keys": ["wing"], "points": [1]])
        #expect(await payload() == ["kind": "swift", "size": 2])
        await write("PUT", "/payload", ["payload": ["new": true], "points": [1]])
        #expect(await payload() == ["new": true])
        await write("POST", "/payload/clear", ["points": [1]])
        #expect(await payload() == [:])
        await write("PUT", "/vectors", ["points": [["id": 1, "vector": [3.0, 4.0]]]])
        #expect(await rest("GET", root + "/1").result?["vector"] == [3.0, 4.0])
        await write("POST", "/delete", ["points": [1]])
        #expect(await rest("GET", root + "/1").status == 404)
        await write("POST", "/delete", ["filter": [:]])
        #expect(await rest("POST", root + "/count", [:]).result == ["count": 0])
    }

    @Test("A batch of operations answers one result for each")
    func updateBatch() async {
        let reply = await rest(
            "POST", "/collections/birds/points/batch?wait=true",
            [
                "operations": [
                    ["upsert": ["points": [["id": 7, "vector": [1.0, 1.0]]]]],
                    ["set_payload": ["payload": ["a": 1], "points": [7]]],
                    ["delete": ["points": [2]]],
                ]
            ])
        #expect(reply.result?[2]?["status"] == "completed")
        #expect(reply.result?[3] == nil)
        #expect(
            await rest("GET", "/collections/birds/points/7").result?["payload"] == ["a": 1])
    }

    @Test("A payload index appears in the schema and goes again")
    func payloadIndex() async {
        let root = "/collections/birds"
        let created = await rest(
            "PUT", root + "/index?wait=true", ["field_name": "kind", "field_schema": "keyword"])
        #expect(created.status == 200)
        let schema = await rest("GET", root).result?["payload_schema"]
        #expect(schema?["kind"]?["data_type"] == "keyword")
        #expect(schema?["kind"]?["points"] == 3)
        #expect(await rest("DELETE", root + "/index/kind?wait=true").status == 200)
        #expect(await rest("GET", root).result?["payload_schema"] == [:])
    }

    @Test("Collections are listed, described, changed and dropped")
    func collections() async {
        let list = await rest("GET", "/collections")
        #expect(list.result == ["collections": [["name": "birds"]]])
        let info = await rest("GET", "/collections/birds").result
        #expect(info?["points_count"] == 3)
        #expect(info?["config"]?["params"]?["vectors"]?["size"] == 2)
        let update = await rest(
            "PATCH", "/collections/birds", ["optimizers_config": ["indexing_threshold": 0]])
        #expect(update.result == true)
        let exists = "/collections/birds/exists"
        #expect(await rest("GET", exists).result == ["exists": true])
        #expect(await rest("DELETE", "/collections/birds").result == true)
        #expect(await rest("DELETE", "/collections/birds").result == false)
        #expect(await rest("GET", exists).result == ["exists": false])
    }

    @Test("An alias stands for its collection")
    func aliases() async {
        let create: JSONValue = [
            "actions": [["create_alias": ["alias_name": "b", "collection_name": "birds"]]]
        ]
        #expect(await rest("POST", "/collections/aliases", create).result == true)
        #expect(
            await rest("POST", "/collections/b/points/count", [:]).result == ["count": 3])
        let listed: JSONValue = ["aliases": [["alias_name": "b", "collection_name": "birds"]]]
        #expect(await rest("GET", "/aliases").result == listed)
        #expect(await rest("GET", "/collections/birds/aliases").result == listed)
    }

    @Test("A name in a path may be percent-encoded")
    func encodedName() async {
        let body: JSONValue = ["vectors": ["size": 2, "distance": "Dot"]]
        #expect(await rest("PUT", "/collections/a%20b%C3%BC", body).status == 200)
        #expect(await rest("GET", "/collections/a%20b%c3%bc/exists").result == ["exists": true])
    }

    @Test("Metrics count requests by route, not by name")
    func metrics() async {
        _ = await rest("GET", "/collections/birds")
        let page = await rest("GET", "/metrics").text
        #expect(page.contains(#"apus_collection_points{collection="birds"} 3"#))
        #expect(
            page.contains(
                #"apus_request_duration_seconds_count{door="rest",route="/collections/{collection}","#
                    + #"method="GET",status="200"} 1"#))
    }
}
