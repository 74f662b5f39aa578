import ApusCore
import ApusProto
import ApusWire
import SwiftProtobuf
import Testing

/// Messages of the gRPC services, from their bytes to the values of ApusCore.
@Suite("Fuzzing protobuf messages") struct ProtobufFuzzTests {
    @Test("Every kind of request") func messages() async throws {
        try await fuzz(
            FuzzTarget(
                name: "protobuf",
                samples: {
                    try Self.messages.map { name, message in
                        FuzzInput(name: name, bytes: try message.serializedBytes())
                    }
                },
                run: { input in
                    do {
                        try Self.decode(input)
                        return .accepted
                    } catch is BinaryDecodingError {
                        return .refused
                    } catch let error as DatabaseError {
                        try expect(
                            error.kind == .invalidArgument || error.kind == .validation
                                || error.kind == .unimplemented,
                            "an error of the kind \(error.kind)")
                        return .refused
                    }
                }))
    }

    private static func decode(_ input: FuzzInput) throws {
        let bytes = input.bytes
        switch input.purpose {
        case "upsert": _ = try WriteOperation(Qdrant_UpsertPoints(serializedBytes: bytes))
        case "delete": _ = try WriteOperation(Qdrant_DeletePoints(serializedBytes: bytes))
        case "updateVectors":
            _ = try WriteOperation(Qdrant_UpdatePointVectors(serializedBytes: bytes))
        case "deleteVectors":
            _ = try WriteOperation(Qdrant_DeletePointVectors(serializedBytes: bytes))
        case "setPayload":
            let message = try Qdrant_SetPayloadPoints(serializedBytes: bytes)
            _ = try WriteOperation.setPayload(message)
            _ = try WriteOperation.overwritePayload(message)
        case "deletePayload":
            _ = try WriteOperation(Qdrant_DeletePayloadPoints(serializedBytes: bytes))
        case "clearPayload":
            _ = try WriteOperation(Qdrant_ClearPayloadPoints(serializedBytes: bytes))
        case "batch":
            let message = try Qdrant_UpdateBatchPoints(serializedBytes: bytes)
            _ = try message.operations.map { try WriteOperation($0) }
        case "get":
            let message = try Qdrant_GetPoints(serializedBytes: bytes)
            _ = try PointID.ids(message.ids)
            _ = try PayloadSelector(message.withPayload)
            _ = VectorSelector(message.withVectors)
        case "query":
            let plain = try QueryCall(unsafe bytes.span.bytes)
            let call = try QueryCall(Qdrant_QueryPoints(serializedBytes: bytes))
            // As text, because a vector may have numbers that are not equal to themselves.
            try expect(plain.map { "\($0)" == "\(call)" } ?? true, "two readings differ")
        case "groups": _ = try GroupsRequest(Qdrant_QueryPointGroups(serializedBytes: bytes))
        case "search": _ = try QueryRequest(Qdrant_SearchPoints(serializedBytes: bytes))
        case "searchGroups":
            _ = try GroupsRequest(Qdrant_SearchPointGroups(serializedBytes: bytes))
        case "recommendGroups":
            _ = try GroupsRequest(Qdrant_RecommendPointGroups(serializedBytes: bytes))
        case "recommend": _ = try QueryRequest(Qdrant_RecommendPoints(serializedBytes: bytes))
        case "scroll": _ = try ScrollRequest(Qdrant_ScrollPoints(serializedBytes: bytes))
        case "filter": _ = try Filter(Qdrant_Filter(serializedBytes: bytes))
        case "create":
            let configuration = try CollectionConfiguration(
                Qdrant_CreateCollection(serializedBytes: bytes))
            _ = Qdrant_CollectionConfig(configuration)
        case "update":
            _ = try CollectionConfigurationChange(Qdrant_UpdateCollection(serializedBytes: bytes))
        case "index":
            let schema = try PayloadFieldSchema(
                Qdrant_CreateFieldIndexCollection(serializedBytes: bytes))
            _ = Qdrant_PayloadSchemaInfo(schema, points: 1)
        default: throw FuzzFailure("no message is called \(input.purpose)")
        }
    }

