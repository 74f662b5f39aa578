import ApusServer
import Testing

@Suite("The header traceparent is read as W3C Trace Context says")
struct TraceParentTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"

    @Test func reads() throws {
        let place = try #require(TraceParent(header: "00-\(Self.id)-00f067aa0ba902b7-01"))
        #expect(place.traceID == Self.id)
        #expect(place.spanID == 0x00f0_67aa_0ba9_02b7)
        #expect(place.isSampled)
        #expect(TraceParent(header: "00-\(Self.id)-00f067aa0ba902b7-00")?.isSampled == false)
    }

    @Test("A later version may say more; the first may not")
    func versions() {
        #expect(TraceParent(header: "01-\(Self.id)-00f067aa0ba902b7-01-more") != nil)
        #expect(TraceParent(header: "00-\(Self.id)-00f067aa0ba902b7-01-more") == nil)
        #expect(TraceParent(header: "ff-\(Self.id)-00f067aa0ba902b7-01") == nil)
    }

    @Test(
        "Anything else begins a trace of its own",
        arguments: [
            "", "00", "00-\(id)-00f067aa0ba902b7", "00-\(id)-0000000000000000-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-\(id.uppercased())-00f067aa0ba902b7-01", "00-\(id)x-00f067aa0ba902b7-01",
            "00-\(id)-00f067aa0ba902b-01", "00-\(id)-00f067aa0ba902b7-0g",
        ])
    func refuses(header: String) { #expect(TraceParent(header: header) == nil) }
}
