package import ApusCore

/// Our own extension of the interface: a read that waits until it sees a version, which is how one
/// reads one's own writes elsewhere.
package enum VersionWait {
    /// Of requests, over both protocols: the version, and for how many seconds at most.
    package static let headerName = "apus-version-at-least"
    package static let timeHeaderName = "apus-wait-seconds"

    package static let timeDefault = Duration.seconds(10)
    private static let secondsMax = 300.0

    package static func version(from text: String) throws(DatabaseError) -> SequenceNumber {
        guard let number = UInt64(text) else {
            throw DatabaseError(
                .invalidArgument,
                "Format error in header \(headerName): `\(text)`, expected the number of a version")
        }
        return try version(number, in: "header \(headerName)")
    }

    /// Throws for a number that no version can have.
    package static func version(
        _ number: UInt64, in place: String
    ) throws(DatabaseError) -> SequenceNumber {
        guard number < 1 << 62 else {
            throw DatabaseError(
                .invalidArgument, "Format error in \(place): no version has the number \(number)")
        }
        return SequenceNumber(number)
    }

    package static func time(from text: String) throws(DatabaseError) -> Duration {
        guard let seconds = Double(text) else {
            throw DatabaseError(
                .invalidArgument,
                "Format error in header \(timeHeaderName): `\(text)`, expected seconds")
        }
        return try time(seconds: seconds, in: "header \(timeHeaderName)")
    }

    package static func time(
        seconds: Double, in place: String
    ) throws(DatabaseError) -> Duration {
        guard seconds >= 0, seconds <= secondsMax else {
            throw DatabaseError(
                .validation,
                "Validation error in \(place): \(seconds) seconds, must be from 0 to "
                    + "\(Int(secondsMax))")
        }
        return .seconds(seconds)
    }
}
