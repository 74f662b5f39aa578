package import ApusCore

/// A batch of a bulk upsert: a line of JSON, `{"sequence": 1, "points": […]}`.
package struct UpsertLine: Sendable {
    package var sequence: UInt64
    package var points: [Point]
}

extension RequestDecoder {
    /// A payload: an object, or no bytes at all.
    static func payload(_ bytes: [UInt8]) throws(DatabaseError) -> Payload {
        if bytes.isEmpty { return [:] }
        // Bytes have no padding, which is why a view of other elements as bytes is unsafe.
        return try decode(unsafe bytes.span.bytes, Payload.init(reading:))
    }

    /// - Parameter previous: the number of the batch before, for errors to say where they are.
    package static func upsertLine(
        _ line: [UInt8], after previous: UInt64
    ) throws(DatabaseError) -> UpsertLine {
        do throws(DatabaseError) {
            return try decode(unsafe line.span.bytes, UpsertLine.init(reading:))
        } catch {
            throw DatabaseError(
                error.kind, "In the line after batch \(previous): \(error.message)")
        }
    }
}

extension UpsertLine {
    fileprivate init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var sequence: Int?
        var points: [Point]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "sequence": sequence = try reader.readCount()
            case "points": points = try reader.array(of: Point.init(reading:))
            default: try reader.skipValue()
            }
        }
        self.sequence = UInt64(
            clamping: try reader.require(sequence, "sequence", ofObjectAt: start))
        self.points = try reader.require(points, "points", ofObjectAt: start)
    }
}

extension ResponseEncoder {
    /// How far the batches of a source are on disk.
    package static func upserted(
        _ sequence: UInt64, version: SequenceNumber, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("sequence")
            $0.write(sequence)
            $0.key("version")
            $0.write(version.rawValue)
            $0.endObject()
        }
    }
}

/// The lines that a reader of changes gets.
package enum ChangeLine {
    /// `{"log", "version", "oldest"}`: always the first.
    package static func start(
        log: String, version: SequenceNumber, oldest: SequenceNumber
    ) -> [UInt8] {
        line {
            $0.member("log", log)
            $0.key("version")
            $0.write(version.rawValue)
            $0.key("oldest")
            $0.write(oldest.rawValue)
        }
    }

    /// `{"version", "time", "upserts", "deletes", "is_last"}`.
    package static func change(
        version: SequenceNumber, time: UInt64?, upserts: [Record], deletes: [PointID], isLast: Bool
    ) -> [UInt8] {
        line {
            $0.key("version")
            $0.write(version.rawValue)
            if let time {
                $0.key("time_ms")
                $0.write(time)
            }
            $0.key("upserts")
            $0.array(upserts) { $0.write($1) }
            $0.key("deletes")
            $0.array(deletes) { $0.write($1) }
            $0.member("is_last", isLast)
        }
    }

    /// `{"idle": true, "version"}`: nothing has come after the version.
    package static func idle(version: SequenceNumber) -> [UInt8] {
        line {
            $0.member("idle", true)
            $0.key("version")
            $0.write(version.rawValue)
        }
    }

    /// `{"error", "status"}`: always the last.
    package static func failure(_ error: DatabaseError) -> [UInt8] {
        line {
            $0.member("error", error.message)
            $0.member("status", ErrorStatus(error.kind).http)
        }
    }

    private static func line(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        members(&writer)
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}
