import Apus
import ApusCore
import Testing

@Suite struct WriteBatchTests {
    private static func decoded(_ bytes: [UInt8]) throws -> WriteBatch {
        try decoding(bytes) { (reader) throws(MalformedBytes) in try WriteBatch(decoding: &reader) }
    }

    @Test("A batch keeps its time")
    func time() throws {
        let batch = WriteBatch(effects: [.delete(.number(7))], time: 1_700_000_000_123)
        #expect(try Self.decoded(batch.encoded()).time == batch.time)
    }

    @Test("A batch of format 1, which has no time, is read")
    func formatOne() throws {
        // Version 1, no fields, one effect: delete the point with the number 7.
        let batch = try Self.decoded([1, 0, 1, 2, 0, 7])
        #expect(batch.time == 0)
        guard case .delete(.number(7))? = batch.effects.first, batch.effects.count == 1 else {
            Issue.record("\(batch.effects)")
            return
        }
    }

    @Test("A batch of a later format is refused")
    func later() { #expect(throws: MalformedBytes.self) { try Self.decoded([4, 0, 0, 0]) } }
}
