import Apus
import ApusCore
import ApusRPC
import ApusText
import ApusWire
import NIOCore

/// Calls that read points and have to wait for nothing but a thread. Each is one job of a search
/// thread, from decoding to encoding: it costs the event loop nothing but its frames, and no task
/// (docs/adr/0044).
///
/// A call that somebody else has to be asked about first, or that waits for a version, is a task
/// instead, as all others are.
struct ImmediateReads {
    let operations: Operations
    let gate: CallGate

    /// Takes over a call, on the event loop: answers it with what `body` returns or throws, on a search
    /// thread. Refuses it at once where there is no room. False: the call has to be a task.
    func take(
        _ call: RPCCall,
        _ body: @escaping @Sendable (_ start: ContinuousClock.Instant) throws -> RPCReply
    ) -> Bool {
        guard operations.authorizer.policy == nil,
            call.metadata.first(VersionWait.headerName) == nil,
            let context = gate.beginAtOnce(CallHead(call))
        else { return false }
        do throws(DatabaseError) {
            try operations.admission.enterRead()
        } catch {
            finish(call, context, .failure(error))
            return true
        }
        let interruption = Interruption(after: timeout(of: call))
        call.onCancel { interruption.cancel() }
        operations.database.submitRead {
            let reply = Result {
                defer { operations.admission.leaveRead() }
                try interruption.check()
                return try CallContext.$current.withValue(context) {
                    try InferredVectors.$current.withValue(InferredVectors()) {
                        try Interruption.$current.withValue(interruption) {
                            try body(context.start)
                        }
                    }
                }
            }
            finish(call, context, reply)
        }
        return true
    }

    /// What is written down about a call is written before its client hears anything.
    private func finish(
        _ call: RPCCall, _ context: CallContext, _ reply: Result<RPCReply, any Error>
    ) {
        switch reply {
        case .success(let reply):
            gate.end(context, nil)
            call.respond(reply.message, metadata: reply.metadata)
        case .failure(let error):
            let error = RPCError(thrown: error)
            gate.end(context, error)
            call.fail(error)
        }
    }

    private func timeout(of call: RPCCall) -> Duration {
        guard let deadline = call.deadline else { return operations.admission.readTimeout }
        let left = Duration.nanoseconds((deadline - .now()).nanoseconds)
        return min(operations.admission.readTimeout, left)
    }
}
