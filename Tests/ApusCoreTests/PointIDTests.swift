import ApusCore
import Testing

@Suite struct PointIDTests {
    private static let uuid = UUIDBytes(high: 0x936d_a01f_0abd_4d9d, low: 0x80c7_02af_85c8_22a8)

    @Test(arguments: [
        "936da01f-0abd-4d9d-80c7-02af85c822a8", "936DA01F0ABD4D9D80C702AF85C822A8",
        "{936da01f-0abd-4d9d-80c7-02AF85C822A8}", "{936da01f0abd4d9d80c702af85c822a8}",
        "urn:uuid:936da01f-0abd-4d9d-80c7-02af85c822a8",
        "urn:uuid:936da01f0abd4d9d80c702af85c822a8",
    ])
    func formsOfAUUIDReadAsIt(text: String) { #expect(UUIDBytes(text) == Self.uuid) }

    @Test(arguments: [
        "", "{", "{}", "}", "urn:uuid:", "936da01f-0abd-4d9d-80c7-02af85c822a",
        "936da01f-0abd-4d9d-80c7-02af85c822a8a", "936da01f00abd-4d9d-80c7-02af85c822a8",
        "936da01f-0abd-4d9d-80c7-02af85c822g8", "936da01f0abd4d9d80c702af85c822a-",
        "{936da01f-0abd-4d9d-80c7-02af85c822a8", "936da01f0abd4d9d80c702af85c822\u{e4}",
        "{936da01f0abd4d9d80c702af85c8}", "urn:uuid:{936da01f-0abd-4d9d-80c7-02af85c822a8",
    ])
    func otherTextsAreNone(text: String) { #expect(UUIDBytes(text) == nil) }

    @Test(arguments: [
        (UUIDBytes(high: 0, low: 0), "00000000-0000-0000-0000-000000000000"),
        (UUIDBytes(high: .max, low: .max), "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (UUIDBytes(high: 0x0123_4567_89ab_cdef, low: 1), "01234567-89ab-cdef-0000-000000000001"),
        (uuid, "936da01f-0abd-4d9d-80c7-02af85c822a8"),
    ])
    func aUUIDIsWrittenWithHyphens(uuid: UUIDBytes, text: String) {
        #expect(uuid.description == text)
        #expect(uuid.digits == text.filter { $0 != "-" })
    }
}
