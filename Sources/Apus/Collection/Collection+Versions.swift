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
