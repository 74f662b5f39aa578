import ApusCore
import ApusWire

/// What both doors do around every call: find out who calls, keep that in sight while the call is
/// worked on, and write down what became of it.
package struct CallGate: Sendable {
    package let authenticator: Authenticator
    let audit: AuditLog?
    let tracer: Tracer?

    package init(
        authenticator: Authenticator, audit: AuditLog? = nil, tracer: Tracer? = nil
    ) {
        self.authenticator = authenticator
        self.audit = audit
        self.tracer = tracer
    }

    /// Lets everybody in and writes nothing down.
    package static func open() throws -> CallGate {
        CallGate(authenticator: try Authenticator())
    }

    /// The call with its caller. Throws `unauthenticated`; the refusal is written down already.
    package func begin(_ head: CallHead) async throws -> CallContext {
        let span = tracer?.begin(head)
        do {
            let caller =
                head.isOpen
                ? .anonymous
                // Most calls need no `await`: keys, and tokens that were seen before.
                : try await authenticator.authenticate(head.header)
            return CallContext(head: head, caller: caller, span: span)
        } catch {
            refused(head, error, span)
            throw error
        }
    }

    /// The same for a caller who is known already; nil: it takes `begin`, also to refuse the call.
    func beginAtOnce(_ head: CallHead) -> CallContext? {
        guard
            let caller = head.isOpen
                ? .anonymous : (try? authenticator.authenticateAtOnce(head.header))
        else { return nil }
        return CallContext(head: head, caller: caller, span: tracer?.begin(head))
    }

    /// A call that came no further than this.
    package func refused(_ head: CallHead, _ error: any Error, _ span: CallSpan? = nil) {
        let kind = (error as? DatabaseError)?.kind ?? .internalError
        audit?.record(
            head, subject: nil, decisions: [], status: head.door.status(kind), isSuccess: false,
            traceID: span?.place.traceID)
        if let tracer, let span { tracer.end(span, failure: "\(kind)") }
    }

    /// - Parameters:
    ///   - status: of HTTP or gRPC.
    ///   - failure: what kind of error it was; nil: none.
    package func end(_ call: CallContext, status: Int, failure: String?) {
        audit?.record(
            call.head, subject: call.caller.subject, decisions: call.noted, status: status,
            isSuccess: failure == nil, traceID: call.span?.place.traceID)
        guard let tracer, let span = call.span, span.isRecorded else { return }
        span.set([
            "rpc.system": .text(call.head.door.rawValue),
            call.head.door == .rest ? "http.response.status_code" : "rpc.grpc.status_code":
                .integer(Int64(status)),
        ])
        tracer.end(span, failure: failure)
    }
}

extension CallHead.Door {
    func status(_ kind: DatabaseError.Kind) -> Int {
        switch self {
        case .rest: ErrorStatus(kind).http
        case .grpc: ErrorStatus(kind).grpc.rawValue
        }
    }
}
