import Apus

/// Reads, each compared with every state that is possible at the moment: one must agree.
extension HistoryRun {
    func search(_ name: String, _ search: Search) throws {
        guard let shape = shape(of: name), let field = shape.field(search.field) else { return }
        let request = QueryRequest(
            query: .nearest(.vector(Shape.query(field, salt: search.salt))), using: search.field,
            filter: search.filter.filter, parameters: SearchParameters(exact: search.isExact),
            limit: search.limit)
        try read(name, "search \(search)", { try $0.query(request) }) { state, found in
            if let objection = state.objection(to: found, search: search) { return objection }
            if !search.isExact {
                let recall = state.recall(of: found, search: search)
                self.statistics.searches += 1
                self.statistics.found += recall.found
                self.statistics.findable += recall.of
            }
            return nil
        }
    }

    func scroll(_ name: String, _ filter: Choice, pageSize: Int) throws {
        try read(
            name, "scroll \(filter)",
            { try self.pages($0, filter.filter, pageSize: pageSize).map(\.id) }
        ) { state, found in
            let expected = state.matching(filter).map { Shape.id($0) }
            return found == expected ? nil : "got \(found), expected \(expected)"
        }
    }

    func count(_ name: String, _ filter: Choice) throws {
        try read(name, "count \(filter)", { try $0.count(filter.filter) }) { state, found in
            let expected = state.matching(filter).count
            return found == expected ? nil : "got \(found), expected \(expected)"
        }
    }

    func retrieve(_ name: String, _ ids: [Int]) throws {
        let read = { (collection: Collection) in
            try collection.retrieve(ids.map(Shape.id), withVectors: .all)
        }
        try self.read(name, "retrieve \(ids)", read) { state, found in
            let expected = ids.filter { state.points[$0] != nil }
            guard found.map(\.id) == expected.map(Shape.id) else {
                return "got \(found.map(\.id)), expected \(expected)"
            }
            for (id, record) in zip(expected, found) {
                let point = ModelPoint(record)
                if let wanted = state.points[id], !wanted.agrees(with: point) {
                    return "point \(id) is \(point), expected \(wanted)"
                }
            }
            return nil
        }
    }

    private func read<Value>(
        _ name: String, _ what: String, _ body: (Collection) throws -> Value,
        _ objection: (ModelCollection, Value) -> String?
    ) throws {
        guard let collection = try collection(name) else { return }
        switch try call(what, { try body(collection) }) {
        case .failed: return
        case .refused(let error): throw deviation("\(what): \(error)")
        case .value(let value):
            var objections: [String] = []
            for case let state? in possible[name]?.all ?? [] {
                guard let objection = objection(state, value) else { return }
                objections.append(objection)
            }
            throw deviation("`\(name)`: \(what): \(objections.joined(separator: "; or "))")
        }
    }

    /// All pages of a scroll, one after the other, of one version: what was accepted only may become
    /// visible between two pages.
    private func pages(
        _ collection: Collection, _ filter: Filter?, pageSize: Int
    ) throws -> [Record] {
        var records: [Record] = []
        var request = ScrollRequest(
            limit: pageSize, filter: filter, withPayload: .all, withVectors: .all)
        request.version = .pin
        while true {
            let page = try collection.scroll(request)
            request.version = .number(page.version)
            records += page.points
            guard let next = page.nextOffset, !page.points.isEmpty else { return records }
            request.offset = next
        }
    }

    private func shape(of name: String) -> Shape? {
        possible[name]?.all.compactMap { $0?.shape }.first.map { Shape.all[$0] }
    }

    // MARK: The whole

