import ApusCore
import ApusWire
import Testing

/// Members of bodies that are ours (docs/protocol.md).
@Suite("Extensions in JSON")
struct JSONExtensionTests {
    private func result(_ answer: [UInt8]) throws -> JSONValue {
        guard case .object(let envelope) = try parse(answer) else { return .null }
        return try #require(envelope["result"])
    }

    @Test("A scroll may pin a version or name one")
    func scroll() throws {
        #expect(try decode("scroll", #"{"version": "pin"}"#) == ScrollRequest(version: .pin))
        #expect(
            try decode("scroll", #"{"version": 12}"#)
                == ScrollRequest(version: .number(SequenceNumber(12))))
        #expect(try decode("scroll", #"{"version": null}"#) == ScrollRequest())
        for wrong in ["\"last\"", "-1", "1.5", "true", "[]"] {
            #expect(throws: DatabaseError.self) {
                _ = try decode("scroll", "{\"version\": \(wrong)}", as: ScrollRequest.self)
            }
        }
    }

    @Test("A page tells its version only to those who asked")
    func page() throws {
        let page = ScrollPage(points: [], nextOffset: nil, version: SequenceNumber(7))
        #expect(
            try result(ResponseEncoder.scrollPage(page, tellsVersion: true, seconds: 0.5))
                == ["points": [], "next_page_offset": nil, "version": 7])
    }

    @Test("Headers say `pin` or a number")
    func header() throws {
        #expect(try ReadVersion(header: "pin") == .pin)
        #expect(try ReadVersion(header: "7") == .number(SequenceNumber(7)))
        #expect(throws: DatabaseError.self) { _ = try ReadVersion(header: "-7") }
    }

    @Test("Durability is sync, or asynchronous within bounds")
    func durability() throws {
        func created(_ text: String) throws -> Durability? {
            let body = #"{"vectors": {}, "wal_config": {"durability": \#(text)}}"#
            let new: NewCollection = try decode("createCollection", body)
            return new.configuration.wal.durability
        }
        #expect(try created("\"sync\"") == .sync)
        #expect(try created(#"{"async_ms": 200}"#) == .async(maxDelayMilliseconds: 200))
        #expect(try created("null") == nil)
        for wrong in ["\"async\"", "{}", #"{"async_ms": 0}"#, #"{"async_ms": 10001}"#, "7"] {
            #expect(throws: DatabaseError.self) { _ = try created(wrong) }
        }
        let change: CollectionConfigurationChange = try decode(
            "updateCollection",
            #"{"wal_config": {"durability": "sync"}, "optimizers_config": {"memory_budget_bytes": 9}}"#
        )
        #expect(change.durability == .sync)
        #expect(change.optimizers?.memoryBudgetBytes == 9)
    }

    @Test("A query may say what it may cost, and what says too little or too much is refused")
    func budget() throws {
        for name in ["query", "queryGroups"] {
            let rest = name == "query" ? "" : #", "group_by": "a""#
            func budget(_ text: String) throws -> QueryBudget {
                let body = "{\"budget\": \(text)\(rest)}"
                if name == "query" {
                    let request: QueryRequest = try decode(name, body)
                    return request.budget
                }
                let request: GroupsRequest = try decode(name, body)
                return request.query.budget
            }
            #expect(
                try budget(#"{"time_ms": 2.5, "memory_bytes": 1000}"#)
                    == QueryBudget(time: .microseconds(2500), memoryByteCount: 1000))
            #expect(try budget(#"{"time_ms": null}"#) == QueryBudget())
            #expect(try budget("null") == QueryBudget())
            for wrong in [
                #"{"time_ms": 0}"#, #"{"time_ms": -1}"#, #"{"time_ms": 2678400001}"#,
                #"{"time_ms": "1"}"#, #"{"memory_bytes": 0}"#, #"{"memory_bytes": 1.5}"#, "7",
            ] {
                #expect(throws: DatabaseError.self, "\(wrong)") { _ = try budget(wrong) }
            }
        }
    }

    @Test("A collection is created with its card, if the body has one") func card() throws {
        let new: NewCollection = try decode(
            "createCollection",
            #"{"vectors": {"size": 2, "distance": "Dot"}, "card": {"models": {"": {"id": "mini"}}}}"#
        )
        #expect(new.card == CollectionCard(models: ["": CollectionCard.Model(ModelName("mini"))]))
        #expect(new.configuration.vectors[""]?.dimension == 2)
        let none: NewCollection = try decode("createCollection", #"{"card": null}"#)
        #expect(none.card == nil)
        #expect(throws: DatabaseError.self) {
            _ = try decode(
                "createCollection", #"{"card": {"models": {"": {}}}}"#, as: NewCollection.self)
        }
    }

    @Test("A description tells where bytes lie, for each point and in all")
    func details() throws {
        var usage = StorageUsage()
        usage[.vectors] = StorageUsage.Bytes(memory: 1000, disk: 2000)
        usage[.ids] = StorageUsage.Bytes(memory: 5, disk: 0)
        let description = CollectionDescription(
            status: .green, pointsCount: 10, indexedVectorsCount: 10, segmentsCount: 1,
            configuration: CollectionConfiguration(dimension: 2, metric: .dot),
            details: CollectionDetails(
                version: SequenceNumber(3), durability: .async(maxDelayMilliseconds: 20),
                usage: usage, pinnedVersions: [SequenceNumber(2)], pinnedMemoryBytes: 8,
                memoryBudgetBytes: nil, fieldsKeptMapped: ["a"]))
        guard
            case .object(let info) = try result(
                ResponseEncoder.collection(description, seconds: 0.5)),
            case .object(let details) = info["apus"],
            case .object(let parts) = details["bytes_per_vector"]
        else {
            Issue.record("no objects")
            return
        }
        #expect(details["version"] == 3)
        #expect(details["durability"] == ["async_ms": 20])
        #expect(details["memory_bytes"] == 1005)
        #expect(details["disk_bytes"] == 2000)
        #expect(details["memory_budget_bytes"] == nil)
        #expect(details["pinned_versions"] == [2])
        #expect(details["kept_mapped"] == ["a"])
        #expect(parts["vectors"] == ["memory": 100.0, "disk": 200.0])
        #expect(parts["ids"] == ["memory": 0.5, "disk": 0.0])
        #expect(parts["total"] == ["memory": 100.5, "disk": 200.0])
        #expect(parts["codes"] == ["memory": 0.0, "disk": 0.0])
    }
}
