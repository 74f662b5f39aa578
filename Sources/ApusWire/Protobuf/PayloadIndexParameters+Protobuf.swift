// The parameters of each type of payload index.

import ApusCore
import ApusProto

extension Qdrant_KeywordIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("is_tenant", \.hasIsTenant, \.isTenant),
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
            WireSetting("prefix") {
                $0.hasPrefix ? .bool(true) : nil
            } set: {
                if $1 != .bool(false), $1 != .null { $0.prefix = Qdrant_KeywordPrefixParams() }
            },
        ]
    }
}

extension Qdrant_IntegerIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("lookup", \.hasLookup, \.lookup),
            WireSetting("range", \.hasRange, \.range),
            WireSetting("is_principal", \.hasIsPrincipal, \.isPrincipal),
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_FloatIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("is_principal", \.hasIsPrincipal, \.isPrincipal),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_GeoIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_BoolIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_DatetimeIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("is_principal", \.hasIsPrincipal, \.isPrincipal),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_UuidIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("is_tenant", \.hasIsTenant, \.isTenant),
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
        ]
    }
}

extension Qdrant_TextIndexParams: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("tokenizer") {
                tokenizers.name(of: $0.tokenizer).map { .string($0) }
            } set: {
                if case .string(let name) = $1, let value = tokenizers.value(named: name) {
                    $0.tokenizer = value
                }
            },
            WireSetting("lowercase", \.hasLowercase, \.lowercase),
            WireSetting("min_token_len", \.hasMinTokenLen, \.minTokenLen),
            WireSetting("max_token_len", \.hasMaxTokenLen, \.maxTokenLen),
            WireSetting("on_disk", \.hasOnDisk, \.onDisk),
            WireSetting("phrase_matching", \.hasPhraseMatching, \.phraseMatching),
            WireSetting("ascii_folding", \.hasAsciiFolding, \.asciiFolding),
            WireSetting("enable_hnsw", \.hasEnableHnsw, \.enableHnsw),
            WireSetting("memory", \.hasMemory, \.memory, .memory),
            WireSetting("stopwords") {
                $0.hasStopwords ? json($0.stopwords) : nil
            } set: {
                $0.stopwords = stopwords($1)
            },
            WireSetting("stemmer") {
                $0.hasStemmer ? json($0.stemmer) : nil
            } set: {
                if let stemmer = stemmer($1) { $0.stemmer = stemmer }
            },
        ]
    }

    private static var tokenizers: WireNames<Qdrant_TokenizerType> {
        [
            .prefix: "prefix", .whitespace: "whitespace", .word: "word",
            .multilingual: "multilingual",
        ]
    }

    private static func json(_ stopwords: Qdrant_StopwordsSet) -> JSONValue {
        [
            "languages": .array(stopwords.languages.map { .string($0) }),
            "custom": .array(stopwords.custom.map { .string($0) }),
        ]
    }

    /// In JSON the name of a language may stand for the set of its stopwords.
    private static func stopwords(_ value: JSONValue) -> Qdrant_StopwordsSet {
        var result = Qdrant_StopwordsSet()
        switch value {
        case .string(let language): result.languages = [language]
        case .object(let object):
            result.languages = strings(object["languages"])
            result.custom = strings(object["custom"])
        default: break
        }
        return result
    }

    private static func strings(_ value: JSONValue?) -> [String] {
        guard case .array(let values) = value else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }

    private static func json(_ stemmer: Qdrant_StemmingAlgorithm) -> JSONValue? {
        switch stemmer.stemmingParams {
        case .snowball(let params):
            ["type": "snowball", "language": .string(params.language.lowercased())]
        case .disabled: ["type": "none"]
        case nil: nil
        }
    }

    private static func stemmer(_ value: JSONValue) -> Qdrant_StemmingAlgorithm? {
        guard case .object(let object) = value else { return nil }
        var result = Qdrant_StemmingAlgorithm()
        if case .string(let language) = object["language"] {
            result.snowball.language = language
        } else {
            result.disabled = Qdrant_DisabledStemmer()
        }
        return result
    }
}
