private import Synchronization

/// The memory that the collections of a database use together.
///
/// Each collection tells the account what it uses whenever that changes, so that a write asks for
/// the sum without a look at the other collections.
final class MemoryAccount: Sendable {
    /// What they may use; nil: no bound, and nobody needs to tell.
    let limit: Int?
    private let used = Atomic<Int>(0)

    init(limit: Int?) { self.limit = limit }

    var usedBytes: Int { used.load(ordering: .relaxed) }

    /// One collection's share of the account.
    final class Share: Sendable {
        private let account: MemoryAccount
        /// nil: closed.
        private let bytes = Mutex<Int?>(0)

        init(of account: MemoryAccount) { self.account = account }

        deinit { close() }

        /// Replaces what the collection uses.
        func set(_ count: Int) { replace(with: count) }

        /// The collection uses nothing any more.
        func close() { replace(with: nil) }

        private func replace(with count: Int?) {
            bytes.withLock { bytes in
                guard let old = bytes else { return }
                account.used.wrappingAdd((count ?? 0) - old, ordering: .relaxed)
                bytes = count
            }
        }
    }
}