    private static let filter = Qdrant_Filter.with {
        $0.must = [
            .with {
                $0.field.key = "a[].b"
                $0.field.datetimeRange.gte = .init(seconds: 5, nanos: 6)
                $0.field.geoPolygon.exterior.points = [Qdrant_GeoPoint(), Qdrant_GeoPoint()]
            },
            .with { $0.hasID_p.hasID_p = [.with { $0.num = 7 }] },
            .with {
                $0.nested.key = "list"
                $0.nested.filter.mustNot = [.with { $0.isNull.key = "x" }]
            },
        ]
        $0.minShould.minCount = 1
        $0.minShould.conditions = [.with { $0.field.key = "t" }]
    }

    private static let messages = reading + writing + settings

    private static let reading: [(String, any Message)] = [
        ("filter~0", filter),
        (
            "query~0",
            Qdrant_QueryPoints.with {
                $0.collectionName = "c"
                $0.query.recommend.positive = [
                    .with { $0.id.num = 3 }, .with { $0.dense.data = [1] },
                ]
                $0.prefetch = [.with { $0.query.orderBy.key = "a.b" }]
                $0.filter = filter
                $0.limit = 10
            }
        ),
        (
            "query~1",
            Qdrant_QueryPoints.with {
                $0.query.rrf.k = 60
                $0.prefetch = [
                    .with {
                        $0.query.nearest.sparse.indices = [1]
                        $0.query.nearest.sparse.values = [2]
                    },
                    .with { $0.query.nearest.multiDense.vectors = [.with { $0.data = [1, 2] }] },
                ]
            }
        ),
        (
            "query~2",
            Qdrant_QueryPoints.with {
                $0.query.formula.expression.sum.sum = [
                    .with { $0.variable = "$score[1]" },
                    .with {
                        $0.div.left.geoDistance.origin.lon = 3
                        $0.div.left.geoDistance.to = "at"
                        $0.div.right.expDecay.x.datetimeKey = "day"
                        $0.div.right.expDecay.scale = 2
                    },
                    .with { $0.condition.hasID_p.hasID_p = [.with { $0.num = 1 }] },
                ]
                $0.query.formula.defaults = ["a": .with { $0.doubleValue = 1 }]
            }
        ),
        (
            "query~3",
            Qdrant_QueryPoints.with {
                $0.query.discover.target.document.text = "swift boats"
                $0.query.discover.target.document.model = "qdrant/bm25"
                $0.query.discover.context.pairs = [
                    .with {
                        $0.positive.id.num = 1
                        $0.negative.dense.data = [1]
                    }
                ]
            }
        ),
        (
            "groups~0",
            Qdrant_QueryPointGroups.with {
                $0.query.nearest.dense.data = [1, 2]
                $0.groupBy = "a"
                $0.groupSize = 3
            }
        ),
        (
            "search~0",
            Qdrant_SearchPoints.with {
                $0.vector = [1, 2, 3]
                $0.limit = 5
                $0.params.hnswEf = 100
                $0.withPayload.include.fields = ["a.b"]
            }
        ),
        (
            "recommend~0",
            Qdrant_RecommendPoints.with {
                $0.positive = [.with { $0.num = 1 }]
                $0.limit = 5
            }
        ),
        (
            "scroll~0",
            Qdrant_ScrollPoints.with {
                $0.offset.num = 7
                $0.limit = 5
                $0.filter = filter
                $0.orderBy.key = "n"
                $0.orderBy.startFrom.float = 2
            }
        ),
        (
            "searchGroups~0",
            Qdrant_SearchPointGroups.with {
                $0.vector = [1, 2]
                $0.groupBy = "a"
                $0.limit = 2
                $0.sparseIndices.data = [3, 4]
            }
        ),
        (
            "recommendGroups~0",
            Qdrant_RecommendPointGroups.with {
                $0.positive = [.with { $0.num = 1 }]
                $0.negativeVectors = [.with { $0.data = [1, 2] }]
                $0.groupBy = "a"
                $0.withLookup.collection = "b"
            }
        ),
        (
            "get~0",
            Qdrant_GetPoints.with {
                $0.ids = [.with { $0.num = 7 }]
                $0.withPayload.exclude.fields = ["a"]
                $0.withVectors.include.names = ["v"]
            }
        ),
    ]

