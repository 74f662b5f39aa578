import Apus
import ApusCore
import ApusServer
import ApusText
import Foundation
import Testing

/// Cards over REST, what they refuse, and who may set them. Over gRPC and with clients:
/// `test_apus_v1_card.py`.
@Suite("Collection cards on the server") struct CardTests {
    private let rest: RESTHarness
    private static let path = "/apus/v1/collections/docs/card"
    private static let card: JSONValue = [
        "models": ["": ["id": "mini", "version": "1", "normalized": true]],
        "corpus": ["name": "Docs", "license": "CC0-1.0"],
    ]

    init() async throws {
        rest = try RESTHarness()
        let created = await rest(
            "PUT", "/collections/docs",
            [
                "vectors": ["size": 2, "distance": "Dot"],
                "sparse_vectors": ["words": [:]],
            ])
        #expect(created.status == 200)
    }

    private func upsert(_ model: String?, _ point: JSONValue? = nil) async -> Reply {
        let point: JSONValue = point ?? ["id": 1, "vector": [1.0, 0.0]]
        return await rest(
            "PUT", "/collections/docs/points?wait=true", ["points": .array([point])],
            headers: model.map { ["apus-model": $0] } ?? [:])
    }

    private func query(_ model: String?, _ body: JSONValue) async -> Reply {
        await rest(
            "POST", "/collections/docs/points/query", body,
            headers: model.map { ["apus-model": $0] } ?? [:])
    }

    @Test("Is set, told, and taken away") func life() async {
        let none = await rest("GET", Self.path)
        #expect(none.result?["card"] == .null)
        #expect(none.result?["recall"]?["observed"] == .null)
        let set = await rest("PUT", Self.path, Self.card)
        #expect(set.status == 200)
        #expect(set.result?["models"]?[""]?["dimension"] == 2)
        #expect(set.result?["models"]?[""]?["metric"] == "Dot")
        let told = await rest("GET", Self.path)
        #expect(told.result?["card"] == set.result)
        // What was told can be set again.
        for body in [told.result, told.result?["card"]] {
            let again = await rest("PUT", Self.path, body)
            #expect(again.result == set.result)
        }
        let info = await rest("GET", "/collections/docs")
        #expect(info.result?["apus"]?["card"] == set.result)
        let gone = await rest("DELETE", Self.path)
        #expect(gone.result == true)
        let twice = await rest("DELETE", Self.path)
        #expect(twice.result == false)
        let missing = await rest("GET", "/apus/v1/collections/none/card")
        #expect(missing.status == 404)
    }

    @Test(
        "Cards that make no sense are refused",
        arguments: [
            (400, ["models": ["": ["version": "1"]]]),
            (400, ["models": ["none": ["id": "m"]]]),
            (400, ["models": ["": ["id": "m", "dimension": 3]]]),
            (400, ["models": ["": ["id": "m", "metric": "Cosine"]]]),
            (400, ["models": ["": ["id": "m", "metric": "Nearness"]]]),
            (422, ["models": ["": ["id": ""]]]),
            (422, ["models": ["": ["id": "m", "dimension": 0]]]),
            (400, ["models": 7]),
        ] as [(Int, JSONValue)])
    func refusedCards(status: Int, card: JSONValue) async {
        let reply = await rest("PUT", Self.path, card)
        #expect(reply.status == status, "\(reply.text)")
        let none = await rest("GET", Self.path)
        #expect(none.result?["card"] == .null)
    }

    @Test("A collection is created with its card, or with what the call declares, or not at all")
    func creation() async {
        func create(_ name: String, _ body: JSONValue, declaring model: String? = nil) async
            -> Reply
        {
            await rest(
                "PUT", "/collections/\(name)", body,
                headers: model.map { ["apus-model": $0] } ?? [:])
        }
        func card(_ name: String) async -> JSONValue? {
            await rest("GET", "/apus/v1/collections/\(name)/card").result?["card"]
        }
        let one: JSONValue = ["vectors": ["size": 2, "distance": "Dot"]]
        func with(_ card: JSONValue) -> JSONValue {
            ["vectors": ["size": 2, "distance": "Dot"], "card": card]
        }
        let said = await create("said", with(Self.card))
        #expect(said.status == 200, "\(said.text)")
        let saidCard = await card("said")
        #expect(saidCard?["models"]?[""]?["dimension"] == 2)
        let declared = await create("declared", one, declaring: "mini@1")
        #expect(declared.status == 200)
        let declaredCard = await card("declared")
        #expect(declaredCard?["models"]?[""]?["id"] == "mini")
        #expect(declaredCard?["models"]?[""]?["version"] == "1")
        let both = await create("both", with(Self.card), declaring: "mini")
        #expect(both.status == 200)
        let two: JSONValue = [
            "vectors": [
                "a": ["size": 2, "distance": "Dot"], "b": ["size": 3, "distance": "Dot"],
            ],
            "sparse_vectors": ["w": [:]],
        ]
        // Of which of them, it does not say.
        _ = await create("open", two, declaring: "mini")
        let openCard = await card("open")
        #expect(openCard == .null)
        _ = await create("named", two, declaring: "mini,b=other,w=splade")
        let namedCard = await card("named")
        #expect(namedCard?["models"]?["b"]?["id"] == "other")
        #expect(namedCard?["models"]?["w"]?["id"] == "splade")
        #expect(namedCard?["models"]?["a"] == nil)
        _ = await create("sparse", ["sparse_vectors": ["w": [:]]], declaring: "splade")
        let sparseCard = await card("sparse")
        #expect(sparseCard?["models"]?["w"]?["id"] == "splade")
        let refused: [(JSONValue, String?, Int)] = [
            (with(["models": ["": ["id": "mini", "dimension": 3]]]), nil, 400),
            (with(["models": ["": ["id": "mini", "metric": "Cosine"]]]), nil, 400),
            (with(["models": ["none": ["id": "mini"]]]), nil, 400),
            (with(["models": ["": ["id": ""]]]), nil, 422), (with(7), nil, 400),
            (with(Self.card), "other", 409), (one, "none=mini", 400), (one, "a,b", 400),
        ]
        for (body, model, status) in refused {
            let reply = await create("refused", body, declaring: model)
            #expect(reply.status == status, "\(body) \(model ?? "-"): \(reply.text)")
            let exists = await rest("GET", "/collections/refused/exists")
            #expect(exists.result?["exists"] == false)
        }
    }

