private import Foundation
import Synchronization

/// A finished piece of work within a trace.
struct Span: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case text(String)
        case integer(Int64)
        case double(Double)
        case bool(Bool)
    }

    /// The numbers are OTLP's.
    enum Kind: UInt64, Hashable, Sendable {
        case `internal` = 1
        case server = 2
    }

    /// Of the span itself.
    var place: TraceParent
    /// The span that this is part of; nil: the trace begins here.
    var parentID: UInt64?
    var name: String
    var kind: Kind
    /// Since 1970.
    var startNanoseconds: UInt64
    var endNanoseconds: UInt64
    var attributes: [String: Value] = [:]
    /// What went wrong; nil: nothing.
    var failure: String?
}

/// The span of a call under way: attributes and parts are added until it ends.
package final class CallSpan: Sendable {
    let place: TraceParent
    private let parentID: UInt64?
    private let name: String
    private let start: UInt64
    private let state = Mutex<(attributes: [String: Span.Value], parts: [Span])>(([:], []))

    init(name: String, place: TraceParent, parentID: UInt64?) {
        self.name = name
        self.place = place
        self.parentID = parentID
        start = Self.now
    }

    /// Nobody keeps this one; its trace's number still goes into log lines.
    var isRecorded: Bool { place.isSampled }

    func set(_ attributes: [String: Span.Value]) {
        guard isRecorded else { return }
        state.withLock { $0.attributes.merge(attributes) { _, new in new } }
    }

    /// A part of the call that took `duration` and began so long after the call did.
    func addPart(
        _ name: String, after delay: Duration, duration: Duration,
        attributes: [String: Span.Value] = [:]
    ) {
        guard isRecorded else { return }
        var place = place
        place.spanID = Self.newID()
        let begin = start &+ delay.wholeNanoseconds
        let part = Span(
            place: place, parentID: self.place.spanID, name: name, kind: .internal,
            startNanoseconds: begin, endNanoseconds: begin &+ duration.wholeNanoseconds,
            attributes: attributes)
        state.withLock { $0.parts.append(part) }
    }

    /// How long it has been going on.
    var age: Duration { .nanoseconds(Int64(clamping: Self.now &- start)) }

    /// Ends it: itself and its parts.
    func finish(failure: String?) -> [Span] {
        let (attributes, parts) = state.withLock { $0 }
        return [
            Span(
                place: place, parentID: parentID, name: name, kind: .server,
                startNanoseconds: start, endNanoseconds: max(start, Self.now),
                attributes: attributes, failure: failure)
        ] + parts
    }

    static func newID() -> UInt64 { .random(in: 1 ... .max) }

    private static var now: UInt64 {
        UInt64(max(0, Date().timeIntervalSince1970) * 1e9)
    }
}

extension Duration {
    /// Not negative.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) &* 1_000_000_000
            &+ UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}
