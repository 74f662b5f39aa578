package import ApusCore
internal import ApusPipeline
private import Synchronization

/// A vector set of Redis 8: elements with their vectors and attributes.
///
/// Elements have no order that a page could go on from, so the first page asks for all names at once
/// and sorts them: memory holds the names, not the vectors.
package final class RedisVectorSetImport: PointImport {
    private let server: RedisServer
    private let key: String
    private let sortedNames = Mutex<[String]?>(nil)

    package init(server: RedisServer, key: String) {
        self.server = server
        self.key = key
    }

    package var identity: String { "redis \(server.address) vector set \(key)" }

    package func settings() async throws -> JSONValue {
        let (key, server) = (key, server)
        let facts = try await server.connected { try $0.call(["VINFO", key]).members }
        guard let dimension = facts["vector-dim"]?.integer else {
            throw server.unusable("there is no vector set '\(key)'")
        }
        var field = ImportedField(dimension: Int(clamping: dimension), distance: "Cosine")
        if let m = facts["hnsw-m"]?.integer { field.hnsw["m"] = .integer(m) }
        switch facts["quant-type"]?.string {
        case "int8": field.quantization = ImportedField.scalarQuantization
        case "bin": field.quantization = ImportedField.binaryQuantization
        default: break
        }
        return ImportedField.settings([defaultVectorName: field])
    }

    package func count() async throws -> Int {
        let key = key
        return Int(
            clamping: try await server.connected { try $0.call(["VCARD", key]) }.integer ?? 0)
    }

    /// The position is the name of the last element.
    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        let names = try await names()
        var start = 0
        if case .string(let last)? = position {
            start = names.partitioningIndex { last.precedesByBytes($0) }
        }
        let page = Array(names[start...].prefix(limit))
        guard let last = page.last else { return nil }
        let (key, server) = (key, server)
        let replies = try await server.connected { connection in
            try connection.call(
                all: page.flatMap { [["VEMB", key, $0], ["VGETATTR", key, $0]] })
        }
        var points: [Point] = []
        for (number, name) in page.enumerated() {
            let (vector, attributes) = (replies[2 * number].elements, replies[2 * number + 1])
            // Elements that went away in between have no vector.
            guard !vector.isEmpty else { continue }
            let floats = vector.compactMap { $0.string.flatMap { Float($0) } }
            guard floats.count == vector.count else {
                throw server.unusable("the vector of '\(name)' is none")
            }
            var payload = Self.payload(attributes.string)
            let id = ImportedVector.id(named: name, keeping: "redis_element", in: &payload)
            points.append(
                Point(id: id, vectors: [defaultVectorName: .dense(floats)], payload: payload))
        }
        return ImportPage(points: points, position: .string(last))
    }

    private func names() async throws -> [String] {
        if let names = sortedNames.withLock({ $0 }) { return names }
        let (key, server) = (key, server)
        let names = try await server.connected { connection in
            let count = try connection.call(["VCARD", key]).integer ?? 0
            // A number of at least all of them gives each once.
            let replies = try connection.call(["VRANDMEMBER", key, String(max(count, 1))]).elements
            let names = replies.compactMap(\.string)
            guard names.count == replies.count else {
                throw server.unusable("an element's name in '\(key)' is not UTF-8")
            }
            return names.sorted { $0.precedesByBytes($1) }
        }
        sortedNames.withLock { $0 = names }
        return names
    }

    /// Attributes are a text that should be a JSON object.
    private static func payload(_ attributes: String?) -> Payload {
        guard let attributes, !attributes.isEmpty else { return [:] }
        if case .object(let members)? = try? JSONParser.value(in: Array(attributes.utf8)) {
            return members
        }
        return ["attributes": .string(attributes)]
    }
}

extension String {
    fileprivate func precedesByBytes(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}

extension Array {
    /// The first index whose element is in the second part, of an array that has two.
    fileprivate func partitioningIndex(_ isInSecond: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if isInSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
