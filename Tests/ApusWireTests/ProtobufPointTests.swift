import ApusCore
import ApusProto
import ApusWire
import SwiftProtobuf
import Testing

@Suite struct ProtobufPointTests {
    @Test func idsSurviveARoundTrip() throws {
        let uuid = try #require(UUIDBytes("936DA01F9ABD4d9d80C702AF85C822A8"))
        for id in [PointID.number(0), .number(.max), .uuid(uuid)] {
            #expect(try PointID(Qdrant_PointId(id)) == id)
        }
        #expect(Qdrant_PointId(.uuid(uuid)).uuid == "936da01f-9abd-4d9d-80c7-02af85c822a8")
    }

    @Test func aMalformedUUIDIsNamedInTheError() {
        #expect(throws: DatabaseError(.invalidArgument, "Unable to parse UUID: x")) {
            try PointID(.with { $0.uuid = "x" })
        }
        #expect(throws: DatabaseError.self) { try PointID(Qdrant_PointId()) }
    }

    @Test func payloadsKeepIntegersApartFromDoubles() {
        let payload: Payload = [
            "null": nil, "bool": true, "integer": 1, "double": 1.0, "text": "é",
            "list": [1, [2.5, nil], ["a": []]], "object": ["a": ["b": -9_223_372_036_854_775_808]],
            "empty": [:],
        ]
        #expect(Payload(Qdrant_Value.fields(payload)) == payload)
        #expect(Qdrant_Value(.integer(1)) != Qdrant_Value(.double(1)))
    }

    /// What fits goes into columns, and everything else beside them.
    @Test func batchesOfPointsSurviveARoundTrip() throws {
        let payload: Payload = [
            "null": nil, "bool": true, "integer": -9_223_372_036_854_775_808, "one": 1.0,
            "tiny": 1e-300,
            "text": "\"é\\\u{0}\n\u{1f30d}", "list": [1, [2.5, nil], [:]],
            "_source": ["key": "a", "n": 0],
        ]
        let uuid = try #require(UUIDBytes("936DA01F9ABD4d9d80C702AF85C822A8"))
        let points = [
            Point(id: .uuid(uuid), vectors: ["v": .dense([1, -0.05])], payload: payload),
            Point(id: 1, vectors: ["v": .dense([0, 2])]),
            Point(id: 2, vectors: ["v": .dense([1, 2, 3])], payload: ["another": "dimension"]),
            Point(id: 3, vectors: ["w": .dense([1, 2])]),
            Point(id: 4, vectors: [:], payload: payload),
            Point(id: 5, vectors: ["v": .dense([1, 2]), "w": .dense([3, 4])]),
            Point(id: 6, vectors: ["v": .multi([[1, 2]])]),
        ]
        let message = Apus_V1_UpsertBatch(points: points)
        #expect(message.columns.ids.count == 2 && message.points.count == 5)
        let read = try Apus_V1_UpsertBatch(serializedBytes: message.serializedBytes() as [UInt8])
        let batch = try UpsertBatch(read)
        #expect(
            Dictionary(uniqueKeysWithValues: batch.points.map { ($0.id, $0) })
                == Dictionary(uniqueKeysWithValues: points.map { ($0.id, $0) }))
        #expect(!Apus_V1_UpsertBatch(points: []).hasColumns)
    }

    @Test func numbersThatJSONLacksReadAsNull() {
        for number in [Double.nan, .infinity, -.infinity] {
            #expect(JSONValue(.with { $0.doubleValue = number }) == .null)
        }
        #expect(JSONValue(Qdrant_Value()) == .null)
    }

    @Test(arguments: [
        Vector.dense([0.05, -1]), .dense([]),
        .sparse(SparseVector(indices: [7, 1], values: [0.5, 2])),
        .multi([[1, 2], [3, 4], [5, 6]]),
    ])
    func vectorsSurviveARoundTrip(vector: Vector) throws {
        #expect(try Vector(Qdrant_Vector(vector)) == vector)
    }

    /// Clients before 1.16 read and write the fields that are deprecated today.
    @Test(arguments: [
        Vector.dense([0.05, -1]), .sparse(SparseVector(indices: [7, 1], values: [0.5, 2])),
        .multi([[1, 2], [3, 4], [5, 6]]),
    ])
    func olderClientsReadAndWriteTheSameVectors(vector: Vector) throws {
        var output = Qdrant_VectorOutput(vector)
        let newer = output.vector
        output.vector = nil
        let older = try Qdrant_Vector(serializedBytes: output.serializedBytes() as [UInt8])
        #expect(newer != nil)
        #expect(older.vector == nil)
        #expect(try Vector(older) == vector)
    }

    @Test func anUnevenMultivectorIsRefused() {
        for count in [UInt32(0), 2, .max] {
            let message = Qdrant_Vector.with {
                $0.data = [1, 2, 3]
                $0.vectorsCount = count
            }
            #expect(throws: DatabaseError.self) { try Vector(message) }
        }
    }

    @Test func oneUnnamedVectorTravelsWithoutAName() throws {
        let unnamed = Qdrant_Vectors([defaultVectorName: .dense([1])])
        #expect(unnamed.vector.dense.data == [1])
        let point = Point(
            id: 7, vectors: ["a": .dense([1]), "b": .multi([[2]])], payload: ["k": [1, 2.5]])
        #expect(try Point(Qdrant_PointStruct(point)) == point)
        let single = Point(id: 8, vector: [1, 2])
        #expect(try Point(Qdrant_PointStruct(single)) == single)
    }

    @Test func whatTheServerWouldHaveToEmbedIsUnimplemented() {
        var document = Qdrant_Vector()
        document.document.text = "hello"
        document.document.model = "openai/large"
        #expect { try Vector(document) } throws: { ($0 as? DatabaseError)?.kind == .unimplemented }
        var input = Qdrant_VectorInput()
        input.image.model = "clip"
        #expect { try VectorInput(input) } throws: {
            ($0 as? DatabaseError)?.kind == .unimplemented
        }
    }

    @Test func anEmptyFilterSelectsAllAndNoSelectorIsAnError() throws {
        let all = Qdrant_DeletePoints.with { $0.points.filter = Qdrant_Filter() }
        #expect(try WriteOperation(all) == .delete(.filter(Filter())))
        #expect(throws: DatabaseError.self) { try WriteOperation(Qdrant_DeletePoints()) }
    }

    @Test func aBatchHoldsEveryKindOfOperation() throws {
        let ids = Qdrant_PointsSelector.with { $0.points.ids = [Qdrant_PointId(1)] }
        let messages: [Qdrant_PointsUpdateOperation] = [
            .with { $0.upsert.points = [Qdrant_PointStruct(Point(id: 1, vector: [1]))] },
            .with { $0.deleteDeprecated = ids },
            .with { $0.deletePoints.points = ids },
            .with {
                $0.setPayload.payload = ["a": Qdrant_Value(1)]
                $0.setPayload.pointsSelector = ids
                $0.setPayload.key = "x.y"
            },
            .with { $0.overwritePayload.pointsSelector = ids },
            .with {
                $0.deletePayload.keys = ["a.b"]
                $0.deletePayload.pointsSelector = ids
            },
            .with { $0.clearPayload_p.points = ids },
            .with { $0.clearPayloadDeprecated_p = ids },
            .with {
                $0.updateVectors.points = [
                    .with {
                        $0.id = Qdrant_PointId(1)
                        $0.vectors = Qdrant_Vectors(["a": .dense([1])])
                    }
                ]
            },
            .with {
                $0.deleteVectors.pointsSelector = ids
                $0.deleteVectors.vectors.names = ["a"]
            },
        ]
        let one = PointSelection.ids([1])
        let expected: [WriteOperation] = [
            .upsert([Point(id: 1, vector: [1])]), .delete(one), .delete(one),
            .setPayload(["a": 1], key: PayloadPath("x.y"), one),
            .overwritePayload([:], key: nil, one),
            .deletePayload(keys: [try #require(PayloadPath("a.b"))], one),
            .clearPayload(one), .clearPayload(one),
            .updateVectors([PointVectors(id: 1, vectors: ["a": .dense([1])])]),
            .deleteVectors(names: ["a"], one),
        ]
        #expect(try messages.map { try WriteOperation($0) } == expected)
        #expect(throws: DatabaseError.self) { try WriteOperation(Qdrant_PointsUpdateOperation()) }
    }

    @Test func writesCarryTheirConditions() throws {
        let filter = Filter(must: [.hasID([1])])
        let message = Qdrant_Filter.with {
            $0.must = [.with { $0.hasID_p.hasID_p = [Qdrant_PointId(.number(1))] }]
        }
        #expect(
            try WriteOperation(Qdrant_UpsertPoints.with { $0.updateMode = .insertOnly })
                == .conditionalUpsert([], UpdateCondition(mode: .insertOnly)))
        #expect(
            try WriteOperation(Qdrant_UpsertPoints.with { $0.updateFilter = message })
                == .conditionalUpsert([], UpdateCondition(filter: filter)))
        #expect(
            try WriteOperation(
                Qdrant_PointsUpdateOperation.with {
                    $0.upsert.updateMode = .updateOnly
                    $0.upsert.updateFilter = message
                }) == .conditionalUpsert([], UpdateCondition(mode: .updateOnly, filter: filter)))
        #expect(
            try WriteOperation(Qdrant_UpdatePointVectors.with { $0.updateFilter = message })
                == .conditionalUpdateVectors([], filter))
        #expect(try WriteOperation(Qdrant_UpsertPoints()) == .upsert([]))
        #expect(throws: DatabaseError.self) {
            try WriteOperation(Qdrant_UpsertPoints.with { $0.updateMode = .UNRECOGNIZED(9) })
        }
    }

    @Test func writesTellHowFarTheyCame() {
        let completed = Qdrant_UpdateResult(
            WriteResult(sequenceNumber: SequenceNumber(9), acknowledgement: .completed))
        let accepted = Qdrant_UpdateResult(
            WriteResult(sequenceNumber: SequenceNumber(10), acknowledgement: .accepted))
        #expect(completed.status == .completed && completed.operationID == 9)
        #expect(accepted.status == .acknowledged && accepted.operationID == 10)
    }
}