    @Test("Without a card nothing is checked, with one other models are refused")
    func declarations() async {
        let free = await upsert("other@7")
        #expect(free.status == 200)
        _ = await rest("PUT", Self.path, Self.card)
        for model in [nil, "mini", "mini@1", "=mini@1", "words=other"] {
            let taken = await upsert(model)
            #expect(taken.status == 200, "\(model ?? "-")")
        }
        for model in ["other", "mini@2", "=other", "mini,=other"] {
            let refused = await upsert(model)
            #expect(refused.status == 409, "\(model)")
            let parts = ["`docs`", "unnamed vector field", "`mini@1`"]
            for part in parts { #expect(refused.error?.contains(part) == true, "\(refused.text)") }
        }
        let malformed = await upsert("a,b")
        #expect(malformed.status == 400)
    }

    @Test("Queries in all forms are held to it, where they have vectors of the field")
    func queries() async {
        _ = await upsert(nil)
        _ = await rest("PUT", Self.path, Self.card)
        let dense: JSONValue = ["query": [1.0, 0.0]]
        let sparse: JSONValue = ["query": ["indices": [1], "values": [1.0]], "using": "words"]
        let cases: [(String, JSONValue, Int)] = [
            ("mini@1", dense, 200), ("other", dense, 409), ("other", sparse, 200),
            ("other", ["query": 1], 200), ("other", ["query": ["sample": "random"]], 200),
            ("other", ["query": ["recommend": ["positive": [1, [1.0, 0.0]]]]], 409),
            ("other", ["prefetch": ["query": [1.0, 0.0]], "query": ["fusion": "rrf"]], 409),
            ("mini", ["prefetch": ["query": [1.0, 0.0]], "query": ["fusion": "rrf"]], 200),
        ]
        for (model, body, status) in cases {
            let reply = await query(model, body)
            #expect(reply.status == status, "\(model) \(body): \(reply.text)")
        }
        let others: [(String, JSONValue)] = [
            ("/collections/docs/points/search", ["vector": [1.0, 0.0], "limit": 1]),
            ("/collections/docs/points/query/batch", ["searches": [dense]]),
            (
                "/collections/docs/points/query/groups",
                ["query": [1.0, 0.0], "group_by": "kind"]
            ),
            ("/apus/v1/collections/docs/query", dense),
            ("/apus/v1/collections/docs/explain", dense),
        ]
        for (path, body) in others {
            let right = await rest("POST", path, body, headers: ["apus-model": "mini"])
            #expect(right.status == 200, "\(path): \(right.text)")
            let wrong = await rest("POST", path, body, headers: ["apus-model": "other"])
            #expect(wrong.status == 409, "\(path): \(wrong.text)")
        }
        let count = await rest(
            "POST", "/collections/docs/points/count", [:], headers: ["apus-model": "other"])
        #expect(count.status == 200)
    }

    @Test("Lines of a bulk upsert are held to it, from the first on") func bulk() async {
        _ = await rest("PUT", Self.path, Self.card)
        let line = #"{"sequence": 1, "points": [{"id": 1, "vector": [1, 2]}]}"# + "\n"
        let path = "/apus/v1/collections/docs/upsert"
        let refused = await rest("GET", path, headers: ["apus-model": "other"])
        #expect(refused.status == 409)
        let wrong = await rest(
            "POST", path, raw: Array(line.utf8), headers: ["apus-model": "other"])
        #expect(wrong.status == 409)
        let taken = await rest(
            "POST", path, raw: Array(line.utf8), headers: ["apus-model": "mini@1"])
        #expect(taken.result?["sequence"] == 1, "\(taken.text)")
    }

    @Test("An ingest that begins writes the card, and no other takes it away") func ifEmpty() async
    {
        let path = Self.path + "?if_empty=true"
        let first = await rest("PUT", path, ["models": ["": ["id": "mini"]]])
        #expect(first.result?["models"]?[""]?["id"] == "mini")
        let second = await rest("PUT", path, ["models": ["": ["id": "other"]]])
        #expect(second.status == 409)
        _ = await rest("DELETE", Self.path)
        _ = await upsert(nil)
        let late = await rest("PUT", path, ["models": ["": ["id": "other"]]])
        #expect(late.status == 200 && late.result == .null)
    }

    @Test("The server's own embedders are held to it by what they know of themselves")
    func documents() async {
        DenseModels.register("tiny", version: { "3" }) { [Float($0.utf8.count), 1] }
        _ = await rest(
            "PUT", "/collections/texts",
            [
                "vectors": [
                    "a": ["size": 2, "distance": "Dot"], "b": ["size": 2, "distance": "Dot"],
                ],
                "sparse_vectors": ["words": ["modifier": "idf"]],
            ])
        let text: JSONValue = ["text": "a text", "model": "Tiny"]
        let words: JSONValue = ["text": "a text", "model": "qdrant/bm25"]
        func upsert(_ vectors: JSONValue, padding: Int = 0) async -> Reply {
            await rest(
                "PUT", "/collections/texts/points?wait=true",
                [
                    "points": [
                        [
                            "id": 1, "vector": vectors,
                            "payload": ["x": .string(String(repeating: "x", count: padding))],
                        ]
                    ]
                ])
        }
        func query(_ query: JSONValue, _ field: String) async -> Reply {
            await rest(
                "POST", "/collections/texts/points/query",
                ["query": query, "using": .string(field)])
        }
        let free = await upsert(["a": text, "b": text, "words": words])
        #expect(free.status == 200, "\(free.text)")
        let set = await rest(
            "PUT", "/apus/v1/collections/texts/card",
            [
                "models": [
                    "a": ["id": "tiny", "version": "3"], "b": ["id": "mini"],
                    "words": ["id": "qdrant/bm25"],
                ]
            ])
        #expect(set.status == 200, "\(set.text)")
        let right = await upsert(["a": text, "b": [1.0, 2.0], "words": words])
        #expect(right.status == 200, "\(right.text)")
        // A large body is decoded on another thread.
        for padding in [0, 200_000] {
            let wrong = await upsert(["a": text, "b": text], padding: padding)
            #expect(wrong.status == 409)
            #expect(wrong.error?.contains("`tiny@3`") == true, "\(wrong.text)")
            #expect(wrong.error?.contains("`b`") == true, "\(wrong.text)")
        }
        let sparse = await upsert(["b": words])
        #expect(sparse.status == 409, "\(sparse.text)")
        for (vector, field, status) in [(text, "a", 200), (text, "b", 409), (words, "words", 200)] {
            let reply = await query(vector, field)
            #expect(reply.status == status, "\(field): \(reply.text)")
        }
        let path = "/apus/v1/collections/texts/upsert"
        let line =
            #"{"sequence": 1, "points": [{"id": 1, "vector": {"b": {"text": "t", "model": "tiny"}}}]}"#
        let streamed = await rest("POST", path, raw: Array((line + "\n").utf8))
        #expect(streamed.status == 409, "\(streamed.text)")
    }

    @Test("Reading a card takes reading, setting one takes managing, and no more")
    func permissions() async throws {
        let operations = Operations(
            database: rest.database, authorizer: Authorizer(needsCaller: true))
        let card = CollectionCard(models: ["": CollectionCard.Model(ModelName("mini"))])
        func acting<Value>(
            _ access: Access, _ body: () async throws -> Value
        ) async throws -> Value {
            let caller = Caller(subject: "test", access: access)
            let call = CallContext(head: CallHead(door: .rest, method: "test"), caller: caller)
            return try await CallContext.$current.withValue(call, operation: body)
        }
        let restricted = Filter(must: [.hasID([1])])
        let callers: [(Access, reads: Bool, manages: Bool)] = [
            (.everything, true, true), (.reading, true, false),
            (.collections(["docs": CollectionAccess(writes: true)]), true, false),
            (
                .collections(["docs": CollectionAccess(writes: true, filter: restricted)]), true,
                false
            ),
            (.collections(["other": CollectionAccess(writes: true)]), false, false),
        ]
        for (access, reads, manages) in callers {
            let read = try? await acting(access) { try await operations.card(of: "docs") }
            #expect((read != nil) == reads, "\(access)")
            for ifEmpty in [true, false] {
                let set = try? await acting(access) {
                    try await operations.setCard(card, ifEmpty: ifEmpty, of: "docs")
                }
                #expect((set != nil) == manages, "\(access)")
            }
            let deleted = try? await acting(access) { try await operations.deleteCard(of: "docs") }
            #expect((deleted != nil) == manages, "\(access)")
        }
    }
}
