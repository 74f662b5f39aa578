import ApusCore
import ApusWire
import Synchronization

/// Where the REST door finds what answers its calls: nothing yet, while the database is opened.
///
/// Until then the process lives and is not ready, and says so, so that whoever watches it neither
/// ends it in the middle of a recovery nor sends it calls.
package final class RESTSlot: Sendable {
    private let value = Mutex<RESTService?>(nil)

    package init() {}

    package var service: RESTService? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }

    package func answer(_ call: HTTPCall) async -> HTTPAnswer {
        if let service { return await service.answer(call) }
        if call.target == "/livez" || call.target == "/healthz" {
            return .text("\(call.target.dropFirst()) check passed")
        }
        var answer = HTTPAnswer.json(
            ResponseEncoder.error(
                DatabaseError(.unavailable, "The server is starting: it opens the database"),
                seconds: 0),
            status: 503)
        answer.headers = [("retry-after", "1")]
        return answer
    }
}
