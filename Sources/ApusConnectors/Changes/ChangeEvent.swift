package import ApusCore
private import ApusPipeline

/// What became of one point of a collection.
package struct ChangeEvent: Sendable {
    package enum Kind: Sendable {
        /// It is as `payload` and `vectors` say.
        case upsert
        /// It is gone; it may not have been there.
        case delete
        /// It was like that when a snapshot was taken, which is the state that later events change.
        case snapshot
        /// What was known of the collection holds no more; points of a snapshot follow.
        case snapshotBegin
        /// The snapshot is complete.
        case snapshotEnd
    }

    package var kind: Kind
    /// nil: it concerns no single point.
    package var id: PointID?
    package var payload: Payload
    package var vectors: [String: Vector]

    package init(
        _ kind: Kind, _ id: PointID?, payload: Payload = [:], vectors: [String: Vector] = [:]
    ) {
        self.kind = kind
        self.id = id
        self.payload = payload
        self.vectors = vectors
    }
}

extension ChangeEvent.Kind {
    /// As files and messages say it.
    package var name: String { "\(self)" }
}

/// Events of one version of a collection that follow each other: all of them, or a part.
package struct ChangeBatch: Sendable {
    package var lsn: SequenceNumber
    /// When it was written, in milliseconds since 1970; nil: not known.
    package var time: UInt64?
    /// Of its version's events, which one is the first here. A version has the same events in the same
    /// order whenever it is read.
    package var firstIndex: Int
    package var events: [ChangeEvent]
    /// Nothing more of this version comes.
    package var isLast: Bool

    package init(
        lsn: SequenceNumber, time: UInt64? = nil, firstIndex: Int = 0, events: [ChangeEvent],
        isLast: Bool
    ) {
        self.lsn = lsn
        self.time = time
        self.firstIndex = firstIndex
        self.events = events
        self.isLast = isLast
    }

    /// Without the events before `index`.
    package mutating func drop(before index: Int) {
        let count = min(max(0, index - firstIndex), events.count)
        events.removeFirst(count)
        firstIndex += count
    }
}

extension ChangeBatch {
    /// An event as a JSON object on one line, without the end of the line.
    ///
    /// | member | |
    /// |---|---|
    /// | `lsn`, `index` | the version that has it, and its place there |
    /// | `kind` | `upsert`, `delete`, `snapshot`, `snapshotBegin`, `snapshotEnd` |
    /// | `time_ms` | when it was written, where that is known |
    /// | `id`, `payload` | the point; a deletion has no payload |
    /// | `vector` | if wanted: as `apus export` writes it |
    package func json(at position: Int, withVectors: Bool) -> String {
        let event = events[position]
        var text = "{\"lsn\": \(lsn), \"index\": \(firstIndex + position), "
        text += "\"kind\": \"\(event.kind.name)\""
        if let time { text += ", \"time_ms\": \(time)" }
        if let id = event.id { text += ", \"id\": \(PointText.id(id))" }
        switch event.kind {
        case .upsert, .snapshot:
            text += ", \"payload\": \(JSONValue.object(event.payload).jsonText)"
            if withVectors { text += ", \"vector\": \(PointText.vectors(event.vectors))" }
        case .delete, .snapshotBegin, .snapshotEnd: break
        }
        return text + "}"
    }
}
