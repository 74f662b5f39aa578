package import ApusCore
internal import ApusStorage

/// How far sources were read, by the names of those who read them.
///
/// A value is opaque here: whoever writes it with a batch finds it again exactly when it finds the
/// batch's points, because both are one record of the log (docs/adr/0021).
public struct SourcePositions: Hashable, Sendable {
    /// What the names and positions of a collection may take together, in bytes: all of them are in
    /// each manifest, and in one answer of a server, of which clients take 4 MiB.
    public static let byteCountMax = 4_000_000

    public private(set) var values: [String: [UInt8]]
    /// Of names and values, in bytes.
    public private(set) var byteCount: Int

    public init(_ values: [String: [UInt8]] = [:]) {
        self.values = values
        byteCount = values.reduce(0) { $0 + Self.byteCount(of: $1.key, $1.value) }
    }

    private static func byteCount(of name: String, _ value: [UInt8]) -> Int {
        name.utf8.count + value.count
    }

    /// The name under which a pipeline's position is kept: persisted.
    package static func key(ofPipeline name: String) -> String { "pipeline/\(name)" }

    public var isEmpty: Bool { values.isEmpty }

    /// Takes over newer positions; a value without bytes removes the one of its name.
    mutating func merge(_ newer: SourcePositions) {
        for (name, value) in newer.values {
            byteCount += growth(of: name, to: value)
            values[name] = value.isEmpty ? nil : value
        }
    }

    /// By how many bytes the sum changes with a new value.
    private func growth(of name: String, to value: [UInt8]) -> Int {
        let old = values[name].map { Self.byteCount(of: name, $0) } ?? 0
        return (value.isEmpty ? 0 : Self.byteCount(of: name, value)) - old
    }

    /// Throws `.failedPrecondition` when newer positions would make the sum larger than it may be.
    /// Those that make it no larger are taken whatever it is.
    func checkRoom(for newer: SourcePositions, of collection: String) throws(DatabaseError) {
        let growth = newer.values.reduce(0) { $0 + self.growth(of: $1.key, to: $1.value) }
        guard growth > 0, byteCount + growth > Self.byteCountMax else { return }
        throw DatabaseError(
            .failedPrecondition,
            "Collection `\(collection)` keeps positions of sources and pipelines of at most "
                + "\(Self.byteCountMax) bytes together, and with this batch they would have "
                + "\(byteCount + growth); delete positions that nobody goes on from")
    }

    /// Throws `.failedPrecondition` unless all of `expected` are here as they are there, which for
    /// an empty one means not at all.
    func check(_ expected: SourcePositions) throws(DatabaseError) {
        for (name, value) in expected.values where values[name, default: []] != value {
            throw DatabaseError(
                .failedPrecondition,
                "Another writer went on with the source of `\(name)` meanwhile; ask again how far "
                    + "it is")
        }
    }

    /// A count, then name and value each, by ascending name.
    package func write(to writer: inout ByteWriter) {
        writer.writeVarInt(UInt64(values.count))
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            writer.writeString(name)
            writer.writeVarInt(UInt64(value.count))
            writer.write(bytes: value)
        }
    }

    package init(_ reader: inout ByteReader) throws(MalformedBytes) {
        var values: [String: [UInt8]] = [:]
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let name = try reader.readString()
            let count = try reader.readCount(minimumSize: 1)
            values[name] = unsafe Array(try reader.readBytes(count: count))
        }
        self.init(values)
    }
}

extension Manifest {
    private static let positionsKey = "sourcePositions"

    /// As the batches up to "flushed through" left them, in the attribute `sourcePositions`.
    func sourcePositions() throws(DatabaseError) -> SourcePositions {
        guard let bytes = attributes[Self.positionsKey] else { return SourcePositions() }
        do throws(MalformedBytes) {
            return try decoding(bytes) { (reader) throws(MalformedBytes) in
                try SourcePositions(&reader)
            }
        } catch {
            throw DatabaseError(error, in: "the manifest's entry `\(Self.positionsKey)`")
        }
    }

    mutating func setSourcePositions(_ positions: SourcePositions) {
        var writer = ByteWriter()
        positions.write(to: &writer)
        attributes[Self.positionsKey] = positions.isEmpty ? nil : writer.bytes
    }
}
