import Apus
import ApusStorage

/// Runs a history against the engine and the model at once, and throws at the first difference.
///
/// One thread calls the engine, so every answer is foreseeable up to what a crash or an I/O error
/// leaves open; `PossibleStates` holds what is open.
final class HistoryRun {
    /// The engine did what it must not.
    struct Deviation: Error, CustomStringConvertible {
        /// Which step; `steps.count` when it came out at the very end.
        var step: Int
        var text: String
        var description: String { "step \(step): \(text)" }
    }

    /// What was done, for the summary of many runs.
    struct Statistics: Sendable {
        var steps = 0
        var crashes = 0
        var failedCalls = 0
        var searches = 0
        var found = 0
        var findable = 0

        static func += (left: inout Statistics, right: Statistics) {
            left.steps += right.steps
            left.crashes += right.crashes
            left.failedCalls += right.failedCalls
            left.searches += right.searches
            left.found += right.found
            left.findable += right.findable
        }
    }

    /// What a call to the engine came to.
    enum Answer<Value> {
        case value(Value)
        case refused(DatabaseError)
        /// An I/O error, while calls fail or the machine is down.
        case failed(DatabaseError)
    }

    let history: History
    let world: any World
    let plantedBug: ModelCollection.PlantedBug?
    /// Told what happens: a line for each step and call.
    private let trace: (String) -> Void
    var statistics = Statistics()
    var possible: [String: PossibleStates] = ["a": PossibleStates(), "b": PossibleStates()]
    private(set) var database: Database?
    /// What was acknowledged, with the states that it may hold.
    private var snapshots: [(name: String, collection: String, states: [ModelCollection])] = []
    /// An I/O error may have left the engine in a state that only opening again ends.
    private var isTroubled = false
    private var step = 0

    private init(
        _ history: History, world: any World, plantedBug: ModelCollection.PlantedBug?,
        trace: @escaping (String) -> Void
    ) {
        self.trace = trace
        self.history = history
        self.world = world
        self.plantedBug = plantedBug
    }

    /// - Throws: `Deviation`.
    static func run(
        _ history: History, world: any World, plantedBug: ModelCollection.PlantedBug? = nil,
        trace: @escaping (String) -> Void = { _ in }
    ) throws -> Statistics {
        let run = HistoryRun(history, world: world, plantedBug: plantedBug, trace: trace)
        defer { try? run.database?.close() }
        try run.open()
        for (number, step) in history.steps.enumerated() {
            run.step = number
            run.trace("\(number): \(step)")
            try run.perform(step)
            run.statistics.steps += 1
            if world.isDown { try run.recover() }
            if run.possible.values.contains(where: { $0.all.count > 12 }) { try run.reopen() }
        }
        run.step = history.steps.count
        try run.verify()
        do { try world.checkEnded() } catch { throw run.deviation("\(error)") }
        return run.statistics
    }

    func deviation(_ text: String) -> Deviation { Deviation(step: step, text: text) }

    /// Calls the engine and sorts its answers. Errors that no fault explains are deviations, and so
    /// is any report of damage: nothing here damages what was synced.
    func call<Value>(_ what: String, _ body: () throws -> Value) throws -> Answer<Value> {
        do {
            let value = try body()
            trace("  \(what): done")
            return .value(value)
        } catch let error as DatabaseError {
            trace("  \(what): \(error.kind): \(error)")
            let isStorage = error.message.hasPrefix("Storage: ")
            switch error.kind {
            case .invalidArgument, .validation, .notFound, .alreadyExists:
                if !isStorage { return .refused(error) }
            case .corruption, .internalError:
                throw deviation("\(what): \(error)")
            default:
                break
            }
            guard isTroubled || world.isFailing || world.isDown else {
                throw deviation("\(what): \(error.kind): \(error)")
            }
            isTroubled = true
            statistics.failedCalls += 1
            return .failed(error)
        } catch {
            throw deviation("\(what): an error of a foreign type: \(error)")
        }
    }

    // MARK: Opening

