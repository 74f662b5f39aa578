import TestSupport

extension History {
    /// What a generated history may contain.
    struct Palette: Sendable {
        var stepsMax = 60
        /// Crashes and failing calls: for file systems that can do them.
        var hasTrouble = true
        var hasReopen = true
    }

    /// The history of a seed. One in sixteen has many points, enough for graphs of several batches.
    init(seed: UInt64, palette: Palette = Palette()) {
        var generator = HistoryGenerator(seed: seed, palette: palette)
        self = generator.history(seed: seed)
    }
}

/// Makes histories that are likely to hurt: few ids, so that points are written over and deleted
/// often; small segments; crashes near other steps.
private struct HistoryGenerator {
    private var generator: SeededGenerator
    private let palette: History.Palette
    private let isLarge: Bool
    private var idCount: Int { isLarge ? 700 : 24 }
    /// The shapes of the collections that the history has made, if all went well.
    private var shapes: [String: Int] = [:]

    init(seed: UInt64, palette: History.Palette) {
        generator = SeededGenerator(seed: seed)
        self.palette = palette
        isLarge = Int.random(in: 0..<16, using: &generator) == 0
    }

    mutating func history(seed: UInt64) -> History {
        let settings = History.Settings(
            seed: seed, segmentRowsMax: isLarge ? 700 : int(24...64),
            sealOnCloseRowsMin: isLarge ? 300 : int(1...40), isDrained: chance(3))
        var steps: [Step] = []
        let count = isLarge ? min(25, palette.stepsMax) : int(5...max(5, palette.stepsMax))
        while steps.count < count { steps.append(step()) }
        steps.append(.verify)
        if palette.hasReopen { steps.append(.reopen) }
        return History(settings: settings, steps: steps)
    }

    // MARK: Steps

    private mutating func step() -> Step {
        guard let collection = shapes.keys.sorted().randomElement(using: &generator) else {
            return create()
        }
        let shape = Shape.all[shapes[collection] ?? 0]
        switch int(0...99) {
        case 0..<46:
            let changes = (0..<(chance(4) ? int(2...4) : 1)).map { _ in change(shape) }
            return .write(collection: collection, changes: changes, waits: !chance(6))
        case 46..<54:
            return .search(collection: collection, search: search(shape))
        case 54..<57:
            return .scroll(collection: collection, filter: choice(shape), pageSize: int(1...9))
        case 57..<60: return .count(collection: collection, filter: choice(shape))
        case 60..<63: return .retrieve(collection: collection, ids: ids(int(1...6)))
        case 63..<71: return .seal(collection: collection)
        case 71..<73: return .settle(collection: collection)
        case 73..<75: return .configure(collection: collection, salt: int(0...999))
        case 75..<77:
            let key = chance(2) ? "colour" : "n"
            return chance(2)
                ? .declareIndex(collection: collection, key: key)
                : .forgetIndex(collection: collection, key: key)
        case 77: return .snapshot(collection: collection)
        case 78: return .restore(snapshot: int(0...5), into: chance(2) ? "a" : "b")
        case 79: return .verify
        case 80..<82: return drop(collection)
        case 82..<84: return create()
        case 84..<90: return palette.hasReopen ? .reopen : .verify
        default: return palette.hasTrouble ? trouble() : step()
        }
    }

    private mutating func create() -> Step {
        let collection = chance(2) ? "a" : "b"
        let shape = int(0...(Shape.all.count - 1))
        if shapes[collection] == nil { shapes[collection] = shape }
        return .create(collection: collection, shape: shape)
    }

    private mutating func drop(_ collection: String) -> Step {
        shapes[collection] = nil
        return .drop(collection: collection)
    }

    private mutating func trouble() -> Step {
        let after = chance(3) ? int(0...4) : int(0...60)
        switch int(0...9) {
        case 0..<4: return .crash(.powerLoss, afterCalls: after)
        case 4..<6: return .crash(.kill, afterCalls: after)
        case 6: return .heal
        case 7..<9: return .fail(.outOfSpace, afterCalls: after, calls: 1)
        default: return .fail(.inputOutput, afterCalls: after, calls: 1)
        }
    }

    // MARK: Changes

    private mutating func change(_ shape: Shape) -> Change {
        switch int(0...19) {
        case 0..<10:
            let count = isLarge ? int(20...200) : int(1...(chance(4) ? 12 : 4))
            return .upsert(ids(count).map { Draft(id: $0, salt: int(0...9_999)) })
        case 10..<12: return .delete(.ids(ids(int(1...6))))
        case 12: return .delete(.matching(choice(shape)))
        case 13..<15:
            return .updateVectors(ids(int(1...2)).map { Draft(id: $0, salt: int(0...9_999)) })
        case 15:
            return .deleteVectors(fields: [field(shape)], selection(shape))
        case 16:
            return .setPayload(
                salt: int(0...9_999), at: chance(3) ? "nested" : nil, selection(shape))
        case 17: return .overwritePayload(salt: int(0...9_999), selection(shape))
        case 18: return .deletePayload(keys: [chance(2) ? "colour" : "n"], selection(shape))
        default: return .clearPayload(selection(shape))
        }
    }

    private mutating func selection(_ shape: Shape) -> Selection {
        // Ids that are not there make the whole call fail: mostly few of them.
        chance(2) ? .ids(ids(int(1...2))) : .matching(choice(shape))
    }

    private mutating func choice(_ shape: Shape, depth: Int = 0) -> Choice {
        switch int(0...(depth < 2 ? 8 : 6)) {
        case 0: chance(4) ? .everything : .numberBelow(int(0...3))
        case 1, 2: .colour(Shape.colours[int(0...2)])
        case 3: .numberBelow(int(0...20))
        case 4: .ids(ids(int(1...8)))
        case 5: .hasVector(field(shape))
        case 6: .lacks(key: chance(2) ? "nested" : "colour")
        case 7: .not(choice(shape, depth: depth + 1))
        default: .both(choice(shape, depth: depth + 1), choice(shape, depth: depth + 1))
        }
    }

    private mutating func search(_ shape: Shape) -> Search {
        Search(
            field: field(shape), salt: int(0...9_999), limit: int(1...12),
            filter: chance(2) ? .everything : choice(shape), isExact: chance(2))
    }

    // MARK: Dice

    private mutating func field(_ shape: Shape) -> String {
        shape.fields[int(0...(shape.fields.count - 1))].name
    }

    private mutating func ids(_ count: Int) -> [Int] {
        (0..<count).map { _ in int(0...(idCount - 1)) }
    }

    private mutating func int(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &generator)
    }

    /// True once in `n` times.
    private mutating func chance(_ n: Int) -> Bool { int(0...(n - 1)) == 0 }
}
