import Apus
import TestSupport
import Testing

@Suite("Writes on a condition") struct ConditionalWriteTests {
    private static func open() throws -> (Database, Collection) {
        let database = try Database.open(
            at: "/db", configuration: EngineConfiguration(),
            fileSystem: SimulatedFileSystem(seed: 1))
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 1, metric: .euclid))
        try points.upsert([
            Point(id: 1, vector: [1], payload: ["v": 1]),
            Point(id: 2, vector: [2], payload: ["v": 2]),
        ])
        return (database, points)
    }

    /// What stands at each point: its vector's component, which the writes below change.
    private static func values(_ points: Collection) throws -> [PointID: Float] {
        var values: [PointID: Float] = [:]
        for record in try points.retrieve([1, 2, 3], withVectors: .all) {
            if case .dense(let floats)? = record.vectors?[""] { values[record.id] = floats[0] }
        }
        return values
    }

    private static let second = Filter(must: [.field(PayloadPath(key: "v"), .matchInteger(2))])
    private static let new = [1, 2, 3].map { Point(id: .number($0), vector: [9], payload: [:]) }

    @Test(
        "Modes and filters decide which points are written",
        arguments: [
            (.upsert, nil, [1: 9, 2: 9, 3: 9]), (.insertOnly, nil, [1: 1, 2: 2, 3: 9]),
            (.updateOnly, nil, [1: 9, 2: 9]), (.upsert, second, [1: 1, 2: 9, 3: 9]),
            (.updateOnly, second, [1: 1, 2: 9]), (.insertOnly, second, [1: 1, 2: 2, 3: 9]),
        ] as [(UpdateCondition.Mode, Filter?, [PointID: Float])])
    func modes(_ mode: UpdateCondition.Mode, _ filter: Filter?, _ expected: [PointID: Float]) throws
    {
        let (database, points) = try Self.open()
        let condition = UpdateCondition(mode: mode, filter: filter)
        _ = try points.write([.conditionalUpsert(Self.new, condition)])
        #expect(try Self.values(points) == expected)
        try database.close()
    }

    @Test("Conditions see what the operations before them made")
    func inOrder() throws {
        let (database, points) = try Self.open()
        let third = Point(id: 3, vector: [3], payload: ["v": 2])
        _ = try points.write([
            .delete(.ids([1])),
            .conditionalUpsert(
                [Point(id: 1, vector: [5])], UpdateCondition(mode: .updateOnly)),
            .conditionalUpsert(
                [third, Point(id: 3, vector: [4])], UpdateCondition(mode: .insertOnly)),
            .conditionalUpdateVectors(
                [2, 3].map { PointVectors(id: .number($0), vectors: ["": .dense([7])]) },
                Self.second),
            .setPayload(["v": 0], key: nil, .ids([2])),
            .conditionalUpdateVectors(
                [2, 3].map { PointVectors(id: .number($0), vectors: ["": .dense([8])]) },
                Self.second),
        ])
        #expect(try Self.values(points) == [2: 7, 3: 8])
        try database.close()
    }

    @Test("A bad point that the condition would pass over is refused all the same")
    func badPoint() throws {
        let (database, points) = try Self.open()
        #expect(throws: DatabaseError.self) {
            try points.write([
                .conditionalUpsert(
                    [Point(id: 1, vector: [1, 2])], UpdateCondition(mode: .insertOnly))
            ])
        }
        #expect(try Self.values(points) == [1: 1, 2: 2])
        try database.close()
    }
}