    private var configuration: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        configuration.writeThreads = 1
        configuration.unindexedRowsMax = 512
        configuration.segmentRowsMax = history.settings.segmentRowsMax
        configuration.segmentBytesMax = 4 << 20
        configuration.sealOnCloseRowsMin = history.settings.sealOnCloseRowsMin
        return configuration
    }

    /// Opens the database, which must work once nothing fails, and adopts what it finds.
    private func open() throws {
        while true {
            isTroubled = world.isFailing
            let answer = try call("open") {
                try Database.open(
                    at: world.root, configuration: configuration, fileSystem: world.fileSystem)
            }
            switch answer {
            case .value(let opened):
                database = opened
                try verify(adopts: true)
                return world.isDown ? try recover() : ()
            case .refused(let error):
                throw deviation("open: \(error)")
            case .failed:
                if world.isDown { restart() } else { world.heal() }
            }
        }
    }

    private func reopen() throws {
        _ = try call("close") { try database?.close() }
        database = nil
        if world.isDown {
            restart()
        } else {
            do { try world.endProcess() } catch { throw deviation("\(error)") }
        }
        try open()
    }

    /// The machine is down: what is left must be opened again.
    private func recover() throws {
        // The process is dead; this only ends its threads.
        try? database?.close()
        database = nil
        restart()
        try open()
    }

    private func restart() {
        trace("  crash; restart")
        world.restart()
        statistics.crashes += 1
    }

    // MARK: Steps

    private func perform(_ step: Step) throws {
        if isTroubled { for name in possible.keys { possible[name]?.forgetOrder() } }
        switch step {
        case .create(let name, let shape): try create(name, shape)
        case .drop(let name): try drop(name)
        case .write(let name, let changes, let waits): try write(name, changes, waits: waits)
        case .configure(let name, let salt):
            var change = CollectionConfigurationChange()
            change.metadata = ["salt": .integer(Int64(salt))]
            try administrate(name, "configure", { $0.metadata = salt }) { try $0.update(change) }
        case .declareIndex(let name, let key):
            let schema = PayloadFieldSchema(type: key == "n" ? .integer : .keyword)
            try administrate(name, "declareIndex", { $0.indexedKeys.insert(key) }) {
                try $0.createPayloadIndex(PayloadPath(key: key), schema)
            }
        case .forgetIndex(let name, let key):
            try administrate(name, "forgetIndex", { $0.indexedKeys.remove(key) }) {
                try $0.dropPayloadIndex(PayloadPath(key: key))
            }
        case .search(let name, let search): try self.search(name, search)
        case .scroll(let name, let filter, let size): try scroll(name, filter, pageSize: size)
        case .count(let name, let filter): try count(name, filter)
        case .retrieve(let name, let ids): try retrieve(name, ids)
        case .seal(let name): try maintain(name, "seal") { try $0.seal() }
        case .settle(let name): try maintain(name, "settle") { try $0.waitUntilIndexed() }
        case .snapshot(let name): try snapshot(name)
        case .restore(let number, let name): try restore(number, into: name)
        case .verify: try verify()
        case .reopen: try reopen()
        case .crash(let crash, let calls): world.schedule(crash, afterCalls: calls)
        case .fail(let fault, let after, let calls):
            world.schedule(fault, afterCalls: after, calls: calls)
            isTroubled = true
        case .heal: world.heal()
        }
    }

    private func create(_ name: String, _ shape: Int) throws {
        let answer = try call("create") {
            try database?.createCollection(name, Shape.all[shape].configuration)
        }
        try settle(name, answer) { $0 == nil ? .some(ModelCollection(shape: shape)) : nil }
    }

    private func drop(_ name: String) throws {
        let answer = try call("drop") { try database?.dropCollection(name) ?? false }
        if case .value(false) = answer { return try narrow(name, exists: false) }
        try settle(name, answer) { $0 == nil ? nil : .some(nil) }
    }

    private func write(_ name: String, _ changes: [Change], waits: Bool) throws {
        guard let collection = try collection(name) else { return }
        let shape = Shape.all[possible[name]?.all.compactMap { $0?.shape }.first ?? 0]
        let operations = changes.map { $0.operation(shape) }
        let answer = try call("write") {
            try collection.write(operations, acknowledgement: waits ? .completed : .accepted)
        }
        let outcome = answer.outcome(waits ? .acknowledged : .accepted)
        let isAllowed = possible[name]?.write(outcome) { state in
            state?.applying(changes, plantedBug: plantedBug).map { .some($0) }
        }
        guard isAllowed == true else { throw deviation("write: unexpected answer \(answer)") }
        if history.settings.isDrained { try maintain(name, "drain") { try $0.waitUntilIndexed() } }
    }

    private func administrate(
        _ name: String, _ what: String, _ change: @escaping (inout ModelCollection) -> Void,
        _ body: (Collection) throws -> Void
    ) throws {
        guard let collection = try collection(name) else { return }
        let answer = try call(what) { try body(collection) }
        try settle(name, answer) { state in
            guard var next = state else { return nil }
            change(&next)
            return next
        }
    }

    private func snapshot(_ name: String) throws {
        guard let collection = try collection(name) else { return }
        let states = possible[name]?.all.compactMap { $0 } ?? []
        switch try call("snapshot", { try collection.createSnapshot() }) {
        case .value(let made): snapshots.append((made.name, name, states))
        case .refused(let error): throw deviation("snapshot: \(error)")
        case .failed: break
        }
    }

    private func restore(_ number: Int, into name: String) throws {
        guard !snapshots.isEmpty else { return }
        let snapshot = snapshots[number % snapshots.count]
        let answer = try call("restore") {
            try database?.restoreCollection(
                name, from: .snapshot(name: snapshot.name, collection: snapshot.collection),
                replacing: true)
        }
        let before = possible[name]?.all ?? []
        switch answer {
        case .value: possible[name]?.replace(snapshot.states)
        case .refused(let error): throw deviation("restore: \(error)")
        case .failed: possible[name]?.replace(before + snapshot.states)
        }
    }

    private func maintain(
        _ name: String, _ what: String, _ body: (Collection) throws -> Void
    ) throws {
        guard let collection = try collection(name) else { return }
        if case .refused(let error) = try call(what, { try body(collection) }) {
            throw deviation("\(what): \(error)")
        }
    }

    private func settle<Value>(
        _ name: String, _ answer: Answer<Value>,
        _ change: (ModelCollection?) -> ModelCollection??
    ) throws {
        let isAllowed = possible[name]?.administrate(answer.outcome(.acknowledged), change)
        guard isAllowed == true else { throw deviation("unexpected answer \(answer)") }
    }

    /// The engine's collection; nil when there is none, which must be possible.
    func collection(_ name: String) throws -> Collection? {
        guard let database, database.hasCollection(name) else {
            try narrow(name, exists: false)
            return nil
        }
        try narrow(name, exists: true)
        do { return try database.collection(name) } catch {
            throw deviation("collection `\(name)`: \(error)")
        }
    }

    /// The engine knows the collection or does not. After an I/O error that says nothing of what is
    /// on disk.
    private func narrow(_ name: String, exists: Bool) throws {
        let fits = { (state: ModelCollection?) in (state != nil) == exists }
        guard possible[name]?.all.contains(where: fits) == true else {
            throw deviation("collection `\(name)` is \(exists ? "there" : "not there")")
        }
        if !isTroubled { possible[name]?.narrow(fits) }
    }
}

