/// Measures how long a call takes on the server, for the `time` of its answer: also while it waits for
/// a thread.
struct CallTimer {
    private let start = CallContext.current?.start ?? .now

    var seconds: Double { (ContinuousClock.now - start).seconds }
}
