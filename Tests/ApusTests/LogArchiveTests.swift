import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("What the archive of the log has")
struct LogArchiveTests {
    /// Returns when the thread for snapshots has done what was queued.
    private static func settle(_ database: Database) async throws {
        try await database.performSnapshotWork {}
    }

    @Test("A dropped collection can be restored with all that was acknowledged")
    func drop() throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...5, to: points)
        try points.seal()
        try fixture.write(6...9, to: points)
        #expect(try database.dropCollection("c"))
        try database.close()
        let report = try fixture.restore()
        #expect(report.collections.map(\.sequenceNumber) == [SequenceNumber(9)])
        #expect(try fixture.ids(of: "c") == Array(1...9))
    }

    @Test("Writes that race with a drop are refused, or acknowledged and in the archive")
    func dropUnderWrites() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        let writers = (0..<4).map { writer in
            Task { () -> [Int] in
                var acknowledged: [Int] = []
                for number in 0..<10_000 {
                    let id = number * 4 + writer
                    do {
                        try await points.upsert([
                            Point(id: .number(UInt64(id)), vector: [1, Float(id)])
                        ])
                    } catch {
                        break
                    }
                    acknowledged.append(id)
                }
                return acknowledged
            }
        }
        while points.info().sequenceNumber < SequenceNumber(50) { await Task.yield() }
        #expect(try await database.perform { try database.dropCollection("c") })
        var acknowledged: Set<Int> = []
        for writer in writers { acknowledged.formUnion(await writer.value) }
        try database.close()
        _ = try fixture.restore()
        let missing = acknowledged.subtracting(try fixture.ids(of: "c"))
        #expect(missing.isEmpty, "acknowledged: \(acknowledged.count)")
    }

    @Test("A collection stays while its log cannot be archived, and goes on taking writes")
    func dropWithoutArchive() throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...3, to: points)
        let snapshot = try points.createSnapshot()
        try fixture.write(4...4, to: points)
        fixture.disk.change { $0.faults = [.init(nil, on: "/d/archive/log/")] }
        let source = SnapshotSource.snapshot(name: snapshot.name, collection: "c")
        let attempts: [() throws -> Void] = [
            { _ = try database.dropCollection("c") },
            { try database.restoreCollection("c", from: source, replacing: true) },
        ]
        for attempt in attempts {
            let error = #expect(throws: DatabaseError.self) { try attempt() }
            #expect(error?.message.contains("cannot be archived") == true)
        }
        try fixture.write(5...5, to: points)
        #expect(try ArchivedDatabase.ids(database.collection("c")) == Array(1...5))
        fixture.disk.change { $0.faults = [] }
        #expect(try database.dropCollection("c"))
        try database.close()
        _ = try fixture.restore()
        #expect(try fixture.ids(of: "c") == Array(1...5))
    }

    @Test("A restored collection follows its own way, and what it replaced can be restored too")
    func replaced() throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...3, to: points)
        let snapshot = try points.createSnapshot()
        try fixture.write(4...6, to: points)
        let before = fixture.clock.timestamp
        fixture.clock.now += 1_000
        try database.restoreCollection(
            "c", from: .snapshot(name: snapshot.name, collection: "c"), replacing: true)
        let restored = try database.collection("c")
        #expect(restored.archiveState?.failure == nil)
        fixture.clock.now += 1_000
        try fixture.write(14...17, to: restored)
        let middle = fixture.clock.timestamp
        try fixture.write(18...19, to: restored)
        try database.close()
        _ = try fixture.restore(into: "/d/latest")
        #expect(try fixture.ids(of: "c", in: "/d/latest") == [1, 2, 3] + (14...19))
        _ = try fixture.restore(to: .time(middle), into: "/d/middle")
        #expect(try fixture.ids(of: "c", in: "/d/middle") == [1, 2, 3] + (14...17))
        let exact = RestoreTarget.sequenceNumber(SequenceNumber(5))
        _ = try fixture.restore(to: exact, into: "/d/exact")
        #expect(try fixture.ids(of: "c", in: "/d/exact") == [1, 2, 3, 14, 15])
        _ = try fixture.restore(to: .time(before), into: "/d/before")
        #expect(try fixture.ids(of: "c", in: "/d/before") == Array(1...6))
    }

    @Test("A restored collection is the newest, also when the clock was set back")
    func clockSetBack() throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...3, to: points)
        let snapshot = try points.createSnapshot()
        fixture.clock.now -= 60_000
        try database.restoreCollection(
            "c", from: .snapshot(name: snapshot.name, collection: "c"), replacing: true)
        try fixture.write(4...4, to: database.collection("c"))
        try database.close()
        _ = try fixture.restore()
        #expect(try fixture.ids(of: "c") == Array(1...4))
    }

    /// Runs `work` once for each call that changes something on disk, with a crash at that call and
    /// a power loss, and then `check` on the disk that the next start finds.
    private static func crashEverywhere(
        _ prepare: (ArchivedDatabase) throws -> Database, _ work: (Database) throws -> Void,
        _ check: (ArchivedDatabase, Comment) async throws -> Void
    ) async throws {
        let whole = ArchivedDatabase()
        let database = try prepare(whole)
        let first = whole.disk.controls.callCount
        try work(database)
        let calls = first..<whole.disk.controls.callCount
        try database.close()
        #expect(calls.count > 20)
        for call in calls {
            let fixture = ArchivedDatabase(seed: UInt64(call))
            let database = try prepare(fixture)
            fixture.disk.change { $0.crashingCall = call }
            try? work(database)
            guard fixture.disk.hasCrashed else { continue }
            try? database.close()
            for loss in [PowerLoss.losesEverythingUnsynced, .losesSome(seed: UInt64(call))] {
                let later = ArchivedDatabase(fixture.disk.afterPowerLoss(loss), fixture.clock)
                try await check(later, "call \(call), \(loss)")
            }
        }
    }

    @Test("A crash at any call of a drop leaves the collection, or all of it in the archive")
    func crashInDrop() async throws {
        try await Self.crashEverywhere { fixture in
            let database = try fixture.open()
            let points = try database.createCollection("c", ArchivedDatabase.settings)
            try fixture.write(1...3, to: points)
            try points.seal()
            try fixture.write(4...6, to: points)
            return database
        } _: { database in
            _ = try database.dropCollection("c")
        } _: { later, place in
            let database = try later.open()
            if database.hasCollection("c") {
                #expect(
                    try ArchivedDatabase.ids(database.collection("c")) == Array(1...6), place)
            }
            try database.close()
            _ = try later.restore()
            #expect(try later.ids(of: "c") == Array(1...6), place)
        }
    }

    @Test("A crash at any call of a restore leaves an archive that goes on with what is there")
    func crashInRestore() async throws {
        try await Self.crashEverywhere { fixture in
            let database = try fixture.open()
            let points = try database.createCollection("c", ArchivedDatabase.settings)
            try fixture.write(1...3, to: points)
            try points.createSnapshot()
            try fixture.write(4...6, to: points)
            return database
        } _: { database in
            let snapshot = try #require(try database.collection("c").snapshots().first)
            try database.restoreCollection(
                "c", from: .snapshot(name: snapshot.name, collection: "c"), replacing: true)
        } _: { later, place in
            let database = try later.open()
            try await Self.settle(database)
            let points = try database.collection("c")
            #expect(points.archiveState?.failure == nil, place)
            try later.write(10...11, to: points)
            let there = try ArchivedDatabase.ids(points)
            #expect([[1, 2, 3, 10, 11], Array(1...6) + [10, 11]].contains(there), place)
            try database.close()
            _ = try later.restore()
            #expect(try later.ids(of: "c") == there, place)
        }
    }

    @Test("A collection that was made without an archive can be restored after a start with one")
    func openedLater() async throws {
        let fixture = ArchivedDatabase()
        var database = try fixture.open(isArchiving: false)
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...3, to: points)
        try database.close()
        #expect(throws: DatabaseError.self) { try fixture.restore() }
        for _ in 0..<2 {
            database = try fixture.open()
            try await Self.settle(database)
            #expect(try fixture.files("bases/c/").count == 1)
            try database.close()
        }
        database = try fixture.open()
        try fixture.write(4...5, to: database.collection("c"))
        try database.close()
        _ = try fixture.restore()
        #expect(try fixture.ids(of: "c") == Array(1...5))
    }

    @Test("A base that could not be made is made later")
    func baseLater() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        fixture.disk.change { $0.faults = [.init(nil, on: "/d/archive")] }
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        #expect(points.archiveState?.failure != nil)
        fixture.disk.change { $0.faults = [] }
        try fixture.write(1...3, to: points)
        try await database.perform { try points.seal() }
        try await Self.settle(database)
        // Not at once again: it takes long where much is there.
        #expect(points.archiveState?.failure != nil)
        fixture.clock.now += 120_000
        try fixture.write(4...5, to: points)
        try await database.perform { try points.seal() }
        try await Self.settle(database)
        #expect(points.archiveState?.failure == nil)
        #expect(try fixture.files("bases/c/").count == 1)
        try fixture.write(6...7, to: points)
        try database.close()
        _ = try fixture.restore()
        #expect(try fixture.ids(of: "c") == Array(1...7))
    }

    @Test("A collection that was made after the target's time is left out, and named")
    func younger() throws {
        let fixture = ArchivedDatabase()
        let start = fixture.clock.timestamp
        fixture.clock.now += 1_000
        let database = try fixture.open()
        let old = try database.createCollection("old", ArchivedDatabase.settings)
        try fixture.write(1...3, to: old)
        let target = fixture.clock.timestamp
        fixture.clock.now += 1_000
        let created = fixture.clock.timestamp
        let young = try database.createCollection("young", ArchivedDatabase.settings)
        try fixture.write(4...5, to: young)
        try fixture.write(6...7, to: old)
        try database.close()
        let report = try fixture.restore(to: .time(target))
        #expect(report.collections.map(\.collection) == ["old"])
        #expect(report.leftOut.map(\.collection) == ["young"])
        #expect(report.leftOut.map(\.createdAt) == [created])
        #expect(try fixture.ids(of: "old") == [1, 2, 3])
        let named = #expect(throws: DatabaseError.self) {
            try fixture.restore(to: .time(target), into: "/d/named") {
                $0.collections = ["old", "young"]
            }
        }
        #expect(named?.message.contains("`young`") == true)
        let early = #expect(throws: DatabaseError.self) {
            try fixture.restore(to: .time(start), into: "/d/early")
        }
        #expect(early?.kind == .notFound)
        let both = try fixture.restore(into: "/d/both") {
            $0.collections = ["young", "old", "young"]
        }
        #expect(both.collections.map(\.collection) == ["young", "old"])
    }

    @Test("A collection whose beginning is not known is not left out")
    func unknownBeginning() throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open(isArchiving: false)
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...3, to: points)
        let target = fixture.clock.timestamp
        fixture.clock.now += 1_000
        try points.createSnapshot()
        try database.close()
        let error = #expect(throws: DatabaseError.self) {
            try fixture.restore(to: .time(target))
        }
        #expect(error?.message.contains("the oldest is of batch 3") == true)
    }
}
