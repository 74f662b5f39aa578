package import ApusCore

/// The effects of one write call, as one log record: what each touched point became.
///
/// Effects, not operations: replaying a record needs no other state, and replaying it twice changes
/// nothing. Layout (format 3), little-endian, counts as varints:
/// version u8 · time · position count, positions · field count, field names · effect count, effects.
/// The time is a varint of milliseconds since 1970, which format 1 does not have. A position is a
/// name and a value with its byte count; a batch without any is written as format 2, which has no
/// place for them, so that older programs read it. An effect is a tag u8 and the point id;
/// tag 1 (put) goes on with the number of dense vectors, each as field position, dimension and
/// floats, then payload and extras, each as byte count and bytes; tag 2 (delete) ends.
package struct WriteBatch: Sendable {
    package enum Effect: Sendable {
        /// The point as a whole, whatever was there before.
        case put(StoredPoint)
        case delete(PointID)
    }

    package var effects: [Effect]
    /// When it was written, in milliseconds since 1970; never less than that of the batch before.
    /// Only "restore to a time" looks at it. 0: not known (format 1).
    package var time: UInt64
    /// How far the named sources had been read when the batch was made.
    package var positions: SourcePositions

    package init(effects: [Effect], time: UInt64, positions: SourcePositions = SourcePositions()) {
        self.effects = effects
        self.time = time
        self.positions = positions
    }

    private static let version: UInt8 = 3
    private static let versionWithoutPositions: UInt8 = 2
    private enum Tag: UInt8 {
        case put = 1
        case delete = 2
    }

    package func encoded() -> [UInt8] {
        let fields = fieldNames()
        let places = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1, $0) })
        var writer = ByteWriter(reservingCapacity: estimatedByteCount)
        writer.write(positions.isEmpty ? Self.versionWithoutPositions : Self.version)
        writer.writeVarInt(time)
        if !positions.isEmpty { positions.write(to: &writer) }
        writer.writeVarInt(UInt64(fields.count))
        for field in fields { writer.writeString(field) }
        writer.writeVarInt(UInt64(effects.count))
        for effect in effects {
            switch effect {
            case .put(let point):
                writer.write(Tag.put.rawValue)
                writer.write(point.id)
                writer.writeVarInt(UInt64(point.dense.count))
                for (name, vector) in point.dense {
                    writer.writeVarInt(UInt64(places[name] ?? 0))
                    writer.writeVarInt(UInt64(vector.count))
                    writer.write(vector)
                }
                for blob in [point.payload, point.extras] {
                    writer.writeVarInt(UInt64(blob.count))
                    writer.write(bytes: blob)
                }
            case .delete(let id):
                writer.write(Tag.delete.rawValue)
                writer.write(id)
            }
        }
        return writer.bytes
    }

    package init(decoding reader: inout ByteReader) throws(MalformedBytes) {
        (time, positions) = try Self.readHead(&reader)
        var fields: [String] = []
        for _ in 0..<(try reader.readCount(minimumSize: 1)) {
            fields.append(try reader.readString())
        }
        effects = []
        let count = try reader.readCount(minimumSize: 2)
        effects.reserveCapacity(count)
        for _ in 0..<count { effects.append(try Self.effect(&reader, fields: fields)) }
        guard reader.isAtEnd else {
            throw MalformedBytes("\(reader.remaining) bytes too many", offset: reader.offset)
        }
    }

    /// Time (0: not known) and positions of an encoded batch, without decoding the rest.
    package static func readHead(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> (time: UInt64, positions: SourcePositions) {
        let start = try readStart(&reader)
        let hasPositions = start.version > versionWithoutPositions
        return (start.time, hasPositions ? try SourcePositions(&reader) : SourcePositions())
    }

    private static func readStart(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> (version: UInt8, time: UInt64) {
        let version: UInt8 = try reader.read()
        switch version {
        case 1: return (version, 0)
        case versionWithoutPositions, Self.version: return (version, try reader.readVarInt())
        case (Self.version + 1)...:
            throw MalformedBytes(
                newer: "the batch", version: UInt64(version), known: UInt64(Self.version),
                offset: reader.offset)
        default: throw MalformedBytes("batch version \(version)", offset: reader.offset)
        }
    }

    private static func effect(
        _ reader: inout ByteReader, fields: [String]
    ) throws(MalformedBytes) -> Effect {
        let tag: UInt8 = try reader.read()
        let id = try reader.readPointID()
        switch Tag(rawValue: tag) {
        case .delete: return .delete(id)
        case nil: throw MalformedBytes("effect tag \(tag)", offset: reader.offset)
        case .put: break
        }
        var dense: [String: [Float]] = [:]
        for _ in 0..<(try reader.readCount(minimumSize: 2)) {
            let position = try reader.readVarInt()
            guard position < UInt64(fields.count) else {
                throw MalformedBytes("field \(position) of \(fields.count)", offset: reader.offset)
            }
            let dimension = try reader.readCount(minimumSize: 4)
            dense[fields[Int(position)]] = try reader.readFloats(count: dimension)
        }
        let payload = try blob(&reader)
        let extras = try blob(&reader)
        return .put(
            try StoredPoint(id: id, dense: dense, payload: payload, encodedExtras: extras))
    }

    private static func blob(_ reader: inout ByteReader) throws(MalformedBytes) -> [UInt8] {
        let count = try reader.readCount(minimumSize: 1)
        return unsafe Array(try reader.readBytes(count: count))
    }

    private func fieldNames() -> [String] {
        var names: Set<String> = []
        for case .put(let point) in effects { names.formUnion(point.dense.keys) }
        return names.sorted()
    }

    private var estimatedByteCount: Int {
        effects.reduce(16) { sum, effect in
            guard case .put(let point) = effect else { return sum + 18 }
            let floats = point.dense.values.reduce(0) { $0 + $1.count }
            return sum + 40 + 4 * floats + point.blobByteCount
        }
    }
}