    /// Compares everything that the collections hold with what is possible. After opening, when
    /// nothing is under way, what is there becomes the only possible state.
    func verify(adopts: Bool = false) throws {
        for name in possible.keys.sorted() {
            guard let collection = try collection(name) else {
                if adopts { possible[name]?.adopt(nil) }
                continue
            }
            guard let found = try content(of: collection, name) else { continue }
            let states = possible[name]?.all.compactMap { $0 } ?? []
            guard let state = states.first(where: { found.objection(to: $0) == nil }) else {
                let objections = states.compactMap { found.objection(to: $0) }
                throw deviation(
                    "`\(name)` holds none of \(states.count) possible states: "
                        + objections.joined(separator: "; or "))
            }
            if adopts { possible[name]?.adopt(state) }
            for (field, _) in Shape.all[state.shape].fields {
                for salt in 1...2 {
                    try search(
                        name,
                        Search(
                            field: field, salt: salt, limit: 50, filter: .everything,
                            isExact: salt == 1))
                }
            }
        }
        let names = database?.collectionNames() ?? []
        guard names.allSatisfy({ possible[$0] != nil }) else {
            throw deviation("collections \(names) are there")
        }
    }

    /// What a collection holds, read in several ways that must agree; nil when a read failed for a
    /// reason.
    private func content(of collection: Collection, _ name: String) throws -> Content? {
        let answer = try call("scroll of everything") {
            // A batch may become visible between two reads: then they are made again.
            while true {
                let before = collection.info()
                let records = try pages(collection, nil, pageSize: 7)
                let count = try collection.count()
                let after = collection.info()
                guard before.sequenceNumber == after.sequenceNumber else { continue }
                return (after, records, count)
            }
        }
        switch answer {
        case .failed: return nil
        case .refused(let error): throw deviation("scroll of everything: \(error)")
        case .value(let (info, records, count)):
            guard records.count == count, info.pointsCount == count else {
                throw deviation(
                    "`\(name)`: scroll lists \(records.count) points, count says \(count), info "
                        + "\(info.pointsCount)")
            }
            return try Content(info: info, records: records) { deviation("`\(name)`: \($0)") }
        }
    }
}

/// Everything that was found in a collection.
private struct Content {
    var points: [Int: ModelPoint] = [:]
    var metadata: Int?
    var indexedKeys: Set<String>
    var configuration: CollectionConfiguration

    init(
        info: CollectionInfo, records: [Record], deviation: (String) -> HistoryRun.Deviation
    ) throws(HistoryRun.Deviation) {
        configuration = info.configuration
        if case .integer(let salt)? = configuration.metadata?["salt"] { metadata = Int(salt) }
        configuration.metadata = nil
        indexedKeys = Set(info.payloadSchema.map(\.field.description))
        for record in records {
            guard let id = Shape.number(record.id) else {
                throw deviation("a point with id \(record.id), which nobody wrote")
            }
            guard points.updateValue(ModelPoint(record), forKey: id) == nil else {
                throw deviation("point \(record.id) is listed twice")
            }
        }
    }

    /// How this differs from a state; nil when it does not.
    func objection(to state: ModelCollection) -> String? {
        if configuration != Shape.all[state.shape].configuration { return "another configuration" }
        if metadata != state.metadata {
            return "metadata \(String(describing: metadata)), expected "
                + String(describing: state.metadata)
        }
        if indexedKeys != state.indexedKeys {
            return "indexes on \(indexedKeys.sorted()), expected \(state.indexedKeys.sorted())"
        }
        let missing = state.points.keys.filter { points[$0] == nil }.sorted()
        let surplus = points.keys.filter { state.points[$0] == nil }.sorted()
        if !missing.isEmpty || !surplus.isEmpty {
            return "\(points.count) points, missing \(missing), too many \(surplus)"
        }
        for (id, point) in points.sorted(by: { $0.key < $1.key }) {
            if let wanted = state.points[id], !wanted.agrees(with: point) {
                return "point \(id) is \(point), expected \(wanted)"
            }
        }
        return nil
    }
}

extension ModelPoint {
    init(_ record: Record) {
        self.init(vectors: record.vectors ?? [:], payload: record.payload ?? [:])
    }
}
