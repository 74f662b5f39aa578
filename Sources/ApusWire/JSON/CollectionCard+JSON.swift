package import ApusCore

extension RequestDecoder {
    /// The body that sets a card, alone or in the member `card`, as answers have it.
    package static func card(_ body: RawSpan) throws(DatabaseError) -> CollectionCard {
        try decode(body, CollectionCard.init(reading:))
    }

    package static func card(_ bytes: [UInt8]) throws(DatabaseError) -> CollectionCard {
        // Bytes have no padding, which is why a view of other elements as bytes is unsafe.
        try card(unsafe bytes.span.bytes)
    }
}

extension ResponseEncoder {
    /// `{"card", "recall"}`; null: there is none.
    package static func card(
        _ card: CollectionCard?, _ recall: MeasuredRecall, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("card")
            $0.write(card)
            $0.key("recall")
            $0.write(recall)
            $0.endObject()
        }
    }

    /// The card alone; null: there is none.
    package static func card(_ card: CollectionCard?, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(card) }
    }
}

extension CollectionCard {
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "models":
                models =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.dictionary(of: Model.init(reading:))
                    } ?? [:]
            case "corpus": corpus = try reader.optional(Corpus.init(reading:))
            case "card": self = try reader.optional(CollectionCard.init(reading:)) ?? self
            default: try reader.skipValue()
            }
        }
    }
}

extension CollectionCard.Model {
    fileprivate init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var id: String?
        var version: String?
        self.init(ModelName(""))
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "id": id = try reader.readString()
            case "version": version = try reader.optional(String.init(reading:))
            case "dimension": dimension = try reader.readOptionalCount(in: 1...65_536)
            case "metric":
                metric = try reader.optional { (reader) throws(JSONError) in
                    try reader.readName(Metric.wireNames)
                }
            case "normalized": isNormalized = try reader.optional(Bool.init(reading:))
            default: try reader.skipValue()
            }
        }
        name = ModelName(try reader.require(id, "id", ofObjectAt: start), version: version)
    }
}

extension CollectionCard.Corpus {
    fileprivate init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "name": name = try reader.optional(String.init(reading:)) ?? ""
            case "description": description = try reader.optional(String.init(reading:)) ?? ""
            case "license": license = try reader.optional(String.init(reading:)) ?? ""
            default: try reader.skipValue()
            }
        }
    }
}

extension JSONWriter {
    package mutating func write(_ card: CollectionCard?) {
        guard let card else { return writeNull() }
        beginObject()
        key("models")
        beginObject()
        for (field, model) in card.models.sorted(by: { $0.key < $1.key }) {
            key(field)
            beginObject()
            member("id", model.name.id)
            member("version", model.name.version)
            member("dimension", model.dimension)
            member("metric", model.metric?.wireName)
            member("normalized", model.isNormalized)
            endObject()
        }
        endObject()
        if let corpus = card.corpus {
            key("corpus")
            beginObject()
            member("name", corpus.name)
            member("description", corpus.description)
            member("license", corpus.license)
            endObject()
        }
        endObject()
    }

    package mutating func write(_ recall: MeasuredRecall) {
        beginObject()
        key("expected")
        beginObject()
        for (field, value) in recall.expected.sorted(by: { $0.key < $1.key }) {
            member(field, value)
        }
        endObject()
        key("observed")
        if let observed = recall.observed {
            beginObject()
            member("checked", observed.checkedCount)
            member("mean", observed.mean)
            member("p5", observed.p5)
            member("p1", observed.p1)
            endObject()
        } else {
            writeNull()
        }
        endObject()
    }
}
