/// Why a part of a pipeline that is not under our control did not do its work: a source, an
/// embedder, a sink. What the part said is in the message.
package struct StageError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// It may work later: overload, lost connections, a server that starts. With the time to
        /// wait that it asked for.
        case transient(after: Duration?)
        /// It works, and refuses what it was given.
        case refused
        /// It does not work, and trying again is of no use: credentials, addresses, answers that
        /// contradict what was declared.
        case fatal
    }

    package var kind: Kind
    /// Which part, as a reader of the pipeline's file knows it.
    package var stage: String
    package var message: String

    package init(_ kind: Kind, stage: String, _ message: String) {
        self.kind = kind
        self.stage = stage
        self.message = message
    }

    package var description: String { "\(stage): \(message)" }

    package var isTransient: Bool {
        if case .transient = kind { true } else { false }
    }
}
