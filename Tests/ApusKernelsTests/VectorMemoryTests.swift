import ApusKernels
import Testing

@Suite struct VectorMemoryTests {
    @Test func rowsFillWholeCacheLinesOrPartOfOne() {
        let strides = [1: 1, 2: 2, 3: 4, 5: 8, 9: 16, 16: 16, 17: 32, 100: 112, 128: 128, 384: 384]
        for (dimension, stride) in strides {
            #expect(VectorSpace.stride(dimension: dimension) == stride)
        }
    }

    @Test func anArenaGivesBackWhatWasStored() throws {
        let arena = try VectorArena(dimension: 5, capacity: 1_000_000)
        for row in [0, 1, 77, 999_999] {
            arena.store((0..<5).map { Float(row + $0) }, at: row)
        }
        for row in [0, 1, 77, 999_999] {
            #expect(arena.space.vector(at: row) == (0..<5).map { Float(row + $0) })
        }
        #expect(arena.space.vector(at: 500) == [0, 0, 0, 0, 0])
    }

    @Test func theBytesOfAnArenaAreASpaceAgain() throws {
        let arena = try VectorArena(dimension: 20, capacity: 10)
        for row in 0..<10 { arena.store(noise(count: 20, seed: UInt64(row)), at: row) }
        unsafe arena.withBytes(count: 10) { bytes in
            #expect(bytes.count == 10 * 32 * 4)
            let space = unsafe VectorSpace(section: bytes, dimension: 20, count: 10)
            #expect(space?.vector(at: 9) == arena.space.vector(at: 9))
            unsafe #expect(VectorSpace(section: bytes, dimension: 20, count: 11) == nil)
            let odd = unsafe UnsafeRawBufferPointer(rebasing: bytes[1...])
            unsafe #expect(VectorSpace(section: odd, dimension: 20, count: 1) == nil)
        }
    }

    @Test func aReservationThatCannotBeIsAnError() {
        #expect(throws: KernelError.self) { try ReservedMemory(byteCount: .max) }
        #expect(throws: KernelError.self) { try VectorArena(dimension: 4096, capacity: .max) }
    }
}
