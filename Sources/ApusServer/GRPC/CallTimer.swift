/// Measures how long a call takes on the server, for the `time` of its answer.
struct CallTimer {
    private let start = ContinuousClock.now

    var seconds: Double { (ContinuousClock.now - start).seconds }
}
