public import ApusCore
private import Dispatch
private import Synchronization

/// Versions that readers keep, to see the same points in several calls.
extension Collection {
    /// Keeps the version that reads see now and returns its number, for `at:` of later reads and
    /// for `ScrollRequest.version`. See `EngineConfiguration.versionsKeptMax` and
    /// `versionKeepSeconds` for how long it is kept.
    public func pinVersion() -> SequenceNumber { pinnedView().lsn }

    /// Lets go of a version that was pinned; nothing happens when it is not kept. Readers that
    /// share it lose it too.
    public func releaseVersion(_ version: SequenceNumber) {
        pins.release(version)
        accountMemory()
    }

    /// The versions that are kept, ascending.
    public var pinnedVersions: [SequenceNumber] {
        pins.removeUnused(now: context.configuration.uptime())
        return pins.versions
    }

    /// The newest version that readers see.
    public var visibleVersion: SequenceNumber { published.withLock { $0.lsn } }

    /// Returns once readers see `version` or a later one, and which it is.
    /// - Throws: `.timeout` when that takes longer than `timeout`, `.unavailable` when the
    ///   collection is closed meanwhile, `CancellationError` when the task is cancelled.
    @discardableResult
    public func waitForVersion(
        _ version: SequenceNumber, within timeout: Duration
    ) async throws -> SequenceNumber {
        if visibleVersion >= version { return visibleVersion }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.waitForVersion(version) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw DatabaseError(
                    .timeout,
                    "Timeout error: version \(version) of collection `\(self.name)` did not come "
                        + "within \(timeout); the newest is \(self.visibleVersion)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        return visibleVersion
    }

    /// The same for as long as it takes.
    func waitForVersion(_ version: SequenceNumber) async throws {
        try await versionWaiters.wait(for: version) { self.visibleVersion >= version }
    }

    var closedError: DatabaseError {
        DatabaseError(.unavailable, "collection `\(name)` is closed")
    }

    /// What a read of the version sees.
    /// - Throws: `.gone` when the version is not kept.
    func view(_ version: ReadVersion) throws -> ReadView {
        switch version {
        case .latest: view()
        case .pin: pinnedView()
        case .number(let number): try view(at: number)
        }
    }

    /// What a read of the version sees; nil: the newest.
    func view(at version: SequenceNumber?) throws -> ReadView {
        guard let version else { return view() }
        if let view = pins.view(of: version, now: context.configuration.uptime()) { return view }
        let kept = pins.versions
        let list = kept.isEmpty ? "none" : kept.map(\.description).joined(separator: ", ")
        throw DatabaseError(
            .gone,
            "Gone: version \(version) of collection `\(name)` is not kept; kept: \(list). A version "
                + "is kept when a read pins it, until \(context.configuration.versionKeepSeconds) "
                + "seconds after its last use, \(pins.countMax) at most")
    }

    private func pinnedView() -> ReadView {
        let view = view()
        pins.pin(view, now: context.configuration.uptime())
        scheduleRelease()
        return view
    }

    /// Looks again when the versions kept now will be due, until none is left: what nobody uses
    /// must go also when nobody comes.
    private func scheduleRelease() {
        guard
            pinTimerIsSet.compareExchange(
                expected: false, desired: true, ordering: .acquiringAndReleasing
            ).exchanged
        else { return }
        setReleaseTimer()
    }

    private func setReleaseTimer() {
        let delay = DispatchTimeInterval.seconds(
            max(1, min(context.configuration.versionKeepSeconds, 1 << 30)))
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + delay) { [weak self] in
            guard let self else { return }
            pins.removeUnused(now: context.configuration.uptime())
            accountMemory()
            guard pins.isEmpty else { return setReleaseTimer() }
            pinTimerIsSet.store(false, ordering: .releasing)
            // A version may have been pinned between the look and the store.
            if !pins.isEmpty { scheduleRelease() }
        }
    }
}
