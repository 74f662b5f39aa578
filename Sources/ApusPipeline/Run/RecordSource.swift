package import ApusCore

/// One thing that a source has, as it is now: a row, a message, a file.
package struct SourceRecord: Sendable {
    package enum Change: Sendable {
        case put(RecordContent)
        case delete
        /// It cannot be read. `raw` is its beginning, for whoever looks into it.
        case malformed(reason: String, raw: String)
    }

    /// Names it within its source, always the same. Malformed records may have none.
    package var key: String
    /// When it was made, in milliseconds since 1970, where the source knows.
    package var time: Int64?
    package var change: Change
    private let makePlace: @Sendable () -> String

    /// Hardly anybody asks for the place of a record, so that it is put into words only then.
    package init(
        key: String, place: @escaping @autoclosure @Sendable () -> String, time: Int64? = nil,
        change: Change
    ) {
        self.key = key
        makePlace = place
        self.time = time
        self.change = change
    }

    /// Where it stands in the source, as a person would look for it.
    package var place: String { makePlace() }
}

/// What a record says.
package struct RecordContent: Sendable {
    package var fields: Payload
    /// The record's text, where it is a document with a form of its own.
    package var document: DocumentText?

    package init(fields: Payload, document: DocumentText? = nil) {
        self.fields = fields
        self.document = document
    }
}

/// Records that follow each other in a source.
package struct SourceBatch: Sendable {
    package var records: [SourceRecord]
    /// Where reading goes on behind them.
    package var position: JSONValue
    /// Records known to wait behind them; nil: not known.
    package var lag: Int?
    /// More is gone than the records say: what the source does not have any more is to be looked for.
    package var needsSweep: Bool

    package init(
        records: [SourceRecord], position: JSONValue, lag: Int? = nil, needsSweep: Bool = false
    ) {
        self.records = records
        self.position = position
        self.lag = lag
        self.needsSweep = needsSweep
    }
}

/// How much a source may hand out at a time: at least one record, and no more of them once they
/// have so many or take so much.
package struct ReadLimit: Hashable, Sendable {
    package var records: Int
    package var bytes: Int

    package init(records: Int, bytes: Int) {
        self.records = records
        self.bytes = bytes
    }
}

/// Records in an order that can be taken up again at any position. One task uses it.
package protocol RecordSource: AnyObject, Sendable {
    /// The next records; nil when there are none for now. Asking again later may give more.
    ///
    /// What cannot be read is a malformed record. Throws `StageError` when nothing more can be read
    /// from here: after a transient one, a source that is opened at the last position goes on.
    func next(_ limit: ReadLimit) async throws -> SourceBatch?
    /// Everything up to a position that it gave is in the collection for good: a run that is killed
    /// does not come back before it.
    func confirm(_ position: JSONValue) async
    /// Gives up what it holds.
    func close() async
}

extension RecordSource {
    package func confirm(_ position: JSONValue) async {}
}

/// A source that can be opened: what a pipeline's declaration names.
package protocol RecordOrigin: Sendable {
    /// Which records these are; positions of another identity mean nothing here.
    var identity: String { get }
    /// Whether `openKeys` shows every record that there is, so that what it does not show has been
    /// deleted.
    var showsAll: Bool { get }
    /// At the start when there is no position.
    func open(at position: JSONValue?) async throws -> any RecordSource
    /// A source that gives every record there is, for its key only, and then ends.
    func openKeys() async throws -> any RecordSource
    /// The same records, of which only the fields of these names (nil: all) and the key are looked
    /// at. A source that can leave out others does.
    func reading(only fields: Set<String>?) -> any RecordOrigin
}

extension RecordOrigin {
    package func reading(only fields: Set<String>?) -> any RecordOrigin { self }

    package func openKeys() async throws -> any RecordSource { try await open(at: nil) }
}
