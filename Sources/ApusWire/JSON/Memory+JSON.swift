// Where data lives. The older settings say it by a flag, `on_disk` or `always_ram`; 1.19 adds
// `memory`, which wins when both are there. `ApusCore` knows the flags only.

extension JSONReader {
    /// The value of `memory` as the flag `on_disk`; nil for null.
    mutating func readMemoryAsOnDisk() throws(JSONError) -> Bool? {
        if readNull() { return nil }
        return try readName(["cold": true, "cached": false, "pinned": false])
    }

    /// The value of `memory` as the flag `always_ram`; nil for null.
    mutating func readMemoryAsAlwaysRAM() throws(JSONError) -> Bool? {
        try readMemoryAsOnDisk().map { !$0 }
    }

    /// `{"memory": …}` of payloads, as the flag `on_disk_payload`; nil when it says nothing.
    mutating func readPayloadStorageAsOnDisk() throws(JSONError) -> Bool? {
        if readNull() { return nil }
        var isOnDisk: Bool?
        try beginObject()
        while let key = try nextKey() {
            if key == "memory" { isOnDisk = try readMemoryAsOnDisk() } else { try skipValue() }
        }
        return isOnDisk
    }
}
