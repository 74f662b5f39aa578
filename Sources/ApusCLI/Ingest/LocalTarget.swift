import Apus
import ApusCore
import ApusPipeline

/// A collection of a database that this process opens.
struct LocalTarget: IngestTarget {
    let database: Database
    let name: String

    init(directory: String, collection name: String) throws {
        database = try Database.open(at: directory)
        self.name = name
    }

    @discardableResult
    func prepare(_ fields: [ApusPipeline.VectorField], _ metric: Metric?) async throws -> Bool {
        guard !database.hasCollection(name) else {
            try CollectionShape.check(
                name, try database.collection(name).configuration, takes: fields, metric)
            return false
        }
        try database.createCollection(name, CollectionShape.configuration(for: fields, metric))
        return true
    }

    func adopt(_ models: [String: CollectionCard.Model]) async throws {
        _ = try database.collection(name).adoptModels(models)
    }

    func write(_ points: [Point]) async throws {
        _ = try await database.collection(name).write([.upsert(points)])
    }

    func count(of ids: [PointID]) async throws -> Int {
        try await database.collection(name).retrieve(ids, withPayload: .none).count
    }

    func count() async throws -> Int { try await database.collection(name).count() }

    /// Blocks until every point is in its graph: there is nothing else that this process does.
    func finish() async throws {
        StandardError.write(line: "waiting for the index")
        try database.collection(name).waitUntilIndexed()
        try close()
    }

    /// Gives the directory free; what was acknowledged is on disk.
    func close() throws { try database.close() }
}
