package import ApusCore
package import ApusPipeline

/// The messages of a Kafka topic, as the present state of their keys: a message without a value says
/// that its key is gone.
///
/// Offsets are the pipeline's own, written with the points: no consumer group is joined, and none is
/// committed to.
package struct KafkaOrigin: RecordOrigin {
    package enum Format: String, Hashable, Sendable {
        /// A JSON object.
        case json
        /// The value is the field `text`.
        case text
    }

    package struct Settings: Sendable {
        package var brokers: String
        package var topic: String
        package var format: Format
        /// The fields that name a record; nil: the message's key does.
        package var key: RecordKey?
        /// Settings of librdkafka, by their names there.
        package var properties: [String: Reference]
        /// How long to wait for a message, or for the brokers.
        package var wait: Duration

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "brokers", "topic", "format", "key", "properties", "wait",
            ])
            brokers = try values.required("brokers", of: declaration).text()
            topic = try values.required("topic", of: declaration).text()
            format =
                try values["format"]?.choice(["json": Format.json, "text": Format.text]) ?? .json
            key = try values["key"]?.recordKey()
            properties = [:]
            if let list = values["properties"] {
                for (name, value) in try list.anyMembers() {
                    let isSecret = name.hasSuffix("password") || name.hasSuffix("secret")
                    properties[name] =
                        isSecret ? try Reference(secret: value) : try Reference(value)
                }
            }
            wait = try values["wait"]?.duration() ?? .seconds(10)
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "kafka \(settings.topic) key=\(settings.key?.description ?? "") format=\(settings.format)"
    }

    package var showsAll: Bool { false }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        KafkaMessages(settings, at: Self.offsets(position))
    }

    /// The next offset of each partition.
    static func offsets(_ position: JSONValue?) -> [Int32: Int64] {
        guard case .object(let members)? = position else { return [:] }
        var offsets: [Int32: Int64] = [:]
        for (name, value) in members {
            if let partition = Int32(name), case .integer(let offset) = value {
                offsets[partition] = offset
            }
        }
        return offsets
    }

    static func position(_ offsets: [Int32: Int64]) -> JSONValue {
        .object(
            Dictionary(
                uniqueKeysWithValues: offsets.map { (String($0.key), .integer($0.value)) }))
    }

    package var explanation: String {
        let key = settings.key.map { "the field \($0)" } ?? "the message's key"
        return "the topic \(settings.topic) of \(settings.brokers), from its first message on, "
            + "named by \(key); a message without a value deletes"
    }
}
