import ApusCore
import Testing

import ApusText

/// Expected vectors are those that other programs of the wire API make of the same texts, so that
/// vectors made on either side can be searched together.
@Suite struct BM25Tests {
    private func vector(
        _ text: String, _ options: [String: JSONValue] = [:]
    ) throws -> SparseVector { BM25(try BM25Options(options)).document(text) }

    @Test func wordsAreHashedAndWeighedByTheirFrequency() throws {
        let document = try vector("hello world")
        #expect(document.indices == [74_040_069, 613_153_351])
        #expect(document.values.allSatisfy { abs($0 - 1.6832) < 1e-4 })
        let query = BM25().query("world hello world")
        #expect(query == SparseVector(indices: [74_040_069, 613_153_351], values: [1, 1]))
    }

    @Test func wordsOfEnglishLoseStopWordsAndEndings() throws {
        let document = try vector("Hello, running runners' don't it's")
        #expect(document.indices == [243_905_464, 613_153_351, 946_033_505])
        #expect(document.values.allSatisfy { abs($0 - 1.67869) < 1e-4 })
    }

    @Test func otherLanguagesHaveTheirOwn() throws {
        let document = try vector("Zeit und Häuser", ["language": "german"])
        #expect(document.indices == [18_554_856, 1_094_269_141])
        #expect(try vector("und", ["language": "german"]).indices.isEmpty)
        #expect(try vector("und").indices.count == 1)
    }

    @Test func marksAreFolded() throws {
        let document = try vector("Straße naïve café", ["ascii_folding": true])
        #expect(document.indices == [539_129_819, 1_230_453_951, 1_962_405_504])
    }

    @Test func tokenizersSplitDifferently() throws {
        #expect(
            try vector("foo-bar a_b 12.5 3rd").indices == [
                103_616_747, 156_908_512, 918_438_478, 1_158_584_717, 1_394_226_660,
                1_780_580_861,
            ])
        #expect(
            try vector("foo-bar a_b 12.5 3rd", ["tokenizer": "whitespace"]).indices == [
                756_166_487, 918_438_478, 1_463_714_520, 1_999_661_935,
            ])
        let prefixes: [String: JSONValue] = ["tokenizer": "prefix", "max_token_len": 3]
        #expect(try vector("hello worlds", prefixes).indices.count == 6)
        #expect(
            BM25(try BM25Options(prefixes)).query("hello worlds").indices == [
                173_395_898, 1_782_684_702,
            ])
    }

    @Test func lengthsBoundTheStems() throws {
        #expect(try vector("hello worlds", ["min_token_len": 6]).indices.isEmpty)
        #expect(try vector("hello worlds", ["min_token_len": 5]).indices.count == 2)
    }

    @Test func frequentWordsCountMoreAndLongTextsLess() throws {
        let once = try vector("cat dog")
        let twice = try vector("cat cat dog")
        let cat = try vector("cat").indices[0]
        func weight(_ vector: SparseVector) -> Float {
            vector.indices.firstIndex(of: cat).map { vector.values[$0] } ?? 0
        }
        #expect(weight(twice) > weight(once))
        #expect(weight(twice) < 2 * weight(once))
        let long = try vector("cat dog", ["avg_len": 1])
        #expect(weight(long) < weight(once))
        let lengthless = try vector("cat dog", ["avg_len": 1, "b": 0])
        #expect(weight(lengthless) == 1)
        #expect(weight(try vector("cat cat", ["k": 0])) == 1)
    }

    @Test func stopWordsAndStemsCanBeChosen() throws {
        let own: JSONValue = ["custom": ["Cats"], "languages": ["english"]]
        #expect(try vector("the cats dogs", ["stopwords": own]).indices.count == 1)
        let plain: [String: JSONValue] = ["language": "none"]
        #expect(try vector("the cats", plain).indices.count == 2)
        let unstemmed: [String: JSONValue] = ["stemmer": ["type": "none"]]
        #expect(try vector("cats", unstemmed) == vector("cats", plain))
        #expect(try vector("cats") == vector("cat", plain))
        let german: [String: JSONValue] = [
            "stemmer": ["type": "snowball", "language": "german"], "language": "none",
        ]
        #expect(try vector("Häuser", german) == vector("haus", plain))
    }

    @Test func aTextWithoutWordsIsAnEmptyVector() throws {
        for text in ["", " ", "the and of", "?!"] {
            #expect(try vector(text).indices.isEmpty)
            #expect(BM25().query(text).indices.isEmpty)
        }
    }

    @Test(
        arguments: [
            ["language": "klingon"], ["k": -1], ["b": 1.5], ["avg_len": 0], ["k": "1"],
            ["tokenizer": "words"], ["lowercase": 1], ["stopwords": 1], ["stopwords": "klingon"],
            ["stopwords": ["custom": [1]]], ["stemmer": "english"], ["stemmer": ["type": "porter"]],
            ["stemmer": ["type": "snowball", "language": "klingon"]], ["min_token_len": 1.5],
            ["max_token_len": -1], ["avg_length": 3], ["language": "tajik"],
        ] as [[String: JSONValue]])
    func wrongOptionsAreNamed(_ options: [String: JSONValue]) throws {
        let error = #expect(throws: DatabaseError.self) { try BM25Options(options) }
        let name = try #require(options.keys.first)
        let isNamed = error?.message.contains(name) == true
        #expect(isNamed || error?.kind == .unimplemented, "\(error?.message ?? "")")
    }

    @Test func onlyOneModelIsServed() throws {
        let error = #expect(throws: DatabaseError.self) {
            try InferredDocument(text: "a", model: "openai/large").stored()
        }
        #expect(error?.kind == .unimplemented)
        #expect(error?.message.contains("openai/large") == true)
        #expect(
            try InferredDocument(text: "hello", model: "Qdrant/BM25").query()
                == .sparse(SparseVector(indices: [613_153_351], values: [1])))
    }
}
