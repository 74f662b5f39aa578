import ApusStorage
import TestSupport
import Testing

@Suite struct LocalBlobStoreTests {
    private static func key(_ text: String) throws -> RelativePath {
        try #require(RelativePath(text))
    }

    @Test(
        "A path that could lead out of its root is no path",
        arguments: [
            "", "/", "/a", "a/", "a//b", "..", "a/../b", ".", "a/.", ".hidden", "a/b.tmp", "a\0b",
            "a\\b", "ä", String(repeating: "a", count: 256), String(repeating: "ab/", count: 400),
        ])
    func paths(text: String) { #expect(RelativePath(text) == nil) }

    @Test("A blob is read as it was put, in whole and in part")
    func put() throws {
        let scratch = try ScratchDirectory()
        let store = LocalBlobStore(directory: scratch.path + "/store")
        let key = try Self.key("a/b/c%20d.bin")
        #expect(try store.size(of: key) == nil)
        #expect(try store.readAll(key) == nil)
        #expect(throws: StorageError.self) { try store.read(key, 0..<1) }
        let bytes = (0..<1000).map { UInt8($0 % 251) }
        #expect(try store.putIfAbsent(key, .bytes(bytes)))
        #expect(try !store.putIfAbsent(key, .bytes([1])))
        #expect(try store.size(of: key) == 1000)
        #expect(try store.readAll(key) == bytes)
        #expect(try store.read(key, 10..<20) == Array(bytes[10..<20]))
        #expect(try store.read(key, 1000..<1000) == [])
        #expect(throws: StorageError.self) { try store.read(key, 999..<1001) }
        #expect(try store.delete(key))
        #expect(try !store.delete(key))
        #expect(try store.list(prefix: "") == [])
    }

    @Test("A file is shared or copied, and later stays what it was")
    func file() throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
        // Linking works, fails as between disks, or always, where there are no links.
        let noLink = [SimulatedFileSystem.Fault(.link, count: 1)]
        for faults in [[], noLink, [SimulatedFileSystem.Fault(.link)]] {
            let disk = SimulatedFileSystem(directories: ["/db"]) { $0.faults = faults }
            try disk.put(bytes, at: "/db/source")
            let store = LocalBlobStore(fileSystem: disk, directory: "/db/store")
            let key = try Self.key("x")
            #expect(try store.putIfAbsent(key, .file(path: "/db/source")))
            #expect(try !store.putIfAbsent(key, .file(path: "/db/source")))
            try disk.remove("/db/source")
            #expect(try store.readAll(key) == bytes)
            #expect(try disk.list("/db/store") == ["x"])
        }
    }

    @Test("Of many that put one key at once, exactly one wins, and its bytes are there")
    func concurrentPuts() async throws {
        let scratch = try ScratchDirectory()
        let store = LocalBlobStore(directory: scratch.path + "/store")
        for round in 0..<8 {
            let key = try Self.key("deep/\(round)/blob")
            let winners = await withTaskGroup(of: UInt8?.self) { group in
                for writer in UInt8(0)..<8 {
                    group.addTask {
                        let content = BlobContent.bytes(.init(repeating: writer, count: 5000))
                        return (try? store.putIfAbsent(key, content)) == true ? writer : nil
                    }
                }
                return await group.reduce(into: [UInt8]()) { winners, winner in
                    if let winner { winners.append(winner) }
                }
            }
            #expect(winners.count == 1)
            let winner = try #require(winners.first)
            #expect(try store.readAll(key) == .init(repeating: winner, count: 5000))
        }
        #expect(try store.list(prefix: "deep/").count == 8)
    }

    @Test("A swap happens only on the version that it expects")
    func swap() throws {
        let scratch = try ScratchDirectory()
        let store = LocalBlobStore(directory: scratch.path + "/store")
        let key = try Self.key("pointer")
        #expect(try store.readVersioned(key) == nil)
        let first = try #require(try store.compareAndSwap(key, from: nil, to: [1]))
        #expect(try store.compareAndSwap(key, from: nil, to: [2]) == nil)
        let second = try #require(try store.compareAndSwap(key, from: first, to: [2]))
        #expect(try store.compareAndSwap(key, from: first, to: [3]) == nil)
        let found = try #require(try store.readVersioned(key))
        #expect(found.bytes == [2])
        #expect(found.version == second)
        #expect(try store.list(prefix: "") == [key])
    }

    @Test("A list has the keys that start with the text, and nothing unfinished")
    func list() throws {
        let scratch = try ScratchDirectory()
        let store = LocalBlobStore(directory: scratch.path + "/store")
        for text in ["a/1", "a/10", "a/2/x", "ab/1", "b"] {
            _ = try store.putIfAbsent(Self.key(text), .bytes([0]))
        }
        try PosixFileSystem().replace(scratch.path + "/store/a/rest", with: [1])
        try PosixFileSystem().rename(
            scratch.path + "/store/a/rest", to: scratch.path + "/store/a/3.0f.tmp")
        func keys(_ prefix: String) throws -> [String] {
            try store.list(prefix: prefix).map(\.description)
        }
        #expect(try keys("") == ["a/1", "a/10", "a/2/x", "ab/1", "b"])
        #expect(try keys("a") == ["a/1", "a/10", "a/2/x", "ab/1"])
        #expect(try keys("a/") == ["a/1", "a/10", "a/2/x"])
        #expect(try keys("a/1") == ["a/1", "a/10"])
        #expect(try keys("a/2/") == ["a/2/x"])
        #expect(try keys("c/") == [])
        #expect(try keys("../") == [])
        try store.removeRemains(prefix: "a/")
        #expect(try PosixFileSystem().list(scratch.path + "/store/a") == ["1", "10", "2"])
    }
}
