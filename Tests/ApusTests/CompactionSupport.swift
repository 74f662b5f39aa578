import Apus
import ApusStorage
import Synchronization
import TestSupport
import Testing

/// What a collection should hold: the last version of each point.
struct ExpectedPoints {
    private(set) var points: [UInt64: Point] = [:]

    static func point(_ id: UInt64, version: Int) -> Point {
        Point(
            id: .number(id), vector: [Float(id % 97), Float(version), Float(id / 97), 1],
            payload: ["id": .integer(Int64(id)), "version": .integer(Int64(version))])
    }

    mutating func put(_ point: Point) {
        if case .number(let id) = point.id { points[id] = point }
    }

    mutating func delete(_ id: UInt64) { points[id] = nil }

    /// Every point is there as it should be, once, and none else: by count, by scroll, by id, and
    /// each by a search for its vector.
    func check(_ collection: Collection, searching: Bool = true) throws {
        #expect(try collection.count() == points.count)
        let page = try collection.scroll(
            ScrollRequest(limit: points.count + 10, withVectors: .all))
        #expect(page.points.map(\.id) == points.keys.sorted().map { .number($0) })
        for record in page.points {
            guard case .number(let id) = record.id, let point = points[id] else { continue }
            #expect(record.payload == point.payload)
            #expect(record.vectors == point.vectors)
        }
        let found = try collection.retrieve(points.keys.sorted().map { .number($0) })
        #expect(found.count == points.count)
        guard searching else { return }
        for id in points.keys.sorted().prefix(5) {
            guard case .dense(let vector)? = points[id]?.vectors[""] else { continue }
            let nearest = try collection.query(QueryRequest(nearest: vector, limit: 1))
            #expect(nearest.first?.score == 0)
        }
    }
}

/// A hook that runs once, when the merging thread comes to a given pause.
final class PauseHook: Sendable {
    private struct State {
        var count = 0
        var action: (@Sendable () throws -> Void)?
        var at = Int.max
    }

    private let state = Mutex(State())

    /// Pauses so far.
    var count: Int { state.withLock { $0.count } }

    /// Runs `action` at the pause with this number, counted from now on.
    func set(at pause: Int, _ action: @escaping @Sendable () throws -> Void) {
        state.withLock { $0 = State(count: 0, action: action, at: pause) }
    }

    func callAsFunction() throws {
        let action = state.withLock { state -> (@Sendable () throws -> Void)? in
            defer { state.count += 1 }
            return state.count == state.at ? state.action : nil
        }
        try action?()
    }
}

extension EngineConfiguration {
    /// No merge but by `compact()`, and no timer.
    static var quiet: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.writeThreads = 1
        configuration.indexThreads = 2
        configuration.mergesInBackground = false
        configuration.compactionBytesPerSecond = 0
        configuration.maintenanceInterval = .seconds(1_000_000)
        configuration.sealOnCloseRowsMin = .max
        return configuration
    }
}

extension CollectionConfiguration {
    static var small: CollectionConfiguration {
        CollectionConfiguration(
            dimension: 4, metric: .euclid,
            hnsw: HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 10))
    }
}
