/// How many rows match: what is known of it without looking at them.
///
/// `min` and `max` hold for certain, `expected` lies between them and assumes that conditions have
/// nothing to do with each other (Selinger et al.: "Access path selection in a relational database
/// management system", SIGMOD 1979, section 4).
public struct Cardinality: Hashable, Sendable {
    public private(set) var min: Int
    public private(set) var expected: Double
    public private(set) var max: Int

    /// `expected` is brought within the bounds. REQUIRES: 0 ≤ min ≤ max.
    public init(min: Int, expected: Double, max: Int) {
        precondition(0 <= min && min <= max)
        self.min = min
        self.max = max
        self.expected = Swift.min(Swift.max(expected, Double(min)), Double(max))
    }

    /// The number is known.
    public static func exactly(_ count: Int) -> Cardinality {
        Cardinality(min: count, expected: Double(count), max: count)
    }

    /// Nothing is known of `count` rows.
    public static func unknown(of count: Int) -> Cardinality {
        Cardinality(min: 0, expected: Double(count) / 2, max: count)
    }

    /// Rows of two sets that have none in common.
    public static func + (left: Cardinality, right: Cardinality) -> Cardinality {
        Cardinality(
            min: left.min + right.min, expected: left.expected + right.expected,
            max: left.max + right.max)
    }

    /// The same where some of the rows that count may not match after all.
    package var withoutMin: Cardinality { Cardinality(min: 0, expected: expected, max: max) }

    /// Rows that are in both of two sets among `count` rows.
    package func intersection(_ other: Cardinality, of count: Int) -> Cardinality {
        Cardinality(
            min: Swift.max(0, min + other.min - count),
            expected: count == 0 ? 0 : expected * other.expected / Double(count),
            max: Swift.min(max, other.max))
    }

    /// Rows that are in one of two sets among `count` rows, or in both.
    package func union(_ other: Cardinality, of count: Int) -> Cardinality {
        let common = count == 0 ? 0 : expected * other.expected / Double(count)
        return Cardinality(
            min: Swift.max(min, other.min), expected: expected + other.expected - common,
            max: Swift.min(count, max + other.max))
    }

    /// The other ones of `count` rows.
    package func complement(of count: Int) -> Cardinality {
        Cardinality(
            min: Swift.max(0, count - max), expected: Double(count) - expected,
            max: Swift.max(0, count - min))
    }

    /// Rows that are in at least `least` of some sets among `count` rows.
    ///
    /// The bounds count memberships: `n` sets of `s` rows together cannot fill fewer rows than
    /// (s − (least − 1) × count) / (n − least + 1) so far, nor more than s / least. O(sets × least) up to
    /// a bound, beyond which the expectation is what the mean of memberships says.
    package static func inAtLeast(
        _ least: Int, of sets: [Cardinality], among count: Int
    ) -> Cardinality {
        guard least > 0 else { return exactly(count) }
        guard least <= sets.count else { return exactly(0) }
        let (minSum, maxSum) = sets.reduce((0.0, 0.0)) {
            ($0.0 + Double($1.min), $0.1 + Double($1.max))
        }
        let rows = Double(count)
        let surplus = minSum - Double(least - 1) * rows
        let min = Swift.max(0, (surplus / Double(sets.count - least + 1)).rounded(.up))
        let max = Swift.min(rows, (maxSum / Double(least)).rounded(.down))
        return Cardinality(
            min: Int(Swift.min(min, max)),
            expected: count == 0 ? 0 : rows * share(inAtLeast: least, of: sets, among: rows),
            max: Int(max))
    }

    private static let expectationWorkMax = 4096

    /// The share of rows that are in at least `least` independent sets.
    private static func share(
        inAtLeast least: Int, of sets: [Cardinality], among rows: Double
    ) -> Double {
        guard sets.count * least <= expectationWorkMax else {
            let mean = sets.reduce(0) { $0 + $1.expected } / rows
            return mean >= Double(least) ? 1 : mean / Double(least)
        }
        // The chance to be in exactly 0, 1, … of the sets so far; the last one: in at least that many.
        var chances = [Double](repeating: 0, count: least + 1)
        chances[0] = 1
        for set in sets {
            let chance = set.expected / rows
            chances[least] += chances[least - 1] * chance
            for number in stride(from: least - 1, through: 1, by: -1) {
                chances[number] = chances[number] * (1 - chance) + chances[number - 1] * chance
            }
            chances[0] *= 1 - chance
        }
        return chances[least]
    }
}
