package import ApusCore
internal import ApusPipeline

/// Hashes or JSON documents of Redis with vectors among their fields: those of an index of its search
/// module, or those whose keys match a pattern.
///
/// In hashes vectors are bytes of little-endian floats, in documents arrays of numbers. Everything else
/// is payload.
package struct RedisKeysImport: PointImport {
    package enum Selection: Sendable {
        /// `FT.INFO` says which keys, fields, metric and graph.
        case index(String)
        /// Fields of 32-bit floats; `distance` as the wire API calls it.
        case pattern(String, isJSON: Bool, fields: [String], distance: String)
    }

    private let server: RedisServer
    private let selection: Selection

    package init(server: RedisServer, selection: Selection) {
        self.server = server
        self.selection = selection
    }

    package var identity: String {
        switch selection {
        case .index(let name): "redis \(server.address) index \(name)"
        case .pattern(let pattern, _, let fields, _):
            "redis \(server.address) keys \(pattern) \(fields.joined(separator: " "))"
        }
    }

    package func settings() async throws -> JSONValue {
        let layout = try await layout()
        var dimensions: [String: Int] = [:]
        if layout.fields.contains(where: { $0.dimension == nil }) {
            for point in try await page(behind: nil, limit: 100)?.points ?? [] {
                for case (let name, .dense(let vector)) in point.vectors {
                    dimensions[name] = vector.count
                }
            }
        }
        var fields: [String: ImportedField] = [:]
        for field in layout.fields {
            guard let dimension = field.dimension ?? dimensions[layout.name(of: field)] else {
                throw server.unusable(
                    "no key of \(layout.patterns) has a vector in '\(field.name)'")
            }
            fields[layout.name(of: field)] = ImportedField(
                dimension: dimension, distance: field.distance, hnsw: field.hnsw)
        }
        return ImportedField.settings(fields)
    }

    package func payloadIndexes() async throws -> [JSONValue] { try await layout().payloadIndexes }

    /// What the index counts; of a pattern a pass over the keys.
    package func count() async throws -> Int {
        let layout = try await layout()
        if let count = layout.count { return count }
        return try await server.connected { connection in
            // SCAN may give a key twice.
            var keys: Set<String> = []
            for pattern in layout.patterns {
                var cursor = "0"
                repeat {
                    let (next, found) = try Self.scan(connection, layout, pattern, cursor, 1000)
                    keys.formUnion(found)
                    cursor = next
                } while cursor != "0"
            }
            return keys.count
        }
    }

    private struct Place {
        var pattern = 0
        var cursor = "0"
        /// A cursor holds for one run of the server.
        var run: String
    }

    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        if position == .null { return nil }
        let layout = try await layout()
        let server = server
        return try await server.connected { connection in
            let run =
                try connection.call(["INFO", "server"]).string?
                .split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") } ?? ""
            var place = Place(run: String(run))
            if case .object(let members)? = position, members["run"] == .string(place.run),
                case .integer(let pattern)? = members["pattern"],
                case .string(let cursor)? = members["cursor"],
                let pattern = Int(exactly: pattern), layout.patterns.indices.contains(pattern)
            {
                place.pattern = pattern
                place.cursor = cursor
            }
            var keys: [String] = []
            while keys.isEmpty, place.pattern < layout.patterns.count {
                (place.cursor, keys) = try Self.scan(
                    connection, layout, layout.patterns[place.pattern], place.cursor, limit)
                if place.cursor == "0" { place.pattern += 1 }
            }
            let points = try Self.points(connection, layout, keys)
            let isOver = place.pattern == layout.patterns.count
            return ImportPage(
                points: points,
                position: isOver
                    ? .null
                    : .object([
                        "pattern": .integer(Int64(place.pattern)),
                        "cursor": .string(place.cursor), "run": .string(place.run),
                    ]))
        }
    }

    private func layout() async throws -> RedisKeysLayout {
        switch selection {
        case .pattern(let pattern, let isJSON, let names, let distance):
            return try RedisKeysLayout(
                pattern: pattern, isJSON: isJSON, fields: names, distance: distance)
        case .index(let name):
            let reply = try await server.connected { try $0.call(["FT.INFO", name]) }
            return try RedisKeysLayout(index: name, facts: reply)
        }
    }

    private static func scan(
        _ connection: RedisConnection, _ layout: RedisKeysLayout, _ pattern: String,
        _ cursor: String, _ count: Int
    ) throws(StageError) -> (String, [String]) {
        let answer = try connection.call([
            "SCAN", cursor, "MATCH", pattern, "COUNT", String(count), "TYPE",
            layout.isJSON ? "ReJSON-RL" : "hash",
        ]).elements
        guard answer.count == 2, let next = answer[0].string else {
            throw StageError(.fatal, stage: "source", "SCAN answered something else")
        }
        let keys = answer[1].elements.compactMap(\.string)
        guard keys.count == answer[1].elements.count else {
            throw StageError(.fatal, stage: "source", "a key of '\(pattern)' is not UTF-8")
        }
        return (next, keys)
    }

    private static func points(
        _ connection: RedisConnection, _ layout: RedisKeysLayout, _ keys: [String]
    ) throws(StageError) -> [Point] {
        let replies = try connection.call(
            all: keys.map { layout.isJSON ? ["JSON.GET", $0] : ["HGETALL", $0] })
        var points: [Point] = []
        for (key, reply) in zip(keys, replies) {
            // A key that went away in between has nothing.
            if layout.isJSON, let text = reply.string {
                points.append(try layout.point(key, json: text))
            } else if !layout.isJSON, !reply.elements.isEmpty {
                points.append(try layout.point(key, hash: reply.elements))
            }
        }
        return points
    }
}
