import ApusCore
import ApusProto
import ApusWire
import Testing

/// Each kind of query means the same in JSON and in protobuf.
@Suite struct QueryKindsTests {
    private func expect(
        _ expected: Query, json: String, _ message: Qdrant_Query,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let request: QueryRequest = try decode("query", #"{"query": \#(json)}"#)
        #expect(request.query == expected, sourceLocation: sourceLocation)
        #expect(try Query(message) == expected, sourceLocation: sourceLocation)
    }

    private static func input(_ number: UInt64) -> Qdrant_VectorInput {
        .with { $0.id = Qdrant_PointId(.number(number)) }
    }

    private static func input(_ floats: [Float]) -> Qdrant_VectorInput {
        .with { $0.dense.data = floats }
    }

    @Test func discoverAndContext() throws {
        let pair = ContextPair(positive: .id(2), negative: .vector(.dense([1])))
        let wirePair = Qdrant_ContextInputPair.with {
            $0.positive = Self.input(2)
            $0.negative = Self.input([1])
        }
        try expect(
            .discover(target: .id(1), [pair]),
            json: #"{"discover": {"target": 1, "context": {"positive": 2, "negative": [1]}}}"#,
            .with {
                $0.discover.target = Self.input(1)
                $0.discover.context.pairs = [wirePair]
            })
        try expect(
            .discover(target: .id(1), []),
            json: #"{"discover": {"target": 1, "context": null}}"#,
            .with { $0.discover.target = Self.input(1) })
        try expect(
            .context([pair, pair]),
            json:
                #"{"context": [{"positive": 2, "negative": [1]}, {"positive": 2, "negative": [1]}]}"#,
            .with { $0.context.pairs = [wirePair, wirePair] })
    }

    @Test func varietyAndFeedback() throws {
        try expect(
            .diverse(.id(7), MarginalRelevance(diversity: 0.25, candidatesLimit: 30)),
            json: #"{"nearest": 7, "mmr": {"diversity": 0.25, "candidates_limit": 30}}"#,
            .with {
                $0.nearestWithMmr.nearest = Self.input(7)
                $0.nearestWithMmr.mmr.diversity = 0.25
                $0.nearestWithMmr.mmr.candidatesLimit = 30
            })
        try expect(
            .diverse(.id(7), MarginalRelevance()), json: #"{"nearest": 7, "mmr": {}}"#,
            .with {
                $0.nearestWithMmr.nearest = Self.input(7)
                $0.nearestWithMmr.mmr = Qdrant_Mmr()
            })
        try expect(
            .relevanceFeedback(
                target: .id(1), [FeedbackItem(example: .vector(.dense([1])), score: 0.5)],
                FeedbackWeights(a: 1, b: 2, c: 3)),
            json: """
                {"relevance_feedback": {"target": 1, "feedback": [{"example": [1], "score": 0.5}],
                "strategy": {"naive": {"a": 1, "b": 2, "c": 3}}}}
                """,
            .with {
                $0.relevanceFeedback.target = Self.input(1)
                $0.relevanceFeedback.feedback = [
                    .with {
                        $0.example = Self.input([1])
                        $0.score = 0.5
                    }
                ]
                $0.relevanceFeedback.strategy.naive.a = 1
                $0.relevanceFeedback.strategy.naive.b = 2
                $0.relevanceFeedback.strategy.naive.c = 3
            })
    }

    private func expect(
        _ expected: Formula.Expression, json: String, _ message: Qdrant_Expression,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(
            .formula(Formula(expected)), json: #"{"formula": \#(json)}"#,
            .with { $0.formula.expression = message }, sourceLocation: sourceLocation)
    }

    @Test func expressions() throws {
        let one = Formula.Expression.constant(1)
        let wireOne = Qdrant_Expression.with { $0.constant = 1 }
        let path = PayloadPath(key: "a")
        try expect(one, json: "1", wireOne)
        try expect(.variable(.score(2)), json: #""$score[2]""#, .with { $0.variable = "$score[2]" })
        try expect(.variable(.payload(path)), json: #""a""#, .with { $0.variable = "a" })
        try expect(
            .condition(.field(path, .matchInteger(1))),
            json: #"{"key": "a", "match": {"value": 1}}"#,
            .with {
                $0.condition.field.key = "a"
                $0.condition.field.match.integer = 1
            })
        try expect(
            .condition(.filter(Filter(must: [.isEmpty(path)]))),
            json: #"{"must": [{"is_empty": {"key": "a"}}]}"#,
            .with { $0.condition.filter.must = [.with { $0.isEmpty.key = "a" }] })
        try expect(
            .sum([one, one]), json: #"{"sum": [1, 1]}"#, .with { $0.sum.sum = [wireOne, wireOne] })
        try expect(.product([one]), json: #"{"mult": [1]}"#, .with { $0.mult.mult = [wireOne] })
        try expect(
            .quotient(one, one, byZero: 3),
            json: #"{"div": {"left": 1, "right": 1, "by_zero_default": 3}}"#,
            .with {
                $0.div.left = wireOne
                $0.div.right = wireOne
                $0.div.byZeroDefault = 3
            })
        try expect(
            .power(one, one), json: #"{"pow": {"base": 1, "exponent": 1}}"#,
            .with {
                $0.pow.base = wireOne
                $0.pow.exponent = wireOne
            })
        let functions: [(Formula.Function, Qdrant_Expression)] = [
            (.negation, .with { $0.neg = wireOne }), (.absolute, .with { $0.abs = wireOne }),
            (.squareRoot, .with { $0.sqrt = wireOne }), (.exponential, .with { $0.exp = wireOne }),
            (.decimalLogarithm, .with { $0.log10 = wireOne }),
            (.naturalLogarithm, .with { $0.ln = wireOne }),
        ]
        #expect(functions.count == Formula.Function.allCases.count)
        for (function, message) in functions {
            try expect(.function(function, one), json: #"{"\#(function.rawValue)": 1}"#, message)
        }
        try expect(
            .geoDistance(from: GeoPoint(longitude: 3, latitude: 4), to: path),
            json: #"{"geo_distance": {"origin": {"lon": 3, "lat": 4}, "to": "a"}}"#,
            .with {
                $0.geoDistance.origin.lon = 3
                $0.geoDistance.origin.lat = 4
                $0.geoDistance.to = "a"
            })
        try expect(
            .time(Timestamp(microseconds: 86_400_000_000)), json: #"{"datetime": "1970-01-02"}"#,
            .with { $0.datetime = "1970-01-02" })
        try expect(
            .timeValue(path), json: #"{"datetime_key": "a"}"#, .with { $0.datetimeKey = "a" })
        let full = Qdrant_DecayParamsExpression.with {
            $0.x = wireOne
            $0.target = wireOne
            $0.scale = 2
            $0.midpoint = 0.25
        }
        let decays: [(Formula.Decay.Shape, Qdrant_Expression)] = [
            (.linear, .with { $0.linDecay = full }), (.exponential, .with { $0.expDecay = full }),
            (.gaussian, .with { $0.gaussDecay = full }),
        ]
        for (shape, message) in decays {
            try expect(
                .decay(Formula.Decay(shape, x: one, target: one, scale: 2, midpoint: 0.25)),
                json:
                    #"{"\#(shape.rawValue)": {"x": 1, "target": 1, "scale": 2, "midpoint": 0.25}}"#,
                message)
        }
        try expect(
            .decay(Formula.Decay(.linear, x: one)), json: #"{"lin_decay": {"x": 1}}"#,
            .with { $0.linDecay.x = wireOne })
    }

    @Test func defaultsOfFormulas() throws {
        try expect(
            .formula(Formula(.constant(1), defaults: [.score(0): 2, .score(1): 3])),
            json: #"{"formula": 1, "defaults": {"$score": 2, "$score[1]": 3}}"#,
            .with {
                $0.formula.expression.constant = 1
                $0.formula.defaults["$score"] = Qdrant_Value(2)
                $0.formula.defaults["$score[1]"] = Qdrant_Value(3)
            })
    }

    @Test func textsAreVectorsOfWords() throws {
        let hello = SparseVector(indices: [613_153_351], values: [1])
        try expect(
            .nearest(.vector(.sparse(hello))),
            json: #"{"text": "hello hello", "model": "qdrant/bm25"}"#,
            .with {
                $0.nearest.document.text = "hello hello"
                $0.nearest.document.model = "qdrant/bm25"
            })
        let operation: WriteOperation = try decode(
            "upsert",
            """
            {"points": [
              {"id": 1, "vector": {"t": {"text": "hello hello", "model": "qdrant/bm25"}}},
              {"id": 2, "vector": {"text": "hello", "model": "qdrant/bm25"}}
            ]}
            """)
        guard case .upsert(let points) = operation,
            case .sparse(let stored)? = points[0].vectors["t"]
        else {
            Issue.record("\(operation)")
            return
        }
        // A word that is there twice weighs more than in a query, where it weighs 1.
        #expect(stored.indices == hello.indices && stored.values[0] > 1)
        #expect(points[1].vectors.keys.elementsEqual([""]))
        var message = Qdrant_Vector()
        message.document.text = "hello hello"
        message.document.model = "qdrant/bm25"
        #expect(try Vector(message) == .sparse(stored))
    }

    @Test func facetsAndMatrices() throws {
        let facets: FacetRequest = try decode(
            "facets", #"{"key": "a", "limit": 4, "exact": true, "filter": {"must": []}}"#)
        let wireFacets = Qdrant_FacetCounts.with {
            $0.key = "a"
            $0.limit = 4
            $0.exact = true
            $0.filter = Qdrant_Filter()
        }
        #expect(
            facets
                == FacetRequest(key: PayloadPath(key: "a"), filter: Filter(), limit: 4, exact: true)
        )
        #expect(try FacetRequest(wireFacets) == facets)
        let least: FacetRequest = try decode("facets", #"{"key": "a"}"#)
        #expect(try FacetRequest(Qdrant_FacetCounts.with { $0.key = "a" }) == least)
        let matrix: MatrixRequest = try decode(
            "matrix", #"{"sample": 5, "limit": 2, "using": "d"}"#)
        let wireMatrix = Qdrant_SearchMatrixPoints.with {
            $0.sample = 5
            $0.limit = 2
            $0.using = "d"
        }
        #expect(matrix == MatrixRequest(sample: 5, limit: 2, using: "d"))
        #expect(try MatrixRequest(wireMatrix) == matrix)
        #expect(try decode("matrix", "{}", as: MatrixRequest.self) == MatrixRequest())
        #expect(try MatrixRequest(Qdrant_SearchMatrixPoints()) == MatrixRequest())
    }

    @Test func answersAboutManyPoints() throws {
        let hits = [
            FacetHit(value: .string("a"), count: 3), FacetHit(value: .integer(-1), count: 2),
            FacetHit(value: .bool(true), count: 1),
        ]
        let facets = try parse(ResponseEncoder.facets(hits, seconds: 0))
        #expect(
            facets.result
                == [
                    "hits": [
                        ["value": "a", "count": 3], ["value": -1, "count": 2],
                        ["value": true, "count": 1],
                    ]
                ])
        #expect(Qdrant_FacetHit(hits[1]).value.integerValue == -1)
        let matrix = DistanceMatrix(
            ids: [3, 5], rows: [[.init(column: 1, score: 0.5)], [.init(column: 0, score: 0.25)]])
        #expect(
            try parse(ResponseEncoder.matrixPairs(matrix, seconds: 0)).result
                == [
                    "pairs": [
                        ["a": 3, "b": 5, "score": 0.5], ["a": 5, "b": 3, "score": 0.25],
                    ]
                ])
        #expect(
            try parse(ResponseEncoder.matrixOffsets(matrix, seconds: 0)).result
                == [
                    "offsets_row": [0, 1], "offsets_col": [1, 0], "scores": [0.5, 0.25],
                    "ids": [3, 5],
                ])
        let offsets = Qdrant_SearchMatrixOffsets(matrix)
        #expect(offsets.offsetsRow == [0, 1] && offsets.offsetsCol == [1, 0])
        #expect(Qdrant_SearchMatrixPairs(matrix).pairs.map(\.score) == [0.5, 0.25])
    }
}

extension JSONValue {
    fileprivate var result: JSONValue? {
        if case .object(let members) = self { members["result"] } else { nil }
    }
}
