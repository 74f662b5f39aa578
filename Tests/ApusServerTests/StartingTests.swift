import ApusServer
import Testing

@Suite("While the database is opened, the process lives and is not ready")
struct StartingTests {
    private static func status(_ slot: RESTSlot, _ path: String) async -> Int {
        await slot.answer(
            HTTPCall(method: "GET", target: path, header: { _ in nil }, body: { _ in [] })
        ).status
    }

    @Test func before() async throws {
        let slot = RESTSlot()
        for path in ["/livez", "/healthz"] {
            #expect(await Self.status(slot, path) == 200)
        }
        for path in ["/readyz", "/", "/collections", "/metrics"] {
            #expect(await Self.status(slot, path) == 503)
        }
    }

    @Test func after() async throws {
        let rest = try RESTHarness()
        let slot = RESTSlot()
        slot.service = rest.service
        for path in ["/livez", "/healthz", "/readyz", "/", "/collections", "/metrics"] {
            #expect(await Self.status(slot, path) == 200)
        }
    }
}
