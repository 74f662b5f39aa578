import ApusCore

/// Our own extension: the member `budget` of a query, which says what the headers of `BudgetHeader` do.
extension QueryBudget {
    /// `{"time_ms", "memory_bytes"}`.
    init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "time_ms":
                time = try reader.optional { (reader) throws(JSONError) in
                    try reader.readDouble(
                        in: Double.leastNonzeroMagnitude...Self.millisecondsMax,
                        "above 0 and at most \(Int(Self.millisecondsMax))")
                }.map(Self.time(milliseconds:))
            case "memory_bytes": memoryByteCount = try reader.readLimit()
            default: try reader.skipValue()
            }
        }
    }
}
