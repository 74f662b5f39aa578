import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Damage")
struct DamageTests {
    /// For each file some of its bytes, in each one bit.
    private func flips(
        _ fixture: DamagedDatabase, perFile count: Int, seed: UInt64
    ) -> [(path: String, byte: Int, bit: Int)] {
        var generator = SeededGenerator(seed: seed)
        let sizes = fixture.disk.files
        return fixture.filePaths.flatMap { path in
            let size = sizes[path] ?? 0
            let step = max(1, size / count)
            return stride(from: 0, to: size, by: step).map { start in
                let byte = min(size - 1, start + Int.random(in: 0..<step, using: &generator))
                return (path, byte, Int.random(in: 0..<8, using: &generator))
            }
        }
    }

    @Test("A flipped bit anywhere is found, named, contained, and repaired with an exact report")
    func flippedBits() throws {
        let fixture = try DamagedDatabase()
        for (path, byte, bit) in flips(fixture, perFile: 12, seed: 3) {
            let disk = fixture.disk.afterKill()
            try disk.flip(bit: bit, ofByte: byte, in: path)
            let place = Comment(rawValue: "bit \(bit) of byte \(byte) of \(path)")
            try expectContained(fixture, disk, in: path, place)
            try expectRepaired(fixture, disk, place)
        }
    }

    @Test("Missing files are found, contained, and repaired as far as they can be")
    func missingFiles() throws {
        let fixture = try DamagedDatabase()
        for path in fixture.filePaths where !path.hasSuffix("/ALIASES") {
            let disk = fixture.disk.afterKill()
            try disk.remove(path)
            let place = Comment(rawValue: "without \(path)")
            try expectContained(fixture, disk, in: path, place)
            try expectRepaired(fixture, disk, place)
        }
    }

