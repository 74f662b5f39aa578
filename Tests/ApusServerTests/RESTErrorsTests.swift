import ApusCore
import ApusServer
import TestSupport
import Testing

@Suite("REST errors")
struct RESTErrorsTests {
    let rest: RESTHarness

    init() async throws {
        rest = try RESTHarness(bodyBytesMax: 1000)
        _ = await rest("PUT", "/collections/c", ["vectors": ["size": 2, "distance": "Cosine"]])
    }

    @Test(
        "Every mistake has its status and says what is wrong",
        arguments: [
            ("GET", "/nothing/here", "", 404, "no such path"),
            ("POST", "/collections/c/points/odd", "{}", 404, "no such path"),
            ("GET", "/collections/x", "", 404, "Not found: Collection `x` doesn't exist!"),
            ("POST", "/collections/x/points/count", "{}", 404, "`x` doesn't exist!"),
            ("GET", "/collections/%zz", "", 400, "Malformed percent-encoding"),
            ("GET", "/collections/%ff", "", 400, "no UTF-8"),
            (
                "PUT", "/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#, 409,
                "already exists!"
            ),
            ("PUT", "/collections/d", #"{"vectors":{"size":0,"distance":"Dot"}}"#, 422, "size"),
            ("PUT", "/collections/d", #"{"vectors":"#, 400, "Format error in JSON body"),
            ("PUT", "/collections/c/points?wait=maybe", "{}", 400, "wait"),
            ("PUT", "/collections/c/points?timeout=0", "{}", 422, "timeout"),
            ("PUT", "/collections/c/points?ordering=odd", "{}", 400, "ordering"),
            ("POST", "/collections/c/points/query?consistency=0", "{}", 400, "consistency"),
            (
                "PUT", "/collections/c/points", #"{"points":[{"id":1,"vector":[1,2,3]}]}"#, 400,
                "Vector dimension error: expected dim: 2, got 3"
            ),
            (
                "PUT", "/collections/c/points", #"{"points":[{"id":"no","vector":[1,2]}]}"#, 400,
                "points[0].id"
            ),
            (
                "POST", "/collections/c/points/query", #"{"query":[1,2],"using":"other"}"#, 400,
                "Not existing vector name error: other"
            ),
            ("POST", "/collections/c/points/query", #"{"query":[1,2],"limit":0}"#, 422, "limit"),
        ])
    func mistakes(
        method: String, target: String, body: String, status: Int, text: String
    ) async {
        let reply = await rest(method, target, raw: Array(body.utf8))
        #expect(reply.status == status, "\(reply.text)")
        #expect(reply.error?.contains(text) == true, "\(reply.text)")
        #expect(reply.contentType == "application/json")
    }

    @Test("A known path with another method is 405 and names what is allowed")
    func methodNotAllowed() async {
        let reply = await rest("DELETE", "/collections")
        #expect(reply.status == 405)
        #expect(reply.headers.first { $0.name == "allow" }?.value == "GET")
    }

    @Test("A body over the limit is 400 and names the limit")
    func oversized() async {
        let reply = await rest(
            "POST", "/collections/c/points/query", raw: Array(repeating: 32, count: 1001))
        #expect(reply.status == 400)
        #expect(reply.error?.contains("(limit: 1000 bytes)") == true)
    }

    @Test("A collection may be called like a fixed path")
    func collectionNamedAliases() async {
        let body: JSONValue = ["vectors": ["size": 2, "distance": "Dot"]]
        #expect(await rest("PUT", "/collections/exists", body).status == 200)
        #expect(await rest("GET", "/collections/exists/exists").result == ["exists": true])
    }

    @Test("With a key only version and health answer without it")
    func apiKey() async throws {
        var auth = ServerConfiguration.Auth()
        auth.apiKey = "secret"
        let rest = try RESTHarness(auth: auth)
        for path in ["/", "/healthz", "/livez", "/readyz"] {
            #expect(await rest("GET", path).status == 200)
        }
        for headers in [
            [:], ["api-key": "wrong"], ["api-key": "secretsecret"], ["api-key": ""],
            ["authorization": "Bearer wrong"], ["authorization": "Basic secret"],
            ["authorization": "Bearer"],
        ] {
            let reply = await rest("GET", "/collections", headers: headers)
            #expect(reply.status == 401, "\(headers)")
            #expect(reply.error?.contains("API key") == true)
        }
        for headers in [
            ["api-key": "secret"], ["authorization": "Bearer secret"],
            ["authorization": "bearer secret"],
        ] {
            #expect(await rest("GET", "/collections", headers: headers).status == 200)
        }
    }

    @Test("Bytes from a generator never end the process", arguments: 0..<64 as Range<UInt64>)
    func garbage(seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("{}[]\",:0129eE+-.\\utrfn%/?&=aq\u{1}é".utf8)
        let bytes = (0..<200).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
        for path in ["/query", "", "/scroll", "/delete"] {
            let reply = await rest("POST", "/collections/c/points" + path, raw: bytes)
            #expect((400..<500).contains(reply.status), "\(reply.text)")
        }
        let target = "/" + String(decoding: bytes, as: UTF8.self)
        let reply = await rest("GET", target)
        #expect((400..<500).contains(reply.status) || target.hasPrefix("/?"), "\(target)")
    }
}
