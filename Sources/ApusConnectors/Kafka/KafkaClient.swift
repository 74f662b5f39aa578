internal import ApusPipeline
internal import CKafka

/// What consumers and producers of librdkafka have in common.
enum KafkaClient {
    /// A client with these settings, of which `properties` are those of whoever asked for it.
    static func make(
        _ type: rd_kafka_type_t, _ settings: [String: String],
        _ properties: [String: Reference], stage: String
    ) throws(StageError) -> OpaquePointer {
        var values = settings
        for (name, reference) in properties { values[name] = try reference.value() }
        let configuration = unsafe rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in values {
            let status = unsafe rd_kafka_conf_set(configuration, name, value, &text, text.count)
            // An older library does not know all of ours.
            guard status == RD_KAFKA_CONF_OK || name == "fetch.queue.backoff.ms" else {
                unsafe rd_kafka_conf_destroy(configuration)
                throw StageError(.fatal, stage: stage, string(text))
            }
        }
        if type == RD_KAFKA_PRODUCER {
            unsafe rd_kafka_conf_set_events(
                configuration, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)
        }
        guard let client = unsafe rd_kafka_new(type, configuration, &text, text.count) else {
            unsafe rd_kafka_conf_destroy(configuration)
            throw StageError(.fatal, stage: stage, string(text))
        }
        return unsafe client
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The partitions of a topic.
    static func partitions(
        of name: String, at brokers: String, _ client: OpaquePointer, wait: Int32,
        failure: (rd_kafka_resp_err_t, String) -> StageError
    ) throws(StageError) -> [Int32] {
        let topic = unsafe rd_kafka_topic_new(client, name, nil)
        defer { if let topic = unsafe topic { unsafe rd_kafka_topic_destroy(topic) } }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(client, 0, topic, &metadata, wait)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = unsafe metadata else {
            throw failure(code, "no answer from \(brokers)")
        }
        defer { unsafe rd_kafka_metadata_destroy(found) }
        guard unsafe found.pointee.topic_cnt == 1, let topics = unsafe found.pointee.topics else {
            throw failure(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "topic \(name)")
        }
        let entry = unsafe topics.pointee
        guard unsafe entry.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw failure(unsafe entry.err, "topic \(name)")
        }
        return unsafe (0..<Int(entry.partition_cnt)).map { unsafe entry.partitions[$0].id }
    }
}
