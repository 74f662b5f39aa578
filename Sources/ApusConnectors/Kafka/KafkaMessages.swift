internal import ApusCore
internal import ApusPipeline

/// Reads the messages of a topic, from an offset of each partition on.
actor KafkaMessages: RecordSource {
    private let settings: KafkaOrigin.Settings
    private let thread = BlockingThread<KafkaConsumer>(name: "kafka")
    private var offsets: [Int32: Int64]

    init(_ settings: KafkaOrigin.Settings, at offsets: [Int32: Int64]) {
        self.settings = settings
        self.offsets = offsets
    }

    func close() async { await thread.close() }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        let (settings, offsets) = (settings, offsets)
        let (messages, lag) = try await thread.run(making: {
            try KafkaConsumer(settings, at: offsets)
        }) { consumer in
            let messages = try consumer.messages(limit)
            return (messages, consumer.lag)
        }
        guard !messages.isEmpty else { return nil }
        for message in messages { self.offsets[message.partition] = message.offset + 1 }
        return SourceBatch(
            records: messages.map { record(of: $0) }, position: KafkaOrigin.position(self.offsets),
            lag: lag)
    }

    private func record(of message: KafkaConsumer.Message) -> SourceRecord {
        let (topic, partition, offset) = (settings.topic, message.partition, message.offset)
        let change = change(of: message)
        if let key = settings.key, case .put(let content) = change {
            return SourceRecord(
                namedBy: key, place: "\(topic)/\(partition) at \(offset)", time: message.time,
                content)
        }
        let named = message.key.map { String(validating: $0, as: UTF8.self) }
        var record = SourceRecord(
            key: named.flatMap { $0 } ?? "", place: "\(topic)/\(partition) at \(offset)",
            time: message.time, change: change)
        if case .malformed = change { return record }
        if case .some(nil) = named, settings.key == nil {
            record.change = .malformed(
                reason: "the message's key is not UTF-8", raw: Self.text(message.value ?? []))
            return record
        }
        if message.key == nil {
            // Nothing else names it, so it is there for good.
            record.key = "\(partition):\(offset)"
        }
        return record
    }

    private func change(of message: KafkaConsumer.Message) -> SourceRecord.Change {
        guard let value = message.value else { return .delete }
        switch settings.format {
        case .text:
            guard let text = String(validating: value, as: UTF8.self) else {
                return .malformed(reason: "not UTF-8", raw: Self.text(value))
            }
            return .put(RecordContent(fields: ["text": .string(text)]))
        case .json:
            do throws(MalformedJSON) {
                var parser = JSONParser(value)
                let fields = try parser.readObject()
                try parser.readEnd()
                return .put(RecordContent(fields: fields))
            } catch {
                return .malformed(
                    reason: "at byte \(error.offset) of the value: expected \(error.expected), "
                        + "found \(error.found)", raw: Self.text(value))
            }
        }
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(65_536), as: UTF8.self)
    }
}
