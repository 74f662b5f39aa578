internal import ApusCore

/// Distinct byte strings in ascending order, numbered from 0.
///
/// Two parts: where each term ends (u64), and the bytes of all terms.
struct TermDictionary: Sendable {
    private let ends: SectionArray<UInt64>
    private let bytes: SectionArray<UInt8>

    init(_ parts: inout SectionParts) throws(MalformedBytes) {
        ends = try parts.next()
        bytes = try parts.next()
        var end: UInt64 = 0
        for term in 0..<ends.count {
            guard ends[term] >= end, ends[term] <= UInt64(bytes.count) else {
                throw parts.malformed("term \(term) leaves the dictionary")
            }
            end = ends[term]
        }
        guard end == UInt64(bytes.count) else { throw parts.malformed("bytes behind the terms") }
        for term in 1..<max(1, ends.count) where !precedes(term - 1, term) {
            throw parts.malformed("term \(term) is out of order")
        }
    }

    var count: Int { ends.count }

    /// The number of a term. O(log terms) comparisons.
    func number(of term: [UInt8]) -> Int? {
        let position = firstPosition { order(of: $0, to: term) >= 0 }
        return position < count && order(of: position, to: term) == 0 ? position : nil
    }

    /// The numbers of the terms that begin with `prefix`.
    func numbers(withPrefix prefix: [UInt8]) -> Range<Int> {
        let start = firstPosition { order(of: $0, to: prefix) >= 0 }
        let end = firstPosition { term in
            order(of: term, to: prefix) >= 0 && !begins(term, with: prefix)
        }
        return start..<max(start, end)
    }

    /// The bytes of a term.
    func term(_ number: Int) -> [UInt8] { place(of: number).map { bytes[$0] } }

    private func place(of term: Int) -> Range<Int> {
        bytes.clamped(term == 0 ? 0 : ends[term - 1], ends[term])
    }

    private func firstPosition(where isReached: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isReached(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Negative when the term stands before `other`, 0 when it is the same.
    private func order(of term: Int, to other: [UInt8]) -> Int {
        bytes.order(of: place(of: term), to: other)
    }

    private func begins(_ term: Int, with prefix: [UInt8]) -> Bool {
        let place = place(of: term)
        return place.count >= prefix.count
            && prefix.indices.allSatisfy { bytes[place.lowerBound + $0] == prefix[$0] }
    }

    private func precedes(_ term: Int, _ next: Int) -> Bool {
        let (left, right) = (place(of: term), place(of: next))
        for index in 0..<min(left.count, right.count) {
            let (a, b) = (bytes[left.lowerBound + index], bytes[right.lowerBound + index])
            if a != b { return a < b }
        }
        return left.count < right.count
    }

    /// Appends the parts for distinct terms in ascending order.
    static func write(_ terms: some Collection<[UInt8]>, to parts: inout SectionPartsWriter) {
        var end: UInt64 = 0
        parts.add(
            terms.map { term in
                end += UInt64(term.count)
                return end
            })
        parts.add(bytes: terms.flatMap { $0 })
    }
}
