import ApusKernels
import Testing

@Suite struct CRC32CTests {
    @Test func theCheckValueOfTheStandardComesOut() {
        let text = Array("123456789".utf8)
        unsafe text.withUnsafeBytes { unsafe #expect(CRC32C.checksum($0) == 0xE306_9283) }
        unsafe text.withUnsafeBytes { unsafe #expect(CRC32C.tableChecksum($0) == 0xE306_9283) }
    }

    @Test func instructionsAndTableAgreeAtEveryLengthAndAlignment() {
        var state: UInt64 = 7
        let bytes = (0..<60_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let lengths =
            Array(0...130) + [767, 768, 769, 1537, 12_287, 12_288, 12_289, 30_001, 59_980]
        unsafe bytes.withUnsafeBytes { all in
            for length in lengths {
                for start in 0..<9 {
                    let part = unsafe UnsafeRawBufferPointer(
                        rebasing: all[start..<(start + length)])
                    let seed = UInt32(truncatingIfNeeded: length &* 2_654_435_761)
                    unsafe #expect(
                        CRC32C.checksum(part, seed: seed) == CRC32C.tableChecksum(part, seed: seed))
                }
            }
        }
    }

    @Test func aChecksumGoesOnFromTheOneBefore() {
        let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        unsafe bytes.withUnsafeBytes { all in
            let whole = unsafe CRC32C.checksum(all)
            for cut in [0, 1, 8, 4095, 12_289, 20_000] {
                let head = unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: all[..<cut]))
                let tail = unsafe UnsafeRawBufferPointer(rebasing: all[cut...])
                unsafe #expect(CRC32C.checksum(tail, seed: head) == whole)
            }
        }
    }
}
