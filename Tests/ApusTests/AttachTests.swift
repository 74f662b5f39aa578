import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Segments that were built elsewhere become a collection's own")
struct AttachTests {
    private func disk() -> SimulatedFileSystem { SimulatedFileSystem(directories: ["/"]) }

    private func check(_ disk: SimulatedFileSystem) throws {
        let report = try Database.check(at: Builds.path, fileSystem: disk)
        #expect(report.faults == [] && report.leftovers == [])
    }

    @Test("Points of several builds are there in one batch, newer than those that were there")
    func replace() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        var expected = ExpectedPoints()
        // Some in a file, some in memory, some deleted again.
        for (ids, isSealed) in [(0..<30, true), (30..<40, false)] {
            let batch = Builds.points(ids, version: 1)
            try points.upsert(batch)
            expected.put(batch)
            if isSealed { try points.seal() }
        }
        try points.delete(.ids([3, 33]))
        let a = Builds.points(20..<60, version: 2)
        let b = Builds.points([3] + Array(50..<70), version: 3)
        let folders = [
            try Builds.make("a", a, on: disk), try Builds.make("b", b, on: disk),
        ]
        let before = points.info().sequenceNumber
        let report = try points.attach(folders)
        for id in [UInt64(3), 33] { expected.delete(id) }
        expected.put(a)
        expected.put(b)
        try expected.check(points)
        #expect(report.sequenceNumber == before.next)
        #expect(points.info().sequenceNumber == report.sequenceNumber)
        #expect(report.attached.count == 2 && report.segments == 2 && report.skipped == [])
        #expect(report.points == 51 && report.replaced == 19 && report.duplicates == 10)
        #expect(points.info().degradations == [])
        // Later writes, merges and restarts treat them as any other segment.
        let later = Builds.points(55..<58, version: 4)
        try points.upsert(later)
        try points.delete(.ids([60]))
        expected.put(later)
        expected.delete(60)
        try expected.check(points)
        try database.close()
        try check(disk)
        let again = try Builds.open(disk)
        let reopened = try again.collection("p")
        try expected.check(reopened)
        try reopened.compact()
        try expected.check(reopened)
        #expect(disk.files.keys.filter { $0.hasPrefix("/db/") && $0.hasSuffix(".seg") }.count == 1)
        try again.close()
        try check(disk)
    }

    @Test("The same build again, or twice in a call, changes nothing, also after a restart")
    func twice() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        let folder = try Builds.make("a", Builds.points(0..<20, version: 1), on: disk)
        // The same points build the same segments.
        let copy = try Builds.make("copy", Builds.points(0..<20, version: 1), on: disk)
        let first = try points.attach([folder, folder])
        #expect(first.attached == first.skipped && first.attached.count == 1)
        try points.delete(.ids([5]))
        let version = points.info().sequenceNumber
        let second = try points.attach([copy])
        #expect(second.attached == [] && second.skipped == first.attached)
        #expect(second.sequenceNumber == version && points.info().sequenceNumber == version)
        try points.compact()
        try database.close()
        let again = try Builds.open(disk)
        let reopened = try again.collection("p")
        #expect(try reopened.attach([folder]).skipped == first.attached)
        #expect(try reopened.count() == 19)
        try again.close()
    }

    @Test("With `fail`, a point that is there refuses everything")
    func existing() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        var expected = ExpectedPoints()
        let old = Builds.points(0..<10, version: 1)
        try points.upsert(old)
        expected.put(old)
        let free = try Builds.make("free", Builds.points(20..<30, version: 2), on: disk)
        let taken = try Builds.make("taken", Builds.points(9..<15, version: 2), on: disk)
        let error = #expect(throws: DatabaseError.self) {
            try points.attach([free, taken], existing: .fail)
        }
        #expect(error?.kind == .alreadyExists && error?.message.contains("point 9") == true)
        try expected.check(points)
        try points.delete(.ids([9]))
        #expect(try points.attach([free, taken], existing: .fail).points == 16)
        try database.close()
        try check(disk)
    }

    @Test("Of points that were built twice the last one stays")
    func duplicatesInABuild() throws {
        let disk = disk()
        let builder = try SegmentBuilder(
            in: "/builds/d", settings: try Builds.settings(), engine: .quiet, fileSystem: disk)
        for version in 1...3 { try builder.add(Builds.points(0..<12, version: version)) }
        let result = try builder.finish()
        #expect(result.pointCount == 12)
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        #expect(try points.attach(["/builds/d"]).duplicates == 0)
        var expected = ExpectedPoints()
        expected.put(Builds.points(0..<12, version: 3))
        try expected.check(points)
        try database.close()
    }

    @Test(
        "Settings that disagree are refused, and the difference is named",
        arguments: [
            ("dimension", CollectionConfiguration(dimension: 5, metric: .euclid)),
            ("metric", CollectionConfiguration(dimension: 4, metric: .dot)),
            (
                "datatype",
                CollectionConfiguration(vectors: [
                    "": DenseVectorConfiguration(
                        dimension: 4, metric: .euclid, datatype: .float16)
                ])
            ),
            (
                "the unnamed vector is not in the segments",
                CollectionConfiguration(vectors: [
                    "v": DenseVectorConfiguration(dimension: 4, metric: .euclid)
                ])
            ),
            (
                "sparse vector `s`",
                CollectionConfiguration(
                    vectors: ["": DenseVectorConfiguration(dimension: 4, metric: .euclid)],
                    sparseVectors: ["s": SparseVectorConfiguration()])
            ),
            (
                "index",
                CollectionConfiguration(
                    dimension: 4, metric: .euclid, hnsw: HNSWConfiguration(m: 0))
            ),
        ])
    func mismatch(difference: String, other: CollectionConfiguration) throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        let fitting = try Builds.make("fitting", Builds.points(0..<4, version: 1), on: disk)
        let name = other.vectors.keys.first ?? ""
        let dimension = other.vectors[name]?.dimension ?? 0
        let foreign = try Builds.make(
            "foreign",
            [
                Point(
                    id: 1, vectors: [name: .dense([Float](repeating: 1, count: dimension))],
                    payload: [:])
            ], other, on: disk)
        let files = disk.files
        let error = #expect(throws: DatabaseError.self) { try points.attach([fitting, foreign]) }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains(difference) == true, "\(error?.message ?? "")")
        #expect(disk.files == files)
        #expect(try points.count() == 0)
        try database.close()
    }

    @Test("Segments of another model than the card's are refused; those of a new field name it")
    func models() throws {
        let disk = disk()
        func build(_ name: String, _ ids: Range<Int>, _ model: String) throws -> String {
            let settings = try Builds.settings()
                .declaring(["": .init(ModelName(model, version: "1"))])
            let builder = try SegmentBuilder(
                in: "/builds/\(name)", settings: settings, engine: .quiet, fileSystem: disk)
            try builder.add(Builds.points(ids, version: 1))
            _ = try builder.finish()
            return "/builds/\(name)"
        }
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        // Refused whole: nothing of it is on the card, either.
        let both = [try build("x", 0..<9, "minilm"), try build("y", 10..<19, "bge")]
        let disagreement = #expect(throws: DatabaseError.self) { try points.attach(both) }
        #expect(disagreement?.kind == .conflict && points.card == nil)
        try points.attach([try build("a", 0..<9, "minilm")])
        #expect(points.card?.models[""]?.name == ModelName("minilm", version: "1"))
        let other = try build("b", 10..<19, "bge")
        let error = #expect(throws: DatabaseError.self) { try points.attach([other]) }
        #expect(error?.kind == .conflict)
        #expect(error?.message.contains("`bge@1`") == true)
        #expect(try points.count() == 9)
        try points.attach([try build("c", 10..<19, "minilm")])
        #expect(try points.count() == 18)
        try database.close()
        let again = try Builds.open(disk)
        #expect(try again.collection("p").card?.models[""]?.name.id == "minilm")
        try again.close()
    }

    @Test("Codes of other bits are refused")
    func quantization() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection(
            "p", CollectionConfiguration(dimension: 64, metric: .dot))
        var other = CollectionConfiguration(dimension: 64, metric: .dot)
        other.quantization = .binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil)
        let vector = (0..<64).map { Float($0) }
        let folder = try Builds.make("q", [Point(id: 1, vector: vector)], other, on: disk)
        let error = #expect(throws: DatabaseError.self) { try points.attach([folder]) }
        #expect(error?.message.contains("quantization") == true)
        try database.close()
    }

    @Test("A flipped bit in any file of a build refuses all of it, and the file is named")
    func damage() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        let sound = try Builds.make("sound", Builds.points(0..<9, version: 1), on: disk)
        let folder = try Builds.make("a", Builds.points(10..<40, version: 1), on: disk)
        for path in ["/builds/a/00000001.seg", "/builds/a/segments.json"] {
            let size = try disk.open(path, .read).size()
            for offset in stride(from: UInt64(0), to: size, by: 1_021) {
                let file = try disk.open(path, .readWrite)
                let byte = try file.bytes(at: offset, count: 1)[0]
                try file.write([byte ^ 4], at: offset)
                let error = #expect(throws: DatabaseError.self) {
                    try points.attach([sound, folder])
                }
                #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
                try file.write([byte], at: offset)
            }
        }
        try disk.remove("/builds/sound/00000001.seg")
        let error = #expect(throws: DatabaseError.self) { try points.attach([folder, sound]) }
        #expect(error?.kind == .corruption)
        #expect(error?.message.contains("/builds/sound/00000001.seg") == true)
        #expect(throws: DatabaseError.self) { try points.attach(["/builds/none"]) }
        #expect(try points.count() == 0)
        #expect(disk.files.keys.filter { $0.hasPrefix("/db/p/") && $0.contains(".seg") } == [])
        #expect(try points.attach([folder]).points == 30)
        try database.close()
        try check(disk)
    }

    @Test("Payload indexes of the collection answer for attached points, built with them or not")
    func payloadIndexes() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        let field = try #require(PayloadPath("version"))
        let schema = PayloadFieldSchema(type: .integer)
        try points.createPayloadIndex(field, schema)
        let indexed = try Builds.make(
            "indexed", Builds.points(0..<10, version: 1), payloadIndexes: [field: schema], on: disk)
        let plain = try Builds.make("plain", Builds.points(10..<30, version: 2), on: disk)
        try points.attach([indexed, plain])
        for (version, count) in [(1, 10), (2, 20)] {
            let filter = Filter(must: [.field(field, .matchInteger(Int64(version)))])
            #expect(try points.count(filter) == count)
        }
        try database.close()
        try check(disk)
    }

    @Test("A reader of an older version goes on seeing it; strict mode's bound holds")
    func views() throws {
        let disk = disk()
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        try points.upsert(Builds.points(0..<5, version: 1))
        let pinned = points.pinVersion()
        let folder = try Builds.make("a", Builds.points(3..<10, version: 2), on: disk)
        var change = CollectionConfigurationChange()
        change.strictMode = ["enabled": .bool(true), "max_points_count": .integer(9)]
        try points.update(change)
        #expect(throws: DatabaseError.self) { try points.attach([folder]) }
        change.strictMode = ["max_points_count": .integer(10)]
        try points.update(change)
        try points.attach([folder])
        #expect(try points.count() == 10)
        #expect(try points.count(at: pinned) == 5)
        try database.close()
    }
}
