import Apus
import ApusCore
import ApusServer
import Foundation
import Testing

/// Positions of pipelines over REST. Over gRPC, with kills and with tenants:
/// `test_apus_v1_positions.py` and the pipelines' own tests.
@Suite("A pipeline's position is written with its batches") struct PositionTests {
    private let rest: RESTHarness
    private static let root = "/apus/v1/collections/docs"

    init() async throws {
        rest = try RESTHarness()
        let created = await rest(
            "PUT", "/collections/docs", ["vectors": ["size": 2, "distance": "Dot"]])
        #expect(created.status == 200)
    }

    private func upsert(_ query: String, _ lines: JSONValue...) async -> Reply {
        let body = lines.map { String(decoding: $0.jsonBytes, as: UTF8.self) }
        return await rest(
            "POST", Self.root + "/upsert?" + query, raw: Array(body.joined(separator: "\n").utf8))
    }

    private func line(
        _ sequence: Int64, points: [Int64] = [], deletes: [Int64]? = nil, position: String? = nil
    ) -> JSONValue {
        var line: [String: JSONValue] = ["sequence": .integer(sequence)]
        line["points"] = .array(
            points.map { .object(["id": .integer($0), "vector": [1.0, 0.0]]) })
        line["deletes"] = deletes.map { .array($0.map { .integer($0) }) }
        line["position"] = position.map { .string($0) }
        return .object(line)
    }

    private func ids() async throws -> [PointID] {
        try await rest.database.collection("docs").scroll(ScrollRequest(limit: 100)).points
            .map(\.id)
    }

    private func position(_ pipeline: String = "p") async -> JSONValue? {
        let reply = await rest("GET", Self.root + "/positions/" + pipeline)
        #expect(reply.status == 200)
        #expect(reply.result?["pipeline"] == .string(pipeline))
        return reply.result?["position"]
    }

    @Test func aBatchDeletesWritesAndMoves() async throws {
        #expect(await position() == .null)
        let reply = await upsert(
            "pipeline=p", line(1, points: [1, 2, 3], position: "one"),
            line(2, points: [4], deletes: [1, 99], position: "two"))
        #expect(reply.status == 200)
        #expect(reply.result?["sequence"] == 2)
        #expect(try await ids() == [2, 3, 4])
        #expect(await position() == "two")
        let start = await rest("GET", Self.root + "/upsert?pipeline=p")
        #expect(start.result?["sequence"] == 0 && start.result?["position"] == "two")
        // Numbers begin with 1 again; a batch of deletions alone is one, too.
        let more = await upsert(
            "pipeline=p", ["sequence": 1, "deletes": [2], "position": "three"])
        #expect(more.status == 200)
        #expect(try await ids() == [3, 4])
        #expect(await position() == "three")
    }

    @Test func aRefusedBatchLeavesThePositionToo() async throws {
        let reply = await upsert(
            "pipeline=p", line(1, points: [1], position: "one"),
            ["sequence": 2, "points": [["id": 2, "vector": [1.0]]], "position": "two"])
        #expect(reply.status == 400)
        #expect(try await ids() == [1])
        #expect(await position() == "one")
    }

    @Test func pipelinesAreToldApartAndForgotten() async throws {
        for (name, at) in [("b", "there"), ("a", "here"), ("s%2Fx", "deep")] {
            #expect(await upsert("pipeline=\(name)", line(1, position: at)).status == 200)
        }
        #expect(await upsert("source=a", line(1)).status == 200)
        let all = await rest("GET", Self.root + "/positions")
        #expect(
            all.result?["positions"] == [
                ["pipeline": "a", "position": "here"], ["pipeline": "b", "position": "there"],
                ["pipeline": "s/x", "position": "deep"],
            ])
        #expect(await rest("DELETE", Self.root + "/positions/b").result == true)
        #expect(await rest("DELETE", Self.root + "/positions/b").result == false)
        #expect(await position("b") == .null)
        #expect(await position("a") == "here")
    }

    @Test("An embedded program's pipeline goes on at a server, and the other way round")
    func local() async throws {
        let docs = try rest.database.collection("docs")
        _ = try await docs.write(
            [.upsert([])], positions: SourcePositions(["pipeline/p": Array("local".utf8)]))
        #expect(await position() == "local")
        #expect(await upsert("pipeline=p", line(1, position: "remote")).status == 200)
        #expect(docs.sourcePositions().values["pipeline/p"] == Array("remote".utf8))
    }

    @Test(
        "Bad input is named",
        arguments: [
            ("pipeline=p", "", 422, "1 to 65536"),
            ("pipeline=p", String(repeating: "x", count: 65_537), 422, "65537 bytes"),
            ("source=s", "here", 400, "says a position, and the start no pipeline"),
            ("", "here", 400, "says a position, and the start no pipeline"),
            ("pipeline=p&source=s", "here", 400, "exclude each other"),
            ("pipeline=" + String(repeating: "n", count: 256), "here", 422, "in pipeline: 256"),
        ])
    func badInput(_ query: String, _ position: String, _ status: Int, _ cause: String) async throws
    {
        let reply = await upsert(query, line(1, points: [1], position: position))
        #expect(reply.status == status)
        #expect(reply.error?.contains(cause) == true, "\(reply.text.prefix(300))")
        #expect(try await ids() == [])
        let all = await rest("GET", Self.root + "/positions")
        #expect(all.result?["positions"] == [])
    }

    @Test("A stream that had room at its start is refused where it takes more than there is")
    func positionsTogether() async throws {
        let docs = try rest.database.collection("docs")
        let most = SourcePositions.byteCountMax
        // 20 bytes are left, of which the name takes 10.
        _ = try await docs.write(
            [.upsert([])],
            positions: SourcePositions(["x": [UInt8](repeating: 0x61, count: most - 21)]))
        let reply = await upsert(
            "pipeline=p", line(1, points: [1], position: "one"),
            line(2, points: [2], position: "0123456789"),
            line(3, points: [3], position: "0123456789a"))
        #expect(reply.status == 400)
        #expect(
            reply.error?.contains("\(most) bytes together") == true, "\(reply.text.prefix(300))")
        #expect(try await ids() == [1, 2])
        #expect(await position() == "0123456789")
        #expect(await upsert("pipeline=q", line(1, points: [4], position: "x")).status == 400)
        #expect(await rest("DELETE", Self.root + "/positions/p").result == true)
        #expect(await upsert("pipeline=q", line(1, points: [4], position: "x")).status == 200)
    }

    @Test func aPositionTakesAsMuchAsItSays() async throws {
        let long = String(repeating: "ä", count: 32_768)
        #expect(await upsert("pipeline=p", line(1, position: long)).status == 200)
        #expect(await position() == .string(long))
        #expect(await rest("GET", "/apus/v1/collections/none/positions").status == 404)
    }
}
