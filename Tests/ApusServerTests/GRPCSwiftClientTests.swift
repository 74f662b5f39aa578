import ApusProto
import ApusRPC
import ApusServer
import GRPCCore
import SwiftProtobuf
import Testing

/// The gRPC door as grpc-swift's client sees it.
@Suite struct GRPCSwiftClientTests {
    private static let collections = "qdrant.Collections"
    private static let points = "qdrant.Points"

    @Test func theVersionIsOpen() async throws {
        try await GRPCHarness.run { grpc in
            let (reply, _): (Qdrant_HealthCheckReply, _) = try await grpc.call(
                "qdrant.Qdrant", "HealthCheck", Qdrant_HealthCheckRequest())
            #expect(reply.version == "1.19.0")
            let (health, _): (Grpc_Health_V1_HealthCheckResponse, _) = try await grpc.call(
                "grpc.health.v1.Health", "Check", Grpc_Health_V1_HealthCheckRequest())
            #expect(health.status == .serving)
        }
    }

    @Test(arguments: [CompressionAlgorithm.none, .gzip])
    func pointsAreWrittenAndFound(_ compression: CompressionAlgorithm) async throws {
        try await GRPCHarness.run(compression: compression) { grpc in
            try await fill(grpc, count: 500)
            var query = Qdrant_QueryPoints()
            query.collectionName = "birds"
            query.query.nearest.dense.data = [1, 0]
            query.limit = 3
            let (found, headers): (Qdrant_QueryResponse, Metadata) = try await grpc.call(
                Self.points, "Query", query, metadata: ["apus-version": "pin"])
            #expect(found.result.map(\.id.num) == [499, 498, 497])
            let version = Array(headers[stringValues: "apus-version"])
            #expect(version.count == 1 && Int(version[0]) != nil)
        }
    }

    /// A read that waits for a version is a task; one that does not is a job of a search thread.
    @Test func bothWaysOfReadingAnswerAlike() async throws {
        try await GRPCHarness.run { grpc in
            try await fill(grpc, count: 500)
            var query = Qdrant_QueryPoints()
            query.collectionName = "birds"
            query.query.nearest.dense.data = [1, 0]
            query.limit = 3
            query.timeout = 60
            var replies: [[Qdrant_ScoredPoint]] = []
            for metadata in [["apus-version": "pin"], ["apus-version-at-least": "1"]] as [Metadata]
            {
                let (reply, _): (Qdrant_QueryResponse, Metadata) = try await grpc.call(
                    Self.points, "Query", query, metadata: metadata)
                replies.append(reply.result)
                query.query.nearest.dense.data = [1]
                let error = await #expect(throws: GRPCCore.RPCError.self) {
                    let _: (Qdrant_QueryResponse, Metadata) = try await grpc.call(
                        Self.points, "Query", query, metadata: metadata)
                }
                #expect(error?.code == .invalidArgument)
                query.query.nearest.dense.data = [1, 0]
            }
            #expect(replies[0].map(\.id.num) == [499, 498, 497])
            #expect(replies[1] == replies[0])
        }
    }

    @Test func readsAreRefusedWhereThereIsNoRoom() async throws {
        var limits = ServerConfiguration.Limits()
        limits.readsMax = 0
        let full = try await codeOfCount(limits)
        #expect(full == .resourceExhausted)
        limits = ServerConfiguration.Limits()
        limits.readTimeout = .zero
        let late = try await codeOfCount(limits)
        #expect(late == .deadlineExceeded)
        limits = ServerConfiguration.Limits()
        limits.readsMax = 1
        let one = try await codeOfCount(limits, times: 3)
        #expect(one == nil)
    }

    /// The status of the last of `times` calls to `Count`, one after the other; nil: it was answered.
    private func codeOfCount(
        _ limits: ServerConfiguration.Limits, times: Int = 1
    ) async throws -> GRPCCore.RPCError.Code? {
        var code: GRPCCore.RPCError.Code?
        try await GRPCHarness.run(limits: limits) { grpc in
            try await fill(grpc, count: 10)
            var count = Qdrant_CountPoints()
            count.collectionName = "birds"
            for _ in 0..<times {
                do {
                    let (reply, _): (Qdrant_CountResponse, Metadata) = try await grpc.call(
                        Self.points, "Count", count)
                    #expect(reply.result.count == 10)
                    code = nil
                } catch let error as GRPCCore.RPCError {
                    code = error.code
                }
            }
        }
        return code
    }

    @Test func errorsOfTheEngineAreStatuses() async throws {
        try await GRPCHarness.run { grpc in
            var get = Qdrant_GetCollectionInfoRequest()
            get.collectionName = "none such – größer"
            let error = await #expect(throws: GRPCCore.RPCError.self) {
                let _: (Qdrant_GetCollectionInfoResponse, Metadata) = try await grpc.call(
                    Self.collections, "Get", get)
            }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("none such – größer") == true)
            let header = await #expect(throws: GRPCCore.RPCError.self) {
                let _: (Qdrant_CountResponse, Metadata) = try await grpc.call(
                    Self.points, "Count", Qdrant_CountPoints(),
                    metadata: ["apus-version": "yesterday"])
            }
            #expect(header?.code == .invalidArgument)
            let method = await #expect(throws: GRPCCore.RPCError.self) {
                let _: (Qdrant_CountResponse, Metadata) = try await grpc.call(
                    Self.points, "Nothing", Qdrant_CountPoints())
            }
            #expect(method?.code == .unimplemented)
        }
    }

    @Test func manyCallsAtOnce() async throws {
        try await GRPCHarness.run { grpc in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<300 {
                    group.addTask {
                        let (reply, _): (Qdrant_ListCollectionsResponse, Metadata) =
                            try await grpc.call(
                                Self.collections, "List", Qdrant_ListCollectionsRequest(),
                                options: .defaults)
                        #expect(reply.collections.isEmpty)
                    }
                }
            }
        }
    }

    @Test func aDrainLetsTheClientEnd() async throws {
        try await GRPCHarness.run { grpc in
            try await fill(grpc, count: 10)
            await grpc.server.drain()
            let error = await #expect(throws: GRPCCore.RPCError.self) {
                var options = CallOptions.defaults
                options.waitForReady = false
                let _: (Qdrant_ListCollectionsResponse, Metadata) = try await grpc.call(
                    Self.collections, "List", Qdrant_ListCollectionsRequest(), options: options)
            }
            #expect(error?.code == .unavailable)
        }
    }

    private func fill(_ grpc: GRPCHarness, count: UInt64) async throws {
        var create = Qdrant_CreateCollection()
        create.collectionName = "birds"
        create.vectorsConfig.params.size = 2
        create.vectorsConfig.params.distance = .dot
        let (created, _): (Qdrant_CollectionOperationResponse, Metadata) = try await grpc.call(
            Self.collections, "Create", create)
        #expect(created.result)
        var upsert = Qdrant_UpsertPoints()
        upsert.collectionName = "birds"
        upsert.wait = true
        upsert.points = (0..<count).map { number in
            var point = Qdrant_PointStruct()
            point.id.num = number
            point.vectors.vector.dense.data = [Float(number), 1]
            return point
        }
        let (written, _): (Qdrant_PointsOperationResponse, Metadata) = try await grpc.call(
            Self.points, "Upsert", upsert)
        #expect(written.result.status == .completed)
    }
}
