import ApusStorage
import TestSupport
import Testing

@Suite("Reserved space")
struct ReservedSpaceTests {
    private static let megabyte = 1 << 20

    private static func disk(_ megabytes: Int) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        try disk.makeDirectory("/db")
        disk.change { $0.capacity = megabytes * megabyte }
        return disk
    }

    private static func write(_ megabytes: Int, to name: String, on disk: SimulatedFileSystem)
        throws
    {
        let file = try disk.open("/db/\(name)", .createEmpty)
        try file.write([UInt8](repeating: 1, count: megabytes * megabyte), at: 0)
    }

    @Test("Work that meets the end of the disk gets the reserve, which is taken again after it")
    func lending() throws {
        let disk = try Self.disk(64)
        let reserve = ReservedSpace(
            fileSystem: disk, directory: "/db", byteCount: UInt64(8 * Self.megabyte))
        reserve.refill()
        #expect(try disk.freeByteCount(of: "/db") == UInt64(56 * Self.megabyte))
        try Self.write(54, to: "data", on: disk)

        #expect(throws: StorageError.self) { try Self.write(6, to: "more", on: disk) }
        try disk.remove("/db/more")
        var attempts = 0
        try reserve.lending {
            attempts += 1
            try Self.write(6, to: "merged", on: disk)
            try disk.remove("/db/data")
        }
        #expect(attempts == 2)
        #expect(try disk.kind(of: "/db/merged") == .file)
        #expect(
            try disk.freeByteCount(of: "/db") == UInt64(50 * Self.megabyte), "all of it is back")
    }

    @Test("Other errors and a disk that is full all the same come through")
    func failures() throws {
        let disk = try Self.disk(16)
        let reserve = ReservedSpace(
            fileSystem: disk, directory: "/db", byteCount: UInt64(8 * Self.megabyte))
        reserve.refill()
        #expect(
            try disk.freeByteCount(of: "/db") == UInt64(14 * Self.megabyte), "an eighth at most")
        let damage = StorageError(.corrupt, path: "/db/x", "damaged")
        #expect(throws: damage) { try reserve.lending { throw damage } }
        #expect(try disk.kind(of: "/db/RESERVE") == .file)
        let full = #expect(throws: StorageError.self) {
            try reserve.lending { try Self.write(20, to: "large", on: disk) }
        }
        #expect(full?.kind == .outOfSpace)
    }

    @Test("A name without space, as a crash leaves it, is no reserve")
    func empty() throws {
        let disk = try Self.disk(16)
        _ = try disk.open("/db/RESERVE", .createEmpty)
        let reserve = ReservedSpace(fileSystem: disk, directory: "/db", byteCount: 1 << 20)
        reserve.refill()
        #expect(disk.usedByteCount == 1 << 20)
    }

    @Test("The next process finds the reserve of the one before")
    func reopening() throws {
        let disk = try Self.disk(16)
        ReservedSpace(fileSystem: disk, directory: "/db", byteCount: 1 << 20).refill()
        try Self.write(15, to: "data", on: disk)
        let next = ReservedSpace(fileSystem: disk, directory: "/db", byteCount: 1 << 20)
        try next.lending { try Self.write(1, to: "more", on: disk) }
        #expect(try disk.kind(of: "/db/RESERVE") == nil)
    }
}
