package import ApusCore

extension WriteOperation {
    /// `{"points": [point, …]}` or `{"batch": columns}`, with `update_mode` and `update_filter`.
    package static func upsert(reading reader: inout JSONReader) throws(JSONError) -> WriteOperation
    {
        let start = reader.position()
        var points: [Point]?
        var condition = UpdateCondition()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "points": points = try reader.array(of: Point.init(reading:))
            case "batch": points = try PointBatch(reading: &reader).points
            case "update_filter": condition.filter = try reader.optional(Filter.init(reading:))
            case "update_mode":
                condition.mode =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.readName(UpdateCondition.Mode.self)
                    } ?? .upsert
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
        return .upsert(
            try reader.require(points, "points", ofObjectAt: start), where: condition)
    }

    package static func delete(reading reader: inout JSONReader) throws(JSONError) -> WriteOperation
    {
        .delete(try PointSelection(reading: &reader))
    }

    package static func clearPayload(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        .clearPayload(try PointSelection(reading: &reader))
    }

    /// `{"points": [{"id", "vector"}, …], "update_filter"}`.
    package static func updateVectors(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        let start = reader.position()
        var points: [PointVectors]?
        var filter: Filter?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "points": points = try reader.array(of: PointVectors.init(reading:))
            case "update_filter": filter = try reader.optional(Filter.init(reading:))
            case "shard_key": try reader.refuse("shard_key")
            default: try reader.skipValue()
            }
        }
        return .updateVectors(
            try reader.require(points, "points", ofObjectAt: start), where: filter)
    }

    /// `{"vector": [names], "points" | "filter"}`.
    package static func deleteVectors(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        let start = reader.position()
        var names: [String]?
        var selection = SelectionParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "vector" {
                names = try reader.array(of: String.init(reading:))
            } else if try !selection.read(key, &reader) {
                try reader.skipValue()
            }
        }
        return .deleteVectors(
            names: try reader.require(names, "vector", ofObjectAt: start),
            try selection.selection(ofObjectAt: start))
    }

    /// `{"payload", "key", "points" | "filter"}`.
    package static func setPayload(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        let (payload, path, selection) = try readPayloadChange(&reader)
        return .setPayload(payload, key: path, selection)
    }

    /// `{"payload", "key", "points" | "filter"}`.
    package static func overwritePayload(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        let (payload, path, selection) = try readPayloadChange(&reader)
        return .overwritePayload(payload, key: path, selection)
    }

    private static func readPayloadChange(
        _ reader: inout JSONReader
    ) throws(JSONError) -> (Payload, PayloadPath?, PointSelection) {
        let start = reader.position()
        var payload: Payload?
        var path: PayloadPath?
        var selection = SelectionParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "payload": payload = try reader.readPayload()
            case "key": path = try reader.optional(PayloadPath.init(reading:))
            default: if try !selection.read(key, &reader) { try reader.skipValue() }
            }
        }
        return (
            try reader.require(payload, "payload", ofObjectAt: start), path,
            try selection.selection(ofObjectAt: start)
        )
    }

    /// `{"keys": [paths], "points" | "filter"}`.
    package static func deletePayload(
        reading reader: inout JSONReader
    ) throws(JSONError) -> WriteOperation {
        let start = reader.position()
        var keys: [PayloadPath]?
        var selection = SelectionParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "keys" {
                keys = try reader.array(of: PayloadPath.init(reading:))
            } else if try !selection.read(key, &reader) {
                try reader.skipValue()
            }
        }
        return .deletePayload(
            keys: try reader.require(keys, "keys", ofObjectAt: start),
            try selection.selection(ofObjectAt: start))
    }

    /// One entry of a batch: an object whose only key names the operation.
    package init(readingBatchEntry reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var operation: WriteOperation?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard operation == nil else {
                throw reader.malformed("several operations in one object", at: start)
            }
            switch key {
            case "upsert": operation = try .upsert(reading: &reader)
            case "delete": operation = try .delete(reading: &reader)
            case "set_payload": operation = try .setPayload(reading: &reader)
            case "overwrite_payload": operation = try .overwritePayload(reading: &reader)
            case "delete_payload": operation = try .deletePayload(reading: &reader)
            case "clear_payload": operation = try .clearPayload(reading: &reader)
            case "update_vectors": operation = try .updateVectors(reading: &reader)
            case "delete_vectors": operation = try .deleteVectors(reading: &reader)
            default:
                throw reader.malformed("unknown operation `\(JSONError.shortened(key))`", at: start)
            }
        }
        guard let operation else { throw reader.malformed("missing operation", at: start) }
        self = operation
    }
}
