internal import ApusPipeline
private import CKafka

/// Sends messages to partitions of one topic, each exactly once and in order as long as this process
/// lives (librdkafka's idempotent producer), for one thread.
@safe
final class KafkaProducer {
    struct Message {
        var key: [UInt8]
        /// nil: a tombstone.
        var value: [UInt8]?
        var partition: Int32
        var headers: [(name: String, value: String)]
    }

    private let topic: String
    private let brokers: String
    private let producer: OpaquePointer
    private let queue: OpaquePointer
    /// Messages that no broker has acknowledged, and their bytes.
    private var waiting = (count: 0, bytes: 0)
    private var failure: StageError?
    /// The last thing that the client complained of, which says more than a time that is over.
    private var complaint = ""
    let partitions: [Int32]

    private static let waitingBytesMax = 16 << 20

    init(_ settings: KafkaChanges.Settings) throws(StageError) {
        (topic, brokers) = (settings.topic, settings.brokers)
        unsafe producer = try KafkaClient.make(
            RD_KAFKA_PRODUCER,
            [
                "bootstrap.servers": settings.brokers, "client.id": "apus", "log_level": "0",
                "enable.idempotence": "true",
                // A message that is given up ends the producer, so that none behind it is written:
                // a partition always has all messages up to its last.
                "enable.gapless.guarantee": "true",
                "queue.buffering.max.kbytes": "65536",
            ], settings.properties, stage: "kafka")
        guard let queue = unsafe rd_kafka_queue_get_main(producer) else {
            unsafe rd_kafka_destroy(producer)
            throw StageError(.fatal, stage: "kafka", "the client has no queue")
        }
        unsafe self.queue = queue
        do throws(StageError) {
            partitions = try unsafe Self.partitions(settings, producer)
        } catch {
            unsafe rd_kafka_queue_destroy(queue)
            unsafe rd_kafka_destroy(producer)
            throw error
        }
    }

    deinit {
        unsafe rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        unsafe rd_kafka_queue_destroy(queue)
        unsafe rd_kafka_destroy(producer)
    }

    /// Brokers make a topic when they are asked for it the first time, if they are set so, and say
    /// meanwhile that there is none.
    private static func partitions(
        _ settings: KafkaChanges.Settings, _ producer: OpaquePointer
    ) throws(StageError) -> [Int32] {
        let end = ContinuousClock.now + settings.wait
        while true {
            do throws(StageError) {
                let found = try unsafe KafkaClient.partitions(
                    of: settings.topic, at: settings.brokers, producer,
                    wait: Int32(clamping: Int(settings.wait / .milliseconds(1)))
                ) { code, text in
                    StageError(
                        .fatal, stage: "kafka",
                        "\(text): "
                            + (unsafe String(cString: rd_kafka_err2str(code))))
                }
                if !found.isEmpty { return found }
            } catch {
                if ContinuousClock.now >= end { throw error }
            }
            // Serves as a pause, too.
            guard let queue = unsafe rd_kafka_queue_get_main(producer) else { continue }
            if let event = unsafe rd_kafka_queue_poll(queue, 100) {
                unsafe rd_kafka_event_destroy(event)
            }
            unsafe rd_kafka_queue_destroy(queue)
            if ContinuousClock.now >= end {
                throw StageError(
                    .fatal, stage: "kafka", "topic \(settings.topic) has no partitions")
            }
        }
    }

    /// The partition of a key, of so many: as Kafka's own clients choose it.
    func partition(of key: [UInt8], count: Int) -> Int32 {
        unsafe key.withUnsafeBytes { bytes in
            unsafe rd_kafka_msg_partitioner_murmur2(
                nil, bytes.baseAddress, bytes.count, Int32(clamping: count), nil, nil)
        }
    }

    /// Takes a message. Waits for brokers while it holds as much as it may.
    func send(_ message: Message) throws(StageError) {
        let size = message.key.count + (message.value?.count ?? 0) + 128
        while waiting.bytes + size > Self.waitingBytesMax, waiting.count > 0 { try serve(1_000) }
        while true {
            try serve(0)
            let code = enqueue(message)
            switch code {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                waiting.count += 1
                waiting.bytes += size
                return
            case RD_KAFKA_RESP_ERR__QUEUE_FULL: try serve(1_000)
            default:
                throw StageError(
                    .fatal, stage: "kafka",
                    "a message of \(size) bytes for \(topic) with the key "
                        + "\(String(decoding: message.key, as: UTF8.self)): "
                        + (unsafe String(cString: rd_kafka_err2str(code))))
            }
        }
    }

