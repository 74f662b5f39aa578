package import ApusCore

/// A batch of a bulk upsert; as a line of JSON `{"sequence": 1, "points": […]}`.
package struct UpsertBatch: Sendable {
    package var sequence: UInt64
    /// Deleted before `points` are written.
    package var deletes: [PointID]
    package var points: [Point]
    /// Of a pipeline behind the batch; empty where it says none.
    package var position: String

    package init(
        sequence: UInt64, deletes: [PointID] = [], points: [Point] = [], position: String = ""
    ) {
        self.sequence = sequence
        self.deletes = deletes
        self.points = points
        self.position = position
    }
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
    ) throws(DatabaseError) -> UpsertBatch {
        do throws(DatabaseError) {
            return try decode(unsafe line.span.bytes, UpsertBatch.init(reading:))
        } catch {
            throw DatabaseError(
                error.kind, "In the line after batch \(previous): \(error.message)")
        }
    }
}

extension UpsertBatch {
    fileprivate init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var sequence: Int?
        var deletes: [PointID]?
        var points: [Point]?
        var position: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "sequence": sequence = try reader.readCount()
            case "deletes": deletes = try reader.array(of: PointID.init(reading:))
            case "points": points = try reader.array(of: Point.init(reading:))
            case "position": position = try reader.readString()
            default: try reader.skipValue()
            }
        }
        self.sequence = UInt64(
            clamping: try reader.require(sequence, "sequence", ofObjectAt: start))
        // A batch may consist of deletions alone.
        if deletes == nil { points = try reader.require(points, "points", ofObjectAt: start) }
        self.points = points ?? []
        self.deletes = deletes ?? []
        self.position = position ?? ""
    }
}

extension ResponseEncoder {
    /// How far the batches of a source are on disk.
    package static func upserted(
        _ sequence: UInt64, version: SequenceNumber, position: PipelinePosition?, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("sequence")
            $0.write(sequence)
            $0.key("version")
            $0.write(version.rawValue)
            if let position { $0.writeMembers(of: position) }
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
