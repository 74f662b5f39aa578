package import ApusCore

extension PayloadSelector {
    /// `true`, `false`, a list of paths to include, `{"include": […]}` or `{"exclude": […]}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .bool: self = try reader.readBool() ? .all : .none
        case .array: self = .include(try reader.array(of: PayloadPath.init(reading:)))
        case .object:
            let start = reader.position()
            var selector: PayloadSelector?
            try reader.beginObject()
            while let key = try reader.nextKey() {
                switch key {
                case "include":
                    selector = .include(try reader.array(of: PayloadPath.init(reading:)))
                case "exclude":
                    selector = .exclude(try reader.array(of: PayloadPath.init(reading:)))
                default: try reader.skipValue()
                }
            }
            self = try reader.require(selector, "include", ofObjectAt: start)
        case .string, .number, .null:
            throw reader.unexpected(expecting: "true, false, a list of keys, include or exclude")
        }
    }
}

extension VectorSelector {
    /// `true`, `false`, or a list of field names.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .bool: self = try reader.readBool() ? .all : .none
        case .array:
            self = .named(
                try reader.array(of: String.init(reading:)))
        case .object, .string, .number, .null:
            throw reader.unexpected(expecting: "true, false or a list of vector names")
        }
    }
}

extension LookupLocation {
    /// `{"collection", "vector"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var collection: String?
        var vector: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "collection": collection = try reader.readString()
            case "vector":
                vector = try reader.optional(String.init(reading:))
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
        self.init(
            collection: try reader.require(collection, "collection", ofObjectAt: start),
            vector: vector)
    }
}

extension GroupsRequest.GroupLookup {
    /// The name of a collection, or `{"collection", "with_payload", "with_vectors"}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .string {
            self.init(collection: try reader.readString())
            return
        }
        let start = reader.position()
        var collection: String?
        var withPayload: PayloadSelector?
        var withVectors: VectorSelector?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "collection": collection = try reader.readString()
            case "with_payload":
                withPayload = try reader.optional(PayloadSelector.init(reading:))
            case "with_vectors", "with_vector":
                withVectors = try reader.optional(VectorSelector.init(reading:))
            default: try reader.skipValue()
            }
        }
        self.init(
            collection: try reader.require(collection, "collection", ofObjectAt: start),
            withPayload: withPayload ?? .all, withVectors: withVectors ?? .none)
    }
}

extension SearchParameters {
    /// `{"hnsw_ef", "exact", "indexed_only", "quantization", "acorn", "idf"}`, and our own
    /// `"target_recall"` and `"ivf_probes"`; what concerns only speed and has no counterpart here is checked and left aside.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "hnsw_ef":
                ef = try reader.readLimit()
            case "target_recall":
                targetRecall = try reader.optional { (reader) throws(JSONError) in
                    try reader.readDouble(in: 0.0...1.0, "between 0 and 1")
                }
            case "ivf_probes": probes = try reader.readLimit()
            case "exact": exact = try reader.readFlag()
            case "indexed_only": indexedOnly = try reader.readFlag()
            case "quantization": try readQuantization(&reader)
            case "idf": try Self.checkIDFScope(&reader)
            default: try reader.skipValue()
            }
        }
    }

    private mutating func readQuantization(_ reader: inout JSONReader) throws(JSONError) {
        guard !reader.readNull() else { return }
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "ignore": ignoresCodes = try reader.readFlag()
            case "rescore":
                rescores = try reader.optional(Bool.init(reading:)) ?? true
            case "oversampling":
                oversampling = try reader.optional { (reader) throws(JSONError) in
                    try reader.readDouble(in: 1.0..., "1.0 or larger")
                }
            default: try reader.skipValue()
            }
        }
    }

    /// Document frequencies over all points are what we have; over a filtered corpus we have not.
    private static func checkIDFScope(_ reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .null: _ = reader.readNull()
        case .string: _ = try reader.readName(["global": true])
        case .object, .array, .number, .bool: throw reader.unsupported("idf over a corpus")
        }
    }
}

extension JSONReader {
    /// A boolean; null means false.
    mutating func readFlag() throws(JSONError) -> Bool {
        if readNull() { return false }
        return try readBool()
    }
}
