package import ApusCore

/// Our own extension of the interface: headers that ask for a recall, and tell the one to expect.
/// Clients that do not know them never send the first and pass over the second.
package enum RecallHeader {
    /// Of requests, over both protocols.
    package static let target = "apus-target-recall"
    /// Of answers, where it is known.
    package static let expected = "apus-recall-expected"

    package static func target(from text: String) throws(DatabaseError) -> Double {
        guard let value = Double(text), value > 0, value <= 1 else {
            throw DatabaseError(
                .invalidArgument,
                "Format error in header \(target): `\(text)`, expected a number above 0 and at "
                    + "most 1")
        }
        return value
    }

    /// Four digits, rounded down: nothing is promised that was not measured.
    package static func expectedText(_ recall: Double) -> String {
        let digits = Int(exactly: (recall * 10_000).rounded(.down)) ?? 0
        return "\(digits / 10_000).\(String(10_000 + digits % 10_000).dropFirst())"
    }
}