    private static let selector = Qdrant_PointsSelector.with {
        $0.points.ids = [.with { $0.num = 7 }]
    }

    private static let writing: [(String, any Message)] = [
        (
            "upsert~0",
            Qdrant_UpsertPoints.with {
                $0.collectionName = "c"
                $0.points = [
                    .with {
                        $0.id.uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
                        $0.vectors.vectors.vectors = [
                            "a": .with {
                                $0.data = [1, 2, 3, 4]
                                $0.vectorsCount = 2
                            },
                            "s": .with {
                                $0.data = [1, 2]
                                $0.indices.data = [7, 9]
                            },
                        ]
                        $0.payload = ["k": Qdrant_Value(["x": [1, 2.5, "text", nil]])]
                    }
                ]
            }
        ),
        ("delete~0", Qdrant_DeletePoints.with { $0.points = selector }),
        ("delete~1", Qdrant_DeletePoints.with { $0.points.filter = filter }),
        (
            "updateVectors~0",
            Qdrant_UpdatePointVectors.with {
                $0.points = [
                    .with {
                        $0.id.num = 7
                        $0.vectors.vector.dense.data = [1, 2]
                    }
                ]
            }
        ),
        (
            "deleteVectors~0",
            Qdrant_DeletePointVectors.with {
                $0.pointsSelector = selector
                $0.vectors.names = ["a", "s"]
            }
        ),
        (
            "setPayload~0",
            Qdrant_SetPayloadPoints.with {
                $0.payload = ["k": Qdrant_Value(["x": [1, nil]])]
                $0.key = "a.b"
                $0.pointsSelector = selector
            }
        ),
        (
            "deletePayload~0",
            Qdrant_DeletePayloadPoints.with {
                $0.keys = ["a[].b", "c"]
                $0.pointsSelector = selector
            }
        ),
        ("clearPayload~0", Qdrant_ClearPayloadPoints.with { $0.points = selector }),
        (
            "batch~0",
            Qdrant_UpdateBatchPoints.with {
                $0.operations = [
                    .with { $0.deletePoints.points = selector },
                    .with { $0.clearPayload_p.points = selector },
                    .with { $0.upsert.points = [.with { $0.id.num = 3 }] },
                    .with { $0.setPayload.key = "k" },
                ]
            }
        ),
    ]

    private static let settings: [(String, any Message)] = [
        (
            "create~0",
            Qdrant_CreateCollection.with {
                $0.vectorsConfig.paramsMap.map = [
                    "a": .with {
                        $0.size = 4
                        $0.distance = .dot
                        $0.quantizationConfig.scalar.type = .int8
                    }
                ]
                $0.sparseVectorsConfig.map = ["s": .with { $0.modifier = .idf }]
                $0.strictModeConfig.searchMaxOversampling = 2
                $0.optimizersConfig.maxOptimizationThreads.value = 3
            }
        ),
        (
            "update~0",
            Qdrant_UpdateCollection.with {
                $0.hnswConfig.m = 8
                $0.vectorsConfig.paramsMap.map = ["a": .with { $0.onDisk = true }]
                $0.optimizersConfig.deletedThreshold = 0.5
            }
        ),
        (
            "index~0",
            Qdrant_CreateFieldIndexCollection.with {
                $0.fieldName = "a"
                $0.fieldType = .text
                $0.fieldIndexParams.textIndexParams.minTokenLen = 2
            }
        ),
    ]
}
