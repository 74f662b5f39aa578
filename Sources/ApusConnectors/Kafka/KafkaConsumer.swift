private import ApusCore
internal import ApusPipeline
private import CKafka

/// A consumer of all partitions of a topic that keeps its offsets to itself, for one thread.
@safe
final class KafkaConsumer {
    struct Message: Sendable {
        var partition: Int32
        var offset: Int64
        var key: [UInt8]?
        /// nil: the key is gone.
        var value: [UInt8]?
        /// Milliseconds since 1970.
        var time: Int64?
    }

    private let settings: KafkaOrigin.Settings
    private let consumer: OpaquePointer
    private let waitMilliseconds: Int32
    /// Where reading goes on, of all partitions.
    private var offsets: [Int32: Int64]
    private var assigned: Set<Int32> = []
    /// Partitions that were read to their end.
    private var ended: Set<Int32> = []

    init(
        _ settings: KafkaOrigin.Settings, at offsets: [Int32: Int64]
    ) throws(StageError) {
        self.settings = settings
        self.offsets = offsets
        waitMilliseconds = Int32(clamping: Int(settings.wait / .milliseconds(1)))
        unsafe consumer = try Self.make(settings)
        try assign(try partitions())
    }

    deinit {
        unsafe rd_kafka_consumer_close(consumer)
        unsafe rd_kafka_destroy(consumer)
    }

    private static func make(
        _ settings: KafkaOrigin.Settings
    ) throws(StageError) -> OpaquePointer {
        let consumer = try unsafe KafkaClient.make(
            RD_KAFKA_CONSUMER,
            [
                "bootstrap.servers": settings.brokers, "group.id": "apus", "client.id": "apus",
                "enable.auto.commit": "false", "enable.auto.offset.store": "false",
                "enable.partition.eof": "true", "isolation.level": "read_committed",
                // What the broker has thrown away is an error, not a gap that nobody sees.
                "auto.offset.reset": "error", "log_level": "0",
                // Bounds what waits here to be taken.
                "queued.max.messages.kbytes": "16384", "fetch.queue.backoff.ms": "10",
            ], settings.properties, stage: "source")
        unsafe rd_kafka_poll_set_consumer(consumer)
        return unsafe consumer
    }

    // MARK: Partitions

    private func partitions() throws(StageError) -> [Int32] {
        let found = try unsafe KafkaClient.partitions(
            of: settings.topic, at: settings.brokers, consumer, wait: waitMilliseconds
        ) { code, text in failure(code, text) }
        guard !found.isEmpty else {
            throw StageError(
                .transient(after: nil), stage: "source",
                "topic \(settings.topic) has no partitions")
        }
        return found
    }

    private func assign(_ partitions: [Int32]) throws(StageError) {
        let list = unsafe rd_kafka_topic_partition_list_new(Int32(partitions.count))
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        for partition in partitions {
            let entry = unsafe rd_kafka_topic_partition_list_add(list, settings.topic, partition)
            unsafe entry?.pointee.offset = offsets[partition] ?? Int64(RD_KAFKA_OFFSET_BEGINNING)
        }
        let code = unsafe rd_kafka_assign(consumer, list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw failure(code, "topic \(settings.topic)")
        }
        assigned = Set(partitions)
        ended = []
    }

    // MARK: Messages

    /// The next messages; none once all partitions were read to their ends, or when the brokers say
    /// nothing for the time that is set.
    func messages(_ limit: ReadLimit) throws(StageError) -> [Message] {
        var messages: [Message] = []
        var bytes = 0
        if ended == assigned {
            // A topic may have got partitions since.
            let present = try partitions()
            if Set(present) != assigned { try assign(present) }
        }
        let wasEnded = ended == assigned
        while messages.count < limit.records, bytes < limit.bytes {
            // What is there is not held up by what may come.
            let wait: Int32 = messages.isEmpty ? (wasEnded ? 100 : waitMilliseconds) : 20
            guard let pointer = unsafe rd_kafka_consumer_poll(consumer, wait) else {
                guard messages.isEmpty, !wasEnded, ended != assigned else { return messages }
                throw StageError(
                    .transient(after: nil), stage: "source",
                    "\(settings.brokers) said nothing for \(settings.wait)")
            }
            defer { unsafe rd_kafka_message_destroy(pointer) }
            let message = unsafe pointer.pointee
            switch unsafe message.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                let read = unsafe Self.message(pointer)
                ended.remove(read.partition)
                offsets[read.partition] = read.offset + 1
                bytes += (read.key?.count ?? 0) + (read.value?.count ?? 0)
                messages.append(read)
            case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                ended.insert(unsafe message.partition)
                if ended == assigned { return messages }
            default:
                // What was read is handed out; the error comes again.
                guard messages.isEmpty else { return messages }
                let text = unsafe rd_kafka_message_errstr(pointer)
                    .map { unsafe String(cString: $0) }
                throw failure(unsafe message.err, text ?? "")
            }
        }
        return messages
    }

    private static func message(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) -> Message {
        let message = unsafe pointer.pointee
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = unsafe rd_kafka_message_timestamp(pointer, &kind)
        return unsafe Message(
            partition: message.partition, offset: message.offset,
            key: bytes(message.key, message.key_len),
            value: bytes(message.payload, message.len), time: time >= 0 ? time : nil)
    }

    private static func bytes(_ start: UnsafeMutableRawPointer?, _ count: Int) -> [UInt8]? {
        guard let start = unsafe start else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Messages behind what was read, as far as the consumer has heard.
    var lag: Int? {
        var lag = 0
        for partition in assigned {
            var (low, high): (Int64, Int64) = (0, 0)
            let code = unsafe rd_kafka_get_watermark_offsets(
                consumer, settings.topic, partition, &low, &high)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
            lag += Int(max(0, high - (offsets[partition] ?? max(0, low))))
        }
        return lag
    }

    private func failure(_ code: rd_kafka_resp_err_t, _ text: String) -> StageError {
        let name = unsafe String(cString: rd_kafka_err2str(code))
        let message = text.isEmpty ? name : "\(name): \(text)"
        switch code {
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
            return StageError(
                .fatal, stage: "source",
                "\(message): the topic does not have the next message any more, so some were lost; "
                    + "--start-over begins with the first that it has")
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
            RD_KAFKA_RESP_ERR__INVALID_ARG:
            return StageError(.fatal, stage: "source", message)
        default: return StageError(.transient(after: nil), stage: "source", message)
        }
    }
}