    /// Returns once brokers have acknowledged everything.
    func drain() throws(StageError) {
        while waiting.count > 0 { try serve(1_000) }
        try serve(0)
    }

    private func enqueue(_ message: Message) -> rd_kafka_resp_err_t {
        guard let headers = unsafe rd_kafka_headers_new(message.headers.count) else {
            return RD_KAFKA_RESP_ERR__QUEUE_FULL
        }
        for (name, value) in message.headers {
            unsafe rd_kafka_header_add(headers, name, -1, value, value.utf8.count)
        }
        let size = message.key.count + (message.value?.count ?? 0) + 128
        let error: OpaquePointer? = unsafe topic.withCString { topic in
            unsafe message.key.withUnsafeBytes { key in
                unsafe (message.value ?? []).withUnsafeBytes { value in
                    var fields = unsafe [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 7)
                    unsafe fields[0].vtype = RD_KAFKA_VTYPE_TOPIC
                    unsafe fields[0].u.cstr = topic
                    unsafe fields[1].vtype = RD_KAFKA_VTYPE_PARTITION
                    unsafe fields[1].u.i32 = message.partition
                    unsafe fields[2].vtype = RD_KAFKA_VTYPE_KEY
                    unsafe fields[2].u.mem.ptr = UnsafeMutableRawPointer(
                        mutating: key.baseAddress)
                    unsafe fields[2].u.mem.size = key.count
                    unsafe fields[3].vtype = RD_KAFKA_VTYPE_VALUE
                    unsafe fields[3].u.mem.ptr =
                        message.value == nil
                        ? nil : UnsafeMutableRawPointer(mutating: value.baseAddress)
                    unsafe fields[3].u.mem.size = value.count
                    unsafe fields[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS
                    unsafe fields[4].u.i = RD_KAFKA_MSG_F_COPY
                    unsafe fields[5].vtype = RD_KAFKA_VTYPE_HEADERS
                    unsafe fields[5].u.headers = headers
                    // What comes back with the acknowledgement.
                    unsafe fields[6].vtype = RD_KAFKA_VTYPE_OPAQUE
                    unsafe fields[6].u.ptr = UnsafeMutableRawPointer(bitPattern: size)
                    return unsafe rd_kafka_produceva(producer, fields, fields.count)
                }
            }
        }
        guard let error = unsafe error else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        defer { unsafe rd_kafka_error_destroy(error) }
        // Headers are taken over with the message only.
        unsafe rd_kafka_headers_destroy(headers)
        return unsafe rd_kafka_error_code(error)
    }

    /// Takes what brokers said, and waits for it so long where there is nothing.
    private func serve(_ milliseconds: Int32) throws(StageError) {
        var wait = milliseconds
        while let event = unsafe rd_kafka_queue_poll(queue, wait) {
            wait = 0
            switch unsafe rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR:
                while let message = unsafe rd_kafka_event_message_next(event) {
                    waiting.count -= 1
                    waiting.bytes -= Int(bitPattern: unsafe message.pointee._private)
                    note(unsafe message.pointee.err)
                }
            case RD_KAFKA_EVENT_ERROR:
                if let text = unsafe rd_kafka_event_error_string(event) {
                    complaint = unsafe String(cString: text)
                }
                let code = unsafe rd_kafka_event_error(event)
                if code == RD_KAFKA_RESP_ERR__FATAL { note(code) }
            default: break
            }
            unsafe rd_kafka_event_destroy(event)
        }
        if let failure { throw failure }
    }

    private func note(_ code: rd_kafka_resp_err_t) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR, failure == nil else { return }
        let name = unsafe String(cString: rd_kafka_err2str(code))
        failure = StageError(
            .fatal, stage: "kafka",
            "\(brokers) did not take all messages for \(topic): \(name)"
                + (complaint.isEmpty ? "" : "; \(complaint)"))
    }
}
