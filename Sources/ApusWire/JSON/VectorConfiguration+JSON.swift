package import ApusCore

extension Metric {
    /// The wire's names, which begin with a capital.
    static let wireNames: [String: Metric] = [
        "Cosine": .cosine, "Euclid": .euclid, "Dot": .dot, "Manhattan": .manhattan,
    ]

    var wireName: String {
        switch self {
        case .cosine: "Cosine"
        case .euclid: "Euclid"
        case .dot: "Dot"
        case .manhattan: "Manhattan"
        }
    }
}

extension VectorDatatype {
    init(reading reader: inout JSONReader) throws(JSONError) {
        self = try reader.readName([
            "float32": .float32, "float16": .float16, "uint8": .uint8, "turbo4": .turbo4,
        ])
    }
}

extension DenseVectorConfiguration {
    /// One unnamed field (`{"size", "distance", …}`) or a map of named ones.
    static func fields(
        reading reader: inout JSONReader
    ) throws(JSONError) -> [String: DenseVectorConfiguration] {
        var ahead = reader
        var isSingle = false
        try ahead.beginObject()
        while let key = try ahead.nextKey() {
            // A field may be called "size", but its value is then an object.
            if key == "size" || key == "distance", try ahead.peek() != .object { isSingle = true }
            try ahead.skipValue()
        }
        if isSingle { return [defaultVectorName: try DenseVectorConfiguration(reading: &reader)] }
        return try reader.dictionary(of: DenseVectorConfiguration.init(reading:))
    }

    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var size: Int?
        var metric: Metric?
        var memory: Bool?
        self.init(dimension: 0, metric: .cosine)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "size": size = try reader.readCount(in: 1...65_536)
            case "distance": metric = try reader.readName(Metric.wireNames)
            case "hnsw_config":
                hnsw = try reader.optional(HNSWConfigurationChange.init(reading:))
            case "quantization_config":
                quantization = try reader.optional(QuantizationConfiguration.init(reading:))
            case "on_disk": onDisk = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsOnDisk()
            case "datatype": datatype = try reader.optional(VectorDatatype.init(reading:))
            case "multivector_config": isMultiVector = try Self.readMultiVector(&reader)
            case "ivf": ivf = try reader.optional(IVFConfiguration.init(reading:))
            default: try reader.skipValue()
            }
        }
        onDisk = memory ?? onDisk
        dimension = try reader.require(size, "size", ofObjectAt: start)
        self.metric = try reader.require(metric, "distance", ofObjectAt: start)
    }

    /// `{"comparator": "max_sim"}` or null; whether it is there.
    private static func readMultiVector(_ reader: inout JSONReader) throws(JSONError) -> Bool {
        guard !reader.readNull() else { return false }
        let start = reader.position()
        var comparator: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "comparator" {
                comparator = try reader.readName(["max_sim": true])
            } else {
                try reader.skipValue()
            }
        }
        return try reader.require(comparator, "comparator", ofObjectAt: start)
    }
}

extension SparseVectorConfiguration {
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "modifier":
                modifier = try reader.optional { (reader) throws(JSONError) in
                    try reader.readName(["none": .none, "idf": Modifier.idf])
                }
            case "index": if !reader.readNull() { try readIndex(&reader) }
            case "datatype": datatype = try reader.optional(VectorDatatype.init(reading:))
            default: try reader.skipValue()
            }
        }
    }

    private mutating func readIndex(_ reader: inout JSONReader) throws(JSONError) {
        var memory: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "full_scan_threshold": fullScanThreshold = try reader.readOptionalCount()
            case "on_disk": onDisk = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsOnDisk()
            case "datatype": datatype = try reader.optional(VectorDatatype.init(reading:))
            default: try reader.skipValue()
            }
        }
        onDisk = memory ?? onDisk
    }
}

/// A vector field that is added to a collection: `{"dense": {…}}` or `{"sparse": {…}}`.
package enum NewVectorField: Hashable, Sendable {
    case dense(DenseVectorConfiguration)
    case sparse(SparseVectorConfiguration)

    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var field: NewVectorField?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "dense": field = .dense(try DenseVectorConfiguration(reading: &reader))
            case "sparse": field = .sparse(try SparseVectorConfiguration(reading: &reader))
            default: try reader.skipValue()
            }
        }
        self = try reader.require(field, "dense", ofObjectAt: start)
    }
}

/// Our own extension.
extension IVFConfiguration {
    /// `{"lists", "parts", "bits", "probes", "spill"}`, each optional.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "lists": lists = try reader.optional { r throws(JSONError) in try r.readCount() }
            case "parts": parts = try reader.optional { r throws(JSONError) in try r.readCount() }
            case "bits": bits = try reader.readCount()
            case "spill": spills = try reader.readBool()
            case "probes": probes = try reader.optional { r throws(JSONError) in try r.readCount() }
            default: try reader.skipValue()
            }
        }
    }
}
