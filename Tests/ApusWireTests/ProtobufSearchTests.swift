import ApusCore
import ApusProto
import ApusWire
import Testing

@Suite struct ProtobufSearchTests {
    @Test func queriesHaveTheDefaultsOfTheInterface() throws {
        let request = try QueryRequest(Qdrant_QueryPoints())
        #expect(request == QueryRequest())
        #expect(request.limit == 10 && request.withPayload == .none)
        let groups = try GroupsRequest(Qdrant_QueryPointGroups.with { $0.groupBy = "a" })
        #expect(groups.query.limit == 10 && groups.groupSize == 3)
        let scroll = try ScrollRequest(Qdrant_ScrollPoints())
        #expect(scroll.limit == 10 && scroll.withPayload == .all)
    }

    @Test func aQueryKeepsAllItsParts() throws {
        let message = Qdrant_QueryPoints.with {
            $0.query.nearest.dense.data = [1, 2]
            $0.prefetch = [
                .with {
                    $0.query.nearest.sparse.indices = [3]
                    $0.query.nearest.sparse.values = [0.5]
                    $0.using = "words"
                    $0.limit = 100
                    $0.prefetch = [.with { $0.query.nearest.id.num = 7 }]
                }
            ]
            $0.using = "dense"
            $0.filter.must = [.with { $0.hasVector_p.hasVector_p = "dense" }]
            $0.params.hnswEf = 77
            $0.params.exact = true
            $0.params.indexedOnly = true
            $0.scoreThreshold = 0.5
            $0.limit = 5
            $0.offset = 2
            $0.withPayload.include.fields = ["a.b"]
            $0.withVectors.include.names = ["dense"]
            $0.lookupFrom.collectionName = "other"
            $0.lookupFrom.vectorName = "v"
        }
        let expected = QueryRequest(
            query: .nearest(.vector(.dense([1, 2]))),
            prefetch: [
                Prefetch(
                    query: .nearest(.vector(.sparse(SparseVector(indices: [3], values: [0.5])))),
                    prefetch: [Prefetch(query: .nearest(.id(7)))], using: "words", limit: 100)
            ],
            using: "dense", filter: Filter(must: [.hasVector("dense")]),
            parameters: SearchParameters(ef: 77, exact: true, indexedOnly: true),
            scoreThreshold: 0.5, limit: 5, offset: 2,
            withPayload: .include([try #require(PayloadPath("a.b"))]),
            withVectors: .named(["dense"]),
            lookupFrom: LookupLocation(collection: "other", vector: "v"))
        #expect(try QueryRequest(message) == expected)
    }

    @Test func everyRankingThatExistsIsRead() throws {
        let cases: [(Qdrant_Query, Query)] = [
            (.with { $0.fusion = .rrf }, .fusion(.reciprocalRank(k: 2, weights: []))),
            (.with { $0.fusion = .dbsf }, .fusion(.distributionBased)),
            (
                .with {
                    $0.rrf.k = 60
                    $0.rrf.weights = [1, 2]
                }, .fusion(.reciprocalRank(k: 60, weights: [1, 2]))
            ),
            (.with { $0.rrf = Qdrant_Rrf() }, .fusion(.reciprocalRank)),
            (.with { $0.sample = .random }, .sampleRandom),
            (
                .with {
                    $0.orderBy.key = "year"
                    $0.orderBy.direction = .desc
                    $0.orderBy.startFrom.integer = 3
                },
                .orderBy(
                    OrderBy(
                        key: PayloadPath(key: "year"), direction: .descending,
                        startFrom: .number(3)))
            ),
            (
                .with {
                    $0.orderBy.key = "day"
                    $0.orderBy.startFrom.datetime = "1970-01-02"
                },
                .orderBy(
                    OrderBy(
                        key: PayloadPath(key: "day"),
                        startFrom: .time(Timestamp(microseconds: 86_400_000_000))))
            ),
            (
                .with {
                    $0.recommend.positive = [.with { $0.id.num = 1 }]
                    $0.recommend.negative = [.with { $0.dense.data = [1] }]
                    $0.recommend.strategy = .bestScore
                },
                .recommend(positive: [.id(1)], negative: [.vector(.dense([1]))], .bestScore)
            ),
        ]
        for (message, query) in cases { #expect(try Query(message) == query) }
    }

    @Test func rankingsWithoutContentAreErrors() {
        let messages: [Qdrant_Query] = [
            .with { $0.discover = Qdrant_DiscoverInput() },
            .with { $0.context.pairs = [Qdrant_ContextInputPair()] },
            .with { $0.formula = Qdrant_Formula() },
            .with { $0.formula.expression.variable = "$score[x]" },
            .with { $0.formula.expression.datetime = "noon" },
            .with { $0.nearestWithMmr = Qdrant_NearestInputWithMmr() },
            .with { $0.relevanceFeedback = Qdrant_RelevanceFeedbackInput() },
            Qdrant_Query(),
        ]
        for message in messages {
            #expect { try Query(message) } throws: {
                ($0 as? DatabaseError)?.kind == .invalidArgument
            }
        }
    }

    @Test func olderSearchesAreTheSameQueries() throws {
        let dense = Qdrant_SearchPoints.with {
            $0.vector = [1, 2]
            $0.vectorName = "v"
            $0.limit = 3
            $0.filter = Qdrant_Filter()
        }
        #expect(
            try QueryRequest(dense)
                == QueryRequest(
                    query: .nearest(.vector(.dense([1, 2]))), using: "v", filter: Filter(), limit: 3
                ))
        let sparse = Qdrant_SearchPoints.with {
            $0.vector = [1, 2]
            $0.sparseIndices.data = [5, 6]
            $0.limit = 3
        }
        #expect(
            try QueryRequest(sparse).query
                == .nearest(.vector(.sparse(SparseVector(indices: [5, 6], values: [1, 2])))))
        let recommend = Qdrant_RecommendPoints.with {
            $0.positive = [Qdrant_PointId(1)]
            $0.negativeVectors = [Qdrant_Vector(.dense([1]))]
            $0.limit = 3
        }
        #expect(
            try QueryRequest(recommend).query
                == .recommend(positive: [.id(1)], negative: [.vector(.dense([1]))], .averageVector))
    }

    /// Clients send limits such as 999,999,999, and hostile ones send more.
    @Test func hugeLimitsMeanAllAndTheirSumsDoNotOverflow() throws {
        let request = try QueryRequest(
            Qdrant_QueryPoints.with {
                $0.limit = .max
                $0.offset = .max
                $0.params.hnswEf = .max
            })
        #expect(request.limit == Int(UInt32.max))
        #expect(request.limit + request.offset == 2 * Int(UInt32.max))
    }

    @Test func aLimitOfZeroIsAValidationError() {
        #expect { try QueryRequest(Qdrant_QueryPoints.with { $0.limit = 0 }) } throws: {
            ($0 as? DatabaseError)?.kind == .validation
        }
        #expect { try QueryRequest(Qdrant_SearchPoints.with { $0.vector = [1] }) } throws: {
            ($0 as? DatabaseError)?.kind == .validation
        }
        #expect(throws: DatabaseError.self) {
            try GroupsRequest(
                Qdrant_QueryPointGroups.with {
                    $0.groupBy = "a"
                    $0.groupSize = 0
                })
        }
    }

    @Test func pathsThatAreNoneAreNamedInTheError() {
        #expect {
            try QueryRequest(Qdrant_QueryPoints.with { $0.withPayload.include.fields = ["a..b"] })
        } throws: {
            ($0 as? DatabaseError)?.message.contains("'a..b'") == true
        }
    }

    @Test func resultsCarryWhatWasAsked() {
        let bare = Qdrant_ScoredPoint(
            ScoredPoint(id: 1, score: 0.5, version: SequenceNumber(3)))
        #expect(!bare.hasVectors && bare.payload.isEmpty && !bare.hasOrderValue)
        #expect(bare.score == 0.5 && bare.version == 3)
        let full = Qdrant_ScoredPoint(
            ScoredPoint(
                id: 1, score: 0, version: .zero, payload: ["a": 1],
                vectors: [defaultVectorName: .dense([1])], orderValue: .integer(4)))
        #expect(full.vectors.vector.dense.data == [1] && full.orderValue.int == 4)
        #expect(full.payload == ["a": Qdrant_Value(1)])
        let groups = Qdrant_GroupsResult([
            PointGroup(id: .string("x"), hits: [], lookup: Record(id: 2)),
            PointGroup(id: .unsigned(.max), hits: []), PointGroup(id: .integer(-1), hits: []),
        ])
        #expect(
            groups.groups.map(\.id.kind) == [
                .stringValue("x"), .unsignedValue(.max), .integerValue(-1),
            ])
        #expect(groups.groups[0].lookup.id.num == 2 && !groups.groups[1].hasLookup)
    }
}