extension HistoryRun.Answer {
    func outcome(_ success: PossibleStates.Outcome) -> PossibleStates.Outcome {
        switch self {
        case .value: success
        case .refused: .refused
        case .failed: .failed
        }
    }
}

extension Change {
    func operation(_ shape: Shape) -> WriteOperation {
        switch self {
        case .upsert(let drafts):
            .upsert(
                drafts.map {
                    Point(
                        id: Shape.id($0.id), vectors: shape.vectors($0),
                        payload: Shape.payload($0))
                })
        case .delete(let selection): .delete(selection.pointSelection)
        case .updateVectors(let drafts):
            .updateVectors(
                drafts.map { PointVectors(id: Shape.id($0.id), vectors: shape.vectors($0)) })
        case .deleteVectors(let fields, let selection):
            .deleteVectors(names: fields, selection.pointSelection)
        case .setPayload(let salt, let key, let selection):
            .setPayload(
                Shape.payload(Draft(id: -2, salt: salt)), key: key.map { PayloadPath(key: $0) },
                selection.pointSelection)
        case .overwritePayload(let salt, let selection):
            .overwritePayload(
                Shape.payload(Draft(id: -2, salt: salt)), key: nil, selection.pointSelection)
        case .deletePayload(let keys, let selection):
            .deletePayload(
                keys: keys.map { PayloadPath(key: $0) }, selection.pointSelection)
        case .clearPayload(let selection): .clearPayload(selection.pointSelection)
        }
    }
}

extension Selection {
    fileprivate var pointSelection: PointSelection {
        switch self {
        case .ids(let ids): .ids(ids.map(Shape.id))
        case .matching(let choice): .filter(choice.filter)
        }
    }
}
