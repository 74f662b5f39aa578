package import ApusCore
internal import ApusStorage

/// How far sources were read, by the names of those who read them.
///
/// A value is opaque here: whoever writes it with a batch finds it again exactly when it finds the
/// batch's points, because both are one record of the log (docs/adr/0021).
public struct SourcePositions: Hashable, Sendable {
    public private(set) var values: [String: [UInt8]]

    public init(_ values: [String: [UInt8]] = [:]) { self.values = values }

    /// The name under which a pipeline's position is kept: persisted.
    package static func key(ofPipeline name: String) -> String { "pipeline/\(name)" }

    public var isEmpty: Bool { values.isEmpty }

    /// Takes over newer positions; a value without bytes removes the one of its name.
    mutating func merge(_ newer: SourcePositions) {
        for (name, value) in newer.values { values[name] = value.isEmpty ? nil : value }
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
        values = [:]
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let name = try reader.readString()
            let count = try reader.readCount(minimumSize: 1)
            values[name] = unsafe Array(try reader.readBytes(count: count))
        }
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
