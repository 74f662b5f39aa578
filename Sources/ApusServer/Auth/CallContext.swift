import ApusCore
import Synchronization

/// The call under way: who makes it, by which door, and what was decided about it on the way. Both
/// doors put it around every call; `Authorizer` and the log look at it.
package final class CallContext: Sendable {
    @TaskLocal package static var current: CallContext?

    package let head: CallHead
    package let caller: Caller
    let span: CallSpan?
    let start = ContinuousClock.now
    private let decisions = Mutex<[Decision]>([])

    struct Decision: Hashable, Sendable {
        var action: Action
        var collection: String?
        var isAllowed: Bool
    }

    package init(head: CallHead, caller: Caller, span: CallSpan? = nil) {
        self.head = head
        self.caller = caller
        self.span = span
    }

    func note(_ action: Action, on collection: String?, isAllowed: Bool) {
        let decision = Decision(action: action, collection: collection, isAllowed: isAllowed)
        decisions.withLock { if !$0.contains(decision) { $0.append(decision) } }
    }

    var noted: [Decision] { decisions.withLock { $0 } }
}

/// What a door knows of a call before anything else.
package struct CallHead: Sendable {
    package enum Door: String, Sendable { case rest, grpc }

    package var door: Door
    /// `POST /collections/{collection}/points/query`, `qdrant.Points/Query`.
    package var method: String
    /// The client's address; nil where there is none.
    package var peer: String?
    /// Answers whoever asks.
    package var isOpen: Bool
    /// The value of a header field; the name is given in lower case.
    package var header: @Sendable (_ name: String) -> String?

    package init(
        door: Door, method: String, peer: String? = nil, isOpen: Bool = false,
        header: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.door = door
        self.method = method
        self.peer = peer
        self.isOpen = isOpen
        self.header = header
    }
}
