import Apus
import ApusCore
import ApusPipeline

/// The name under which a position is kept among a collection's (docs/adr/0045).
///
/// Callers to whom only some points belong have names of their own: they neither see nor move the
/// positions of others.
struct PositionKey: Hashable, Sendable {
    enum Kind: Sendable {
        /// The number of the last batch, of a source of bulk upserts.
        case source
        /// A text that the pipeline itself understands.
        case pipeline

        fileprivate func key(_ name: String) -> String {
            switch self {
            case .source: "apus.v1/upsert/\(name)"
            case .pipeline: SourcePositions.key(ofPipeline: name)
            }
        }
    }

    private static let nameBytesMax = 255
    private static let countMax = 1_024

    let text: String
    private let kind: Kind
    private let prefix: String

    /// - Parameter bounds: the points that belong to the caller; nil: all.
    /// - Throws: `.validation` for a name that is too long or empty, `.permissionDenied` where
    ///   `bounds` are no equal values.
    init(_ kind: Kind, _ name: String, within bounds: Filter?) throws(DatabaseError) {
        guard (1...Self.nameBytesMax).contains(name.utf8.count) else {
            throw DatabaseError(
                .validation,
                "Validation error in \(kind): \(name.utf8.count) bytes, must be 1 to "
                    + "\(Self.nameBytesMax)")
        }
        self.kind = kind
        prefix = try Self.prefix(kind, within: bounds)
        text = prefix + name
    }

    /// What all names of such a caller begin with.
    private static func prefix(
        _ kind: Kind, within bounds: Filter?
    ) throws(DatabaseError) -> String {
        guard let bounds else { return kind.key("") }
        guard let values = bounds.equalValues else {
            throw DatabaseError(
                .permissionDenied,
                "Forbidden: only callers that are restricted by equal values may name a \(kind)")
        }
        return "tenant/\(ChunkPoint.hash(of: values.sorted()))/" + kind.key("")
    }

    /// The positions of pipelines of such a caller, by name.
    static func pipelines(
        _ positions: SourcePositions, within bounds: Filter?
    ) throws(DatabaseError) -> [String: [UInt8]] {
        let prefix = try prefix(.pipeline, within: bounds)
        var found: [String: [UInt8]] = [:]
        for (key, value) in positions.values where key.hasPrefix(prefix) {
            found[String(key.dropFirst(prefix.count))] = value
        }
        return found
    }

    func value(in positions: SourcePositions) -> [UInt8] { positions.values[text] ?? [] }

    /// Throws `.failedPrecondition` when there are too many others.
    func checkRoom(in positions: SourcePositions, of collection: String) throws(DatabaseError) {
        guard positions.values[text] == nil,
            positions.values.keys.count(where: { $0.hasPrefix(prefix) }) >= Self.countMax
        else { return }
        throw DatabaseError(
            .failedPrecondition,
            "Collection `\(collection)` has had points of \(Self.countMax) \(kind)s, which is all "
                + "that it can tell apart; use one of their names")
    }
}

extension Filter {
    /// Texts that together stand for this filter, in any order; nil: it is more than values that a
    /// payload must have.
    fileprivate var equalValues: [String]? {
        guard should.isEmpty, mustNot.isEmpty, minShould == nil else { return nil }
        var values: Set<String> = []
        for condition in must {
            switch condition {
            case .field(let path, .matchKeyword(let text)): values.insert("\(path)=text \(text)")
            case .field(let path, .matchInteger(let number)):
                values.insert("\(path)=integer \(number)")
            case .field(let path, .matchBool(let flag)): values.insert("\(path)=bool \(flag)")
            case .filter(let inner):
                guard let more = inner.equalValues else { return nil }
                values.formUnion(more)
            default: return nil
            }
        }
        return Array(values)
    }
}
