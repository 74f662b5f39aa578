import ApusKernels
import Testing

@Suite struct SIMDLevelTests {
    @Test func noValueMeansTheBestThatTheProcessorHas() throws {
        #expect(try SIMDLevel.resolve(nil) == .best)
        #expect(try SIMDLevel.resolve("") == .best)
        #expect(SIMDLevel.best.isSupported)
    }

    @Test func everySupportedLevelCanBeForced() throws {
        for level in SIMDLevel.allCases where level.isSupported {
            #expect(try SIMDLevel.resolve(level.rawValue) == level)
        }
        #expect(SIMDLevel.scalar.isSupported)
    }

    @Test func unknownAndUnsupportedLevelsAreErrorsThatNameTheChoices() {
        #expect(throws: KernelError.unknownLevel("AVX2")) { try SIMDLevel.resolve("AVX2") }
        for level in SIMDLevel.allCases where !level.isSupported {
            #expect(throws: KernelError.unsupportedLevel(level)) {
                try SIMDLevel.resolve(level.rawValue)
            }
            #expect("\(KernelError.unsupportedLevel(level))".contains("scalar"))
        }
        #expect("\(KernelError.unknownLevel("x"))".contains("avx512"))
    }
}
