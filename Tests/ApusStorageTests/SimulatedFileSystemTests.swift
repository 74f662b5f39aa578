import ApusStorage
import Dispatch
import TestSupport
import Testing

@Suite struct SimulatedFileSystemTests {
    private let old = Array("old content".utf8)
    private let new = Array("new content, longer".utf8)

    private func disk() -> SimulatedFileSystem { SimulatedFileSystem(directories: ["/db"]) }

    @Test func behavesLikeTheMachinesFileSystem() throws {
        let scratch = try ScratchDirectory()
        for (files, root) in [
            (PosixFileSystem() as any FileSystem, scratch.path), (disk(), "/db"),
        ] {
            let file = try files.open("\(root)/a", .createNew)
            try file.write(old, at: 0)
            try file.write(new, at: 9000)
            #expect(try file.size() == UInt64(9000 + new.count))
            try file.allocate(upTo: 20_000)
            try file.allocate(upTo: 10)
            let bytes = try files.read("\(root)/a")
            #expect(bytes.count == 20_000 && bytes.starts(with: old) && bytes[8999] == 0)
            #expect(Array(bytes[9000..<(9000 + new.count)]) == new && bytes[19_999] == 0)
            let mapped = try files.map("\(root)/a")
            try file.truncate(to: 4)
            try file.truncate(to: 6)
            #expect(try files.read("\(root)/a") == Array("old \0\0".utf8))
            try files.link("\(root)/a", to: "\(root)/b")
            try files.rename("\(root)/a", to: "\(root)/c")
            try file.write([65], at: 0)
            #expect(try files.read("\(root)/b") == Array("Ald \0\0".utf8))
            try files.makeDirectory("\(root)/d")
            #expect(try files.list(root) == ["b", "c", "d"])
            #expect(try files.kind(of: "\(root)/d") == .directory)
            #expect(try files.kind(of: "\(root)/x") == nil)
            #expect(failure { _ = try files.open("\(root)/x", .readWrite) }?.kind == .notFound)
            #expect(failure { _ = try files.open("\(root)/b", .createNew) }?.kind == .alreadyExists)
            #expect(
                failure { try files.link("\(root)/b", to: "\(root)/c") }?.kind == .alreadyExists)
            #expect(failure { try files.makeDirectory("\(root)/d") }?.kind == .alreadyExists)
            #expect(failure { try files.makeDirectory("\(root)/x/y") }?.kind == .notFound)
            #expect(failure { _ = try files.read(root) }?.kind == .io)
            #expect(failure { _ = try files.list("\(root)/b") }?.kind == .notFound)
            let readOnly = try files.open("\(root)/b", .read)
            #expect(failure { try readOnly.write([1], at: 0) }?.kind == .io)
            let lock = try files.lock("\(root)/LOCK", note: "me")
            let refused = failure { _ = try files.lock("\(root)/LOCK", note: "you") }
            #expect(refused?.kind == .locked && refused?.message.contains("me") == true)
            lock.release()
            _ = try files.lock("\(root)/LOCK", note: "you")
            try files.removeTree(root)
            #expect(try files.kind(of: root) == nil)
            // Who mapped the file still reads it.
            #expect(mapped.byteCount == 20_000)
        }
    }

    @Test func bytesAreDurableOnlyAfterASync() throws {
        let files = disk()
        let file = try files.open("/db/a", .createNew)
        try file.write(old, at: 0)
        try files.synchronizeDirectory("/db")
        #expect(try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a").isEmpty)
        try file.synchronize()
        try file.write(new, at: 0)
        let lost = files.afterPowerLoss(.losesEverythingUnsynced)
        #expect(try lost.bytes(of: "/db/a") == old)
        // A killed process has written what it has written.
        let killed = files.afterKill()
        #expect(try killed.bytes(of: "/db/a") == new)
        #expect(
            try killed.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a") == old)
        #expect(try files.bytes(of: "/db/a") == new, "the running machine goes on")
    }

    @Test func namesAreDurableOnlyAfterASyncOfTheirDirectory() throws {
        let files = disk()
        try files.replace("/db/a", with: old)
        #expect(files.afterPowerLoss(.losesEverythingUnsynced).files.isEmpty)
        try files.synchronizeDirectory("/db")
        try files.replace("/db/a", with: new)
        try files.rename("/db/a", to: "/db/b")
        try files.makeDirectory("/db/d")
        try files.replace("/db/d/x", with: old)
        try files.synchronizeDirectory("/db/d")
        let lost = files.afterPowerLoss(.losesEverythingUnsynced)
        #expect(lost.files == ["/db/a": old.count])
        try files.synchronizeDirectory("/db")
        let kept = files.afterPowerLoss(.losesEverythingUnsynced)
        #expect(kept.files == ["/db/b": new.count, "/db/d/x": old.count])
        try files.remove("/db/b")
        #expect(
            try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/b") == new)
        try files.synchronizeDirectory("/db")
        #expect(files.afterPowerLoss(.losesEverythingUnsynced).files.count == 1)
    }

    /// What a disk may do to an unsynced overwrite and a rename behind it: each outcome that
    /// matters comes up, and none that cannot be.
    @Test func aPowerLossLeavesEveryOutcomeThatADiskAllows() throws {
        let files = disk()
        let before = [UInt8](repeating: 1, count: 2000)
        let after = [UInt8](repeating: 2, count: 4000)
        try files.put(before, at: "/db/a")
        let file = try files.open("/db/a", .readWrite)
        try file.write(Array(after[..<3000]), at: 0)
        try file.write(Array(after[3000...]), at: 3000)
        try files.rename("/db/a", to: "/db/b")
        var seen: Set<String> = []
        for seed in UInt64(0)..<400 {
            let lost = files.afterPowerLoss(.losesSome(seed: seed))
            let names = lost.files.keys.sorted()
            #expect(names == ["/db/a"] || names == ["/db/b"])
            let name = try #require(names.first)
            let bytes = try lost.bytes(of: name)
            #expect(bytes == (try files.afterPowerLoss(.losesSome(seed: seed)).bytes(of: name)))
            #expect((2000...4000).contains(bytes.count))
            #expect(bytes.prefix(2000).allSatisfy { $0 == 1 || $0 == 2 })
            #expect(bytes.dropFirst(2000).allSatisfy { $0 == 0 || $0 == 2 })
            if bytes == before { seen.insert("\(name) old") }
            if bytes == after { seen.insert("\(name) new") }
            if bytes.count == 4000, bytes.prefix(2000).allSatisfy({ $0 == 1 }),
                bytes.suffix(2000).allSatisfy({ $0 == 0 })
            {
                seen.insert("zero-filled")
            }
            if bytes.count == 4000, bytes[3500] == 2, bytes.prefix(2000).allSatisfy({ $0 == 1 }) {
                seen.insert("only the later write")
            }
            if let cut = bytes.firstIndex(of: 1), cut > 0, bytes[cut...].allSatisfy({ $0 == 1 }) {
                seen.insert(cut % 512 == 0 ? "cut at a sector" : "cut at a byte")
            }
        }
        #expect(
            seen.isSuperset(of: [
                "/db/a old", "/db/a new", "/db/b old", "/db/b new", "zero-filled",
                "only the later write", "cut at a byte", "cut at a sector",
            ]), "\(seen)")
    }

    @Test func theMachineStopsAtTheChosenCall() throws {
        for call in 0..<4 {
            let files = disk()
            files.change { $0.crashingCall = call }
            let error = failure { try files.replace("/db/a", with: old) }
            #expect(error.map(SimulatedFileSystem.isCrash) == true && files.hasCrashed)
            #expect(failure { _ = try files.list("/db") }.map(SimulatedFileSystem.isCrash) == true)
            #expect(files.controls.callCount == call + 1)
            #expect(try files.afterPowerLoss(.losesEverythingUnsynced).list("/db").isEmpty)
            let killed = files.afterKill()
            #expect(try killed.list("/db").count <= 1)
            try killed.replace("/db/a", with: old)
        }
    }

    @Test func callsFailAsAsked() throws {
        let files = SimulatedFileSystem(directories: ["/db"]) {
            $0.faults = [
                .init(.synchronize, on: "a", afterCalls: 1, count: 1),
                .init(.rename, kind: .outOfSpace), .init(.map, on: "/b"),
            ]
        }
        let file = try files.open("/db/a", .createNew)
        try file.write(old, at: 0)
        try file.synchronize()
        try files.synchronizeDirectory("/db")
        try file.write(new, at: 0)
        #expect(failure { try file.synchronize() }?.kind == .io)
        // The second sync says that all is well; what the first one lost stays lost.
        try file.synchronize()
        try file.write([65], at: 100)
        try file.synchronize()
        #expect(try files.bytes(of: "/db/a").starts(with: new))
        let lost = try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a")
        #expect(lost.starts(with: old + [0]) && lost.last == 65)
        #expect(failure { try files.rename("/db/a", to: "/db/b") }?.kind == .outOfSpace)
        try files.put([1], at: "/db/b")
        #expect(failure { _ = try files.map("/db/b") }?.kind == .io)
        #expect(files.count(of: .synchronize) == 4)
    }

    @Test func aFullDiskTakesAPartAndGoesOnWhenThereIsRoom() throws {
        let files = SimulatedFileSystem(directories: ["/db"]) { $0.capacity = 100 }
        try files.put([UInt8](repeating: 7, count: 60), at: "/db/old")
        let file = try files.open("/db/a", .createNew)
        #expect(
            failure { try file.write([UInt8](repeating: 1, count: 50), at: 0) }?.kind == .outOfSpace
        )
        #expect(try file.size() == 40 && files.usedByteCount == 100)
        #expect(failure { try file.allocate(upTo: 41) }?.kind == .outOfSpace)
        try file.write([UInt8](repeating: 2, count: 40), at: 0)
        try files.remove("/db/old")
        try file.allocate(upTo: 100)
        try file.write([UInt8](repeating: 2, count: 100), at: 0)
        #expect(files.usedByteCount == 100)
    }

    @Test func syncsWaitUntilTheyAreLetGo() throws {
        let files = disk()
        let file = try files.open("/db/a", .createNew)
        try file.write(old, at: 0)
        try files.synchronizeDirectory("/db")
        files.change { $0.holdsSyncs = true }
        let done = DispatchGroup()
        DispatchQueue.global().async(group: done) { try? file.synchronize() }
        files.wait { $0.waitingSyncCount == 1 }
        #expect(try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a").isEmpty)
        files.change { $0.holdsSyncs = false }
        done.wait()
        #expect(try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a") == old)
    }

    @Test func bitsFlipWhereTheTestSays() throws {
        let files = disk()
        try files.put(old, at: "/db/a")
        try files.flip(bit: 3, ofByte: 4, in: "/db/a")
        #expect(try files.read("/db/a") == old.flipping(bit: 3, of: 4))
        #expect(
            try files.afterPowerLoss(.losesEverythingUnsynced).bytes(of: "/db/a")
                == old.flipping(bit: 3, of: 4))
    }

    @Test func longHistoriesOfLargeFilesAreCheap() throws {
        let files = disk()
        let file = try files.open("/db/a", .createNew)
        let block = [UInt8](repeating: 9, count: 1000)
        for number in UInt64(0)..<5000 {
            try file.write(block, at: number * 1000)
            try file.synchronize()
        }
        try file.allocate(upTo: 1 << 30)
        #expect(files.usedByteCount == 1 << 30)
        #expect(try file.size() == 1 << 30)
    }
}
