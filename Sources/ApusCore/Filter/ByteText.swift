/// Comparisons of UTF-8 text by its bytes.
extension Span<UInt8> {
    /// Negative when this text stands before `other` in byte order, 0 when they are the same,
    /// positive otherwise.
    func order(to other: [UInt8]) -> Int {
        let common = Swift.min(count, other.count)
        for index in 0..<common {
            let difference = Int(self[index]) - Int(other[index])
            if difference != 0 { return difference }
        }
        return count - other.count
    }

    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        matches(prefix, at: 0)
    }

    /// Whether `part` occurs; the empty one always does. O(count × part.count).
    func contains(_ part: [UInt8]) -> Bool {
        guard part.count <= count else { return false }
        for start in 0...(count - part.count) where matches(part, at: start) { return true }
        return false
    }

    private func matches(_ part: [UInt8], at start: Int) -> Bool {
        guard start + part.count <= count else { return false }
        for index in 0..<part.count where self[start + index] != part[index] { return false }
        return true
    }
}
