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
        guard prefix.count <= count else { return false }
        for index in 0..<prefix.count where self[index] != prefix[index] { return false }
        return true
    }
}