    /// Check names the file; every answer is right or an error, and what is missing is told.
    private func expectContained(
        _ fixture: DamagedDatabase, _ disk: SimulatedFileSystem, in path: String, _ place: Comment
    ) throws {
        let report = try DamagedDatabase.check(disk)
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        // The end of the newest log file may be what a crash left, so it is told, but is no fault.
        let told = report.faults + (path.hasSuffix(".wal") ? report.leftovers : [])
        let isThere = disk.files.keys.contains(path)
        #expect(told.contains { $0.contains(isThere ? path : folder) }, place)
        let opened = disk.afterKill()
        let database: Database
        do {
            database = try DamagedDatabase.open(opened)
        } catch let error as DatabaseError {
            // Only the file that says what the directory is concerns everything in it.
            #expect(path.hasSuffix("/APUS") && error.kind == .corruption, place)
            return
        }
        defer { try? database.close() }
        #expect(database.collectionNames() == ["books", "mixed"], place)
        for name in ["books", "mixed"] {
            do {
                let answers = try fixture.wrongAnswers(of: name, in: database)
                #expect(answers.wrong == [], place)
                let degradations = try database.collection(name).degradations()
                if !answers.missing.isEmpty || !answers.isComplete {
                    #expect(!degradations.isEmpty, place)
                    #expect(try database.collection(name).info().status == .red, place)
                }
                if !path.contains("/\(name)/") { #expect(degradations.isEmpty, place) }
                if !path.contains("/\(name)/") { #expect(answers.missing.isEmpty, place) }
            } catch let error as DatabaseError {
                #expect(path.contains("/\(name)/"), place)
                #expect(error.kind == .corruption || error.kind == .failedPrecondition, place)
                #expect(error.message.contains(folder), place)
            }
        }
    }

    /// After a repair nothing is wrong any more, and exactly what the report says is missing.
    private func expectRepaired(
        _ fixture: DamagedDatabase, _ disk: SimulatedFileSystem, _ place: Comment
    ) throws {
        let hasFaults = try !DamagedDatabase.check(disk).faults.isEmpty
        let report = try DamagedDatabase.repair(disk) { $0.truncatesLog = true }
        #expect(report.hasFaults == hasFaults, place)
        guard report.isComplete else {
            // Without a manifest nobody knows the settings.
            #expect(report.collections.contains { !$0.remaining.isEmpty }, place)
            return
        }
        #expect(try DamagedDatabase.check(disk).faults == [], place)
        let database = try DamagedDatabase.open(disk)
        defer { try? database.close() }
        for name in ["books", "mixed"] {
            let collection = try #require(report.collections.first { $0.name == name })
            let answers = try fixture.wrongAnswers(of: name, in: database)
            let back = Set(collection.possiblyDeleted)
            let wrong = answers.wrong.filter { text in
                !back.contains { text.contains("point \($0) should") }
            }
            let isCut = collection.lost.contains { $0.file.contains("wal") }
            if !isCut {
                #expect(wrong == [], place)
                let known = Set(collection.lost.flatMap(\.ids))
                let count = collection.lost.reduce(0) { $0 + $1.count }
                #expect(answers.missing.count <= count, place)
                if !collection.lost.contains(where: \.isUpperBound) {
                    #expect(Set(answers.missing.map(\.description)) == known, place)
                }
            }
            #expect(try database.collection(name).degradations() == [], place)
        }
    }

    @Test("With a damaged graph the answers are exact and the state says so; repair rebuilds it")
    func damagedGraph() throws {
        let fixture = try DamagedDatabase()
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let reader = try SegmentReader.open(fileSystem: disk, path: path)
        let section = try reader.descriptor("graph.0.links0")
        try disk.flip(bit: 3, ofByte: section.offset + 100, in: path)
        let database = try DamagedDatabase.open(disk)
        let answers = try fixture.wrongAnswers(of: "books", in: database)
        #expect(answers.wrong == [] && answers.missing.isEmpty && answers.isComplete)
        let info = try database.collection("books").info()
        #expect(info.status == .red)
        #expect(info.degradations.contains { $0.contains(path) && $0.contains("graph.0.links0") })
        // A degraded collection that misses no point takes every write.
        try database.collection("books").delete(.filter(Filter(must: [.hasID([5])])))
        try database.close()
        let report = try DamagedDatabase.repair(disk)
        #expect(report.isComplete && report.lostPointCount == 0)
        #expect(try DamagedDatabase.check(disk).faults == [])
    }

    @Test("A damaged piece of vectors costs the rows in it, which repair names")
    func damagedVectors() throws {
        let fixture = try DamagedDatabase(bookCount: 6000)
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let reader = try SegmentReader.open(fileSystem: disk, path: path)
        let section = try reader.descriptor("vectors.0")
        // Rows of 32 bytes, pieces of 64 KiB: the second piece has rows 2048 to 3000.
        try disk.flip(bit: 0, ofByte: section.offset + 65_536 + 5, in: path)
        let report = try DamagedDatabase.repair(disk)
        let lost = try #require(report.collections.first { $0.name == "books" }?.lost.first)
        #expect(!lost.isUpperBound)
        // The last ten rows of the segment were written again in the second.
        // Others were deleted.
        let deleted = Set([1] + (0..<10).map { UInt64($0 * 3) })
        let hurt = try reader.rowIDs()[2048..<3000].filter {
            $0 < 2990 && !deleted.contains($0)
        }
        #expect(lost.ids == hurt.sorted().map(String.init))
        #expect(disk.files.keys.contains("/data/books/quarantine/00000001.seg"))
    }

    @Test("Points that are deleted while their segment is out of service do not come back with it")
    func deletionsWhileOutOfService() throws {
        let fixture = try DamagedDatabase(bookCount: 6000)
        let disk = fixture.disk.afterKill()
        let path = try fixture.file("books/00000001.seg")
        let reader = try SegmentReader.open(fileSystem: disk, path: path)
        try disk.flip(
            bit: 0, ofByte: try reader.descriptor("vectors.0").offset + 65_536 + 5, in: path)
        do {
            let database = try DamagedDatabase.open(disk)
            let books = try database.collection("books")
            let query = QueryRequest(nearest: [0, 0, 0, 0, 0, 0, 0, 0], limit: 1)
            #expect(try books.query(query).count == 1)
            #expect(books.info().status == .red)
            #expect(books.info().segmentsCount == 2)
            // By id: recorded though the point cannot be seen. Written again: the new one counts.
            try books.delete(.ids([100]))
            try books.upsert([Point(id: 101, vector: [9, 9, 9, 9, 9, 9, 9, 9])])
            // What depends on points that cannot be seen is refused.
            let filter = Filter(must: [.hasID([102])])
            #expect(throws: DatabaseError.self) { try books.delete(.filter(filter)) }
            // The log goes on although the growing segment becomes a file.
            try books.seal()
            try database.close()
        }
        do {
            let database = try DamagedDatabase.open(disk)
            #expect(try database.collection("books").retrieve([100, 102]).isEmpty)
            try database.close()
        }
        let report = try DamagedDatabase.repair(disk)
        #expect(report.isComplete)
        let database = try DamagedDatabase.open(disk)
        let books = try database.collection("books")
        #expect(try books.retrieve([100]).isEmpty)
        #expect(try books.retrieve([102]).count == 1)
        let again = try books.retrieve([101], withVectors: .all)
        #expect(again.map(\.vectors) == [["": .dense([9, 9, 9, 9, 9, 9, 9, 9])]])
        try database.close()
        #expect(try DamagedDatabase.check(disk).faults == [])
    }
}
