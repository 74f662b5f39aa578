import Apus
import ApusStorage
import TestSupport
import Testing

/// Vector fields that come and go while there are points, wherever these lie.
@Suite("Vector fields of a collection with points") struct VectorFieldTests {
    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func create(_ disk: SimulatedFileSystem) throws -> (Database, Collection) {
        let database = try open(disk)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: 2, metric: .dot))
        return (database, collection)
    }

    private static func point(_ id: UInt64, _ more: [String: Vector] = [:]) -> Point {
        Point(
            id: .number(id),
            vectors: [defaultVectorName: .dense([Float(id), 1])].merging(more) { $1 },
            payload: ["id": .integer(Int64(id))])
    }

    private static let dense = VectorField.dense(
        DenseVectorConfiguration(dimension: 3, metric: .dot))
    private static let sparse = VectorField.sparse(SparseVectorConfiguration())

    /// Ids with a vector in the field, by a filter and by a search for all of them.
    private static func ids(
        in field: String, of collection: Collection, like vector: Vector
    ) throws -> [UInt64] {
        var scroll = ScrollRequest(limit: 10_000)
        scroll.filter = Filter(must: [.hasVector(field)])
        let filtered = try collection.scroll(scroll).points.compactMap(\.id.number)
        var request = QueryRequest()
        request.query = .nearest(.vector(vector))
        request.using = field
        request.limit = 10_000
        let found = try collection.query(request).compactMap(\.id.number).sorted()
        #expect(found == filtered)
        return found
    }

    private static let directions: (dense: Vector, sparse: Vector) = (
        .dense([1, 1, 1]), .sparse(SparseVector(indices: [7], values: [1]))
    )

    /// Everything that the test wrote, seen after each step.
    private static func check(_ collection: Collection, count: Int, withFields ids: [UInt64]) throws
    {
        #expect(try collection.count() == count)
        #expect(try Self.ids(in: "d", of: collection, like: directions.dense) == ids)
        #expect(try Self.ids(in: "s", of: collection, like: directions.sparse) == ids)
        #expect(try Self.ids(in: "", of: collection, like: .dense([1, 0])).count == count)
        let records = try collection.scroll(ScrollRequest(limit: 10_000, withVectors: .all)).points
        for record in records {
            let names = Set(record.vectors?.keys.map(\.self) ?? [])
            let isOld = !ids.contains(record.id.number ?? 0)
            #expect(names == (isOld ? [""] : ["", "d", "s"]), "\(record.id)")
        }
    }

    @Test(
        "A new field holds the vectors of what is written after it, across seals, merges and starts"
    )
    func created() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var (database, collection) = try Self.create(disk)
        try collection.upsert((0..<200).map { Self.point($0) })
        try collection.seal()
        try collection.upsert((200..<300).map { Self.point($0) })
        #expect(throws: DatabaseError.vectorNameNotFound("d")) {
            try collection.upsert([Self.point(1, ["d": Self.directions.dense])])
        }
        try collection.createVectorField("d", Self.dense)
        try collection.createVectorField("s", Self.sparse)
        try Self.check(collection, count: 300, withFields: [])
        let fields = ["d": Self.directions.dense, "s": Self.directions.sparse]
        _ = try collection.write([
            .updateVectors([
                PointVectors(id: .number(5), vectors: fields),
                PointVectors(id: .number(250), vectors: fields),
            ])
        ])
        try collection.upsert([Self.point(300, fields)])
        let ids: [UInt64] = [5, 250, 300]
        try Self.check(collection, count: 301, withFields: ids)
        let afterLoss = try Self.open(disk.afterPowerLoss(.losesEverythingUnsynced))
        try Self.check(try afterLoss.collection("c"), count: 301, withFields: ids)
        try afterLoss.close()
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try Self.check(collection, count: 301, withFields: ids)
        try collection.seal()
        try Self.check(collection, count: 301, withFields: ids)
        try collection.compact()
        try Self.check(collection, count: 301, withFields: ids)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        try Self.check(try database.collection("c"), count: 301, withFields: ids)
        try database.close()
    }

    @Test("Of a dropped field nothing is seen, and its name is not given again")
    func dropped() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var (database, collection) = try Self.create(disk)
        let fields = ["d": Self.directions.dense, "s": Self.directions.sparse]
        try collection.createVectorField("d", Self.dense)
        try collection.createVectorField("s", Self.sparse)
        try collection.upsert((0..<100).map { Self.point($0, fields) })
        try collection.seal()
        try collection.upsert((100..<150).map { Self.point($0, fields) })
        let hasDense = Filter(must: [.hasVector("d")])
        #expect(try collection.count(hasDense) == 150)
        for name in ["d", "s"] { try collection.dropVectorField(name) }
        func check(_ collection: Collection) throws {
            #expect(try collection.count() == 150)
            #expect(try collection.count(hasDense) == 0)
            #expect(try collection.count(Filter(mustNot: [.hasVector("s")])) == 150)
            let records = try collection.scroll(
                ScrollRequest(limit: 200, withVectors: .all)
            ).points
            #expect(records.allSatisfy { $0.vectors?.keys.map(\.self) == [""] })
            var request = QueryRequest(nearest: [1, 1, 1], limit: 1)
            request.using = "d"
            #expect(throws: DatabaseError.self) { try collection.query(request) }
            #expect(collection.configuration.vectors.keys.map(\.self) == [""])
            #expect(throws: DatabaseError.self) {
                try collection.createVectorField("d", Self.sparse)
            }
        }
        try check(collection)
        // Rows that are written again lose what nobody sees.
        _ = try collection.write([
            .setPayload(["x": 1], key: nil, .ids([.number(1), .number(120)]))
        ])
        try check(collection)
        try database.close()
        database = try Self.open(disk)
        collection = try database.collection("c")
        try check(collection)
        try collection.seal()
        try collection.compact()
        try check(collection)
        try database.close()
        #expect(try Database.check(at: "/db", fileSystem: disk).faults == [])
        database = try Self.open(disk)
        try check(try database.collection("c"))
        try database.close()
    }

    @Test("A name that is taken, and one that is not there")
    func names() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try Self.create(disk)
        #expect(throws: DatabaseError.self) { try collection.createVectorField("", Self.dense) }
        #expect(throws: DatabaseError.vectorNameNotFound("x")) {
            try collection.dropVectorField("x")
        }
        let huge = VectorField.dense(DenseVectorConfiguration(dimension: 1 << 20, metric: .dot))
        #expect(throws: DatabaseError.self) { try collection.createVectorField("h", huge) }
        #expect(collection.configuration.vectors.count == 1)
        // The last field may go; the points stay.
        try collection.upsert([Self.point(1)])
        try collection.dropVectorField("")
        #expect(try collection.count() == 1)
        try database.close()
    }
}

extension PointID {
    fileprivate var number: UInt64? { if case .number(let number) = self { number } else { nil } }
}
