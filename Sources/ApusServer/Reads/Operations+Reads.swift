import Apus
import ApusCore
import ApusText

/// How reads are carried out: who may read is found out first, what it waits for is waited for, and
/// then one search thread does all of it.
extension Operations {
    /// Throws `permissionDenied` or `unauthenticated`, whether or not there is such a collection;
    /// `resourceExhausted` where there is no room for it.
    package func read<Value>(_ read: Read<Value>) async throws -> Value {
        let filter = try await authorize(.read, read.collection)
        var others: [String: PermittedRead.Scope] = [:]
        for name in read.others.sorted() {
            others[name] = try scope(of: name, try await authorize(.read, name))
        }
        let permitted = try permit(read, filter, others)
        try await CallReading.waitForVersion(in: permitted.collection)
        return try await admission.admitting(.read) {
            let call = CallValues()
            let start = ContinuousClock.now
            return try await database.perform {
                try call.restored { try read.body(permitted.waiting(since: start)) }
            }
        }
    }

    /// The same at once, on a search thread, for a read that was admitted before it got there and
    /// whose caller nobody else has to be asked about.
    func readAtOnce<Value>(
        _ read: Read<Value>, since start: ContinuousClock.Instant
    ) throws -> Value {
        let filter = try authorizeAtOnce(.read, read.collection)
        var others: [String: PermittedRead.Scope] = [:]
        for name in read.others.sorted() {
            others[name] = try scope(of: name, try authorizeAtOnce(.read, name))
        }
        return try read.body(try permit(read, filter, others).waiting(since: start))
    }

    private func permit<Value>(
        _ read: Read<Value>, _ filter: Filter?, _ others: [String: PermittedRead.Scope]
    ) throws -> PermittedRead {
        let (collection, filter) = try scope(of: read.collection, filter)
        try CallReading.checkTimeout(in: collection)
        return PermittedRead(
            collection: collection, filter: filter, others: others, watch: watch)
    }

    private func scope(of name: String, _ filter: Filter?) throws -> PermittedRead.Scope {
        (try database.collection(name), filter)
    }
}

/// What belongs to the call of the task that makes it, to be taken to another thread.
private struct CallValues: Sendable {
    private let context = CallContext.current
    private let reading = CallReading.current
    private let inferred = InferredVectors.current
    private let said = CallModels.said

    func restored<Value>(_ body: () throws -> Value) rethrows -> Value {
        try CallContext.$current.withValue(context) {
            try CallReading.$current.withValue(reading) {
                try InferredVectors.$current.withValue(inferred) {
                    try CallModels.$said.withValue(said, operation: body)
                }
            }
        }
    }
}
