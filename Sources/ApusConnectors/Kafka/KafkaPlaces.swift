internal import ApusPipeline
private import CKafka

/// What a topic says of how far somebody who writes to it has come: the place that a consumer group
/// keeps, and the last messages of its partitions. For one thread.
@safe
final class KafkaPlaces {
    private let topic: String
    private let consumer: OpaquePointer
    private let waitMilliseconds: Int32

    init(_ settings: KafkaChanges.Settings) throws(StageError) {
        topic = settings.topic
        waitMilliseconds = Int32(clamping: Int(settings.wait / .milliseconds(1)))
        unsafe consumer = try KafkaClient.make(
            RD_KAFKA_CONSUMER,
            [
                "bootstrap.servers": settings.brokers, "client.id": "apus", "log_level": "0",
                "group.id": settings.group, "enable.auto.commit": "false",
                "enable.auto.offset.store": "false", "enable.partition.eof": "true",
                "auto.offset.reset": "earliest", "queued.max.messages.kbytes": "16384",
            ], settings.properties, stage: "kafka")
        unsafe rd_kafka_poll_set_consumer(consumer)
    }

    deinit {
        unsafe rd_kafka_consumer_close(consumer)
        unsafe rd_kafka_destroy(consumer)
    }

    private func check(_ code: rd_kafka_resp_err_t, _ what: String) throws(StageError) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw StageError(
            .fatal, stage: "kafka", "\(what): \(unsafe String(cString: rd_kafka_err2str(code)))")
    }

    // MARK: The group

    /// What the group has beside the offset of the topic's first partition; nil: nothing.
    func note() throws(StageError) -> String? {
        let list = unsafe rd_kafka_topic_partition_list_new(1)
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        let entry = unsafe rd_kafka_topic_partition_list_add(list, topic, 0)
        try check(
            unsafe rd_kafka_committed(consumer, list, waitMilliseconds), "the place in \(topic)")
        guard let entry = unsafe entry else { return nil }
        try check(unsafe entry.pointee.err, "the place in \(topic)")
        guard unsafe entry.pointee.offset >= 0, let text = unsafe entry.pointee.metadata else {
            return nil
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: entry.pointee.metadata_size)
        return unsafe String(decoding: bytes, as: UTF8.self)
    }

    /// Puts an offset and a note there; returns when the brokers have them.
    func commit(_ offset: Int64, note: String) throws(StageError) {
        let list = unsafe rd_kafka_topic_partition_list_new(1)
        // Frees the copy of the note, too.
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        guard let entry = unsafe rd_kafka_topic_partition_list_add(list, topic, 0) else { return }
        unsafe entry.pointee.offset = offset
        let size = note.utf8.count
        guard let copy = unsafe rd_kafka_mem_malloc(consumer, size + 1) else { return }
        unsafe note.withCString { unsafe copy.copyMemory(from: $0, byteCount: size + 1) }
        unsafe entry.pointee.metadata = copy
        unsafe entry.pointee.metadata_size = size
        try check(unsafe rd_kafka_commit(consumer, list, 0), "the place in \(topic)")
    }

    // MARK: Partitions

    /// Of each partition the last message that `read` makes something of, among its last `most`.
    func last<Found>(
        of partitions: [Int32], most: Int64, _ read: ([String: String]) -> Found?
    ) throws(StageError) -> [Int32: Found] {
        let list = unsafe rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count))
        defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
        var open: Set<Int32> = []
        for partition in partitions {
            var (low, high): (Int64, Int64) = (0, 0)
            let code = unsafe rd_kafka_query_watermark_offsets(
                consumer, topic, partition, &low, &high, waitMilliseconds)
            try check(code, "partition \(partition) of \(topic)")
            guard high > low else { continue }
            let entry = unsafe rd_kafka_topic_partition_list_add(list, topic, partition)
            unsafe entry?.pointee.offset = max(low, high - most)
            open.insert(partition)
        }
        guard !open.isEmpty else { return [:] }
        try check(unsafe rd_kafka_assign(consumer, list), "topic \(topic)")
        defer { unsafe rd_kafka_assign(consumer, nil) }
        var found: [Int32: Found] = [:]
        while !open.isEmpty {
            guard let pointer = unsafe rd_kafka_consumer_poll(consumer, waitMilliseconds) else {
                throw StageError(
                    .fatal, stage: "kafka", "the last messages of \(topic) did not come")
            }
            defer { unsafe rd_kafka_message_destroy(pointer) }
            let partition = unsafe pointer.pointee.partition
            switch unsafe pointer.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                if let message = read(unsafe Self.headers(of: pointer)) {
                    found[partition] = message
                }
            case RD_KAFKA_RESP_ERR__PARTITION_EOF: open.remove(partition)
            default: try check(unsafe pointer.pointee.err, "topic \(topic)")
            }
        }
        return found
    }

    /// Those that are texts.
    private static func headers(
        of message: UnsafeMutablePointer<rd_kafka_message_t>
    ) -> [String: String] {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return [:] }
        var headers: [String: String] = [:]
        var index = 0
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe rd_kafka_header_get_all(list, index, &name, &value, &size)
            == RD_KAFKA_RESP_ERR_NO_ERROR
        {
            index += 1
            guard let name = unsafe name else { continue }
            let bytes = unsafe UnsafeRawBufferPointer(start: value, count: size)
            headers[unsafe String(cString: name)] = unsafe String(validating: bytes, as: UTF8.self)
        }
        return headers
    }
}
