private import ApusCore
private import ApusPipeline
private import Foundation

/// The changes of a collection as messages of a Kafka topic.
///
/// A message's key is the point's id, so that all that becomes of a point stays in order; its value is
/// the event as JSON (`ChangeBatch.json`), or nothing for a deletion where tombstones are wanted; its
/// headers name the history, the version and the event's place in it.
///
/// Each event is there once. How far it came is kept by the brokers, as the offset and the note of a
/// consumer group without members, after everything up to there was acknowledged. Behind that some
/// messages may be there already when a process was killed: a partition has all events up to its last
/// one, because the producer is idempotent and gives up at the first message that it cannot deliver. So
/// a process that goes on looks at the last message of each partition and leaves out what is there.
/// Two that write to one topic at a time are not kept apart.
package actor KafkaChanges: ChangeSink {
    package struct Settings: Sendable {
        package var brokers: String
        package var topic: String
        /// The consumer group that keeps the place.
        package var group: String
        package var withVectors: Bool
        /// Deletions have no value.
        package var tombstones: Bool
        /// Settings of librdkafka, by their names there.
        package var properties: [String: Reference] = [:]
        /// How long to wait for the brokers at the start.
        package var wait = Duration.seconds(20)

        package init(
            brokers: String, topic: String, group: String, withVectors: Bool, tombstones: Bool
        ) {
            self.brokers = brokers
            self.topic = topic
            self.group = group
            self.withVectors = withVectors
            self.tombstones = tombstones
        }
    }

    private let settings: Settings
    private let thread = BlockingThread<KafkaChangeTopic>(name: "kafka-changes")
    private var written: ChangePosition?
    private var settled: ChangePosition?
    private var isSnapshot = false

    package init(_ settings: Settings) { self.settings = settings }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (inout KafkaChangeTopic) throws -> Value
    ) async throws -> Value {
        let settings = settings
        return try await thread.run(making: { try KafkaChangeTopic(settings) }, body)
    }

    package func position() async throws -> ChangePosition? {
        let found = try await run { try $0.position() }
        (written, settled) = (found, found)
        return found
    }

    package func begin(at position: ChangePosition) { written = position }

    package func beginSnapshot(_ position: ChangePosition) async throws {
        written = position
        isSnapshot = true
        try await run { try $0.mark(.snapshotBegin, position) }
    }

    package func endSnapshot() async throws {
        guard let written else { return }
        try await run { try $0.mark(.snapshotEnd, written) }
        isSnapshot = false
        try await settle(all: true)
    }

    package func write(_ batch: ChangeBatch) async throws {
        guard var next = written else { return }
        let log = next.log
        try await run { try $0.write(batch, log: log) }
        if batch.isLast, !isSnapshot {
            next.lsn = batch.lsn
            written = next
        }
    }

    package func settle(all: Bool) async throws {
        guard let written, !isSnapshot, written != settled else { return }
        try await run { try $0.settle(written) }
        settled = written
    }

    package func close() async { await thread.close() }
}

/// A topic as the thread sees it that writes to it.
private struct KafkaChangeTopic {
    /// The last event of a partition.
    private struct Place {
        var lsn: UInt64
        var index: Int

        init?(_ headers: [String: String], log: String) {
            guard headers["apus-log"] == log, let lsn = headers["apus-lsn"].flatMap({ UInt64($0) }),
                let index = headers["apus-index"].flatMap({ Int($0) })
            else { return nil }
            self.lsn = lsn
            self.index = index
        }
    }

    private let settings: KafkaChanges.Settings
    private let producer: KafkaProducer
    private let places: KafkaPlaces
    /// What an earlier process wrote behind the place that it kept, by partition.
    private var last: [Int32: Place] = [:]
    /// Partitions that it knew.
    private var lastPartitionCount = 0

    /// Messages at a partition's end among which the last of ours is looked for.
    private static let looked: Int64 = 256

    init(_ settings: KafkaChanges.Settings) throws {
        self.settings = settings
        producer = try KafkaProducer(settings)
        places = try KafkaPlaces(settings)
    }

    mutating func position() throws -> ChangePosition? {
        guard let note = try places.note(),
            case .object(let members)? = try? JSONParser.value(in: Array(note.utf8)),
            case .string(let log)? = members["log"], case .string(let text)? = members["lsn"],
            let lsn = UInt64(text), case .integer(let count)? = members["partitions"]
        else { return nil }
        lastPartitionCount = Int(count)
        last = try places.last(of: producer.partitions, most: Self.looked) {
            Place($0, log: log)
        }
        return ChangePosition(log: log, lsn: SequenceNumber(lsn))
    }

    func write(_ batch: ChangeBatch, log: String) throws {
        for index in batch.events.indices {
            guard let id = batch.events[index].id else { continue }
            let key = Array(PointText.plain(id).utf8)
            guard !isThere(key, batch, index) else { continue }
            try send(batch, index, key: key, log: log, to: partition(of: key))
        }
    }

    /// Every partition is told.
    func mark(_ kind: ChangeEvent.Kind, _ position: ChangePosition) throws {
        let batch = ChangeBatch(lsn: position.lsn, events: [ChangeEvent(kind, nil)], isLast: true)
        for partition in producer.partitions {
            try send(
                batch, 0, key: Array(kind.name.utf8), log: position.log, to: partition)
        }
    }

    func settle(_ position: ChangePosition) throws {
        try producer.drain()
        let note = JSONValue.object([
            "log": .string(position.log), "lsn": .string("\(position.lsn)"),
            "partitions": .integer(Int64(producer.partitions.count)),
        ])
        try places.commit(Int64(clamping: position.lsn.rawValue), note: note.jsonText)
    }

    private func partition(of key: [UInt8]) -> Int32 {
        let index = Int(producer.partition(of: key, count: producer.partitions.count))
        return producer.partitions[min(max(0, index), producer.partitions.count - 1)]
    }

    private func isThere(_ key: [UInt8], _ batch: ChangeBatch, _ index: Int) -> Bool {
        guard lastPartitionCount > 0,
            let place = last[producer.partition(of: key, count: lastPartitionCount)]
        else { return false }
        return (batch.lsn.rawValue, batch.firstIndex + index) <= (place.lsn, place.index)
    }

    private func send(
        _ batch: ChangeBatch, _ index: Int, key: [UInt8], log: String, to partition: Int32
    ) throws {
        let kind = batch.events[index].kind
        let isEmpty = settings.tombstones && kind == .delete
        let value = isEmpty ? nil : batch.json(at: index, withVectors: settings.withVectors)
        try producer.send(
            KafkaProducer.Message(
                key: key, value: value.map { Array($0.utf8) }, partition: partition,
                headers: [
                    ("apus-log", log), ("apus-lsn", "\(batch.lsn)"),
                    ("apus-index", "\(batch.firstIndex + index)"), ("apus-kind", kind.name),
                ]))
    }
}
