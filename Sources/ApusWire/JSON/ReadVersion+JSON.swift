package import ApusCore

// Our own extension of the interface: which version of a collection a read sees. Clients that do
// not know it never send it.

extension ReadVersion {
    /// The header of requests and answers, over both protocols.
    package static let headerName = "apus-version"

    private static let pinText = "pin"

    /// What a header says: `pin`, or the number of a version.
    package init(header text: String) throws(DatabaseError) {
        if text == Self.pinText {
            self = .pin
        } else if let number = UInt64(text) {
            self = .number(SequenceNumber(number))
        } else {
            throw DatabaseError(
                .invalidArgument,
                "Format error in header \(Self.headerName): `\(text)`, expected `pin` or the "
                    + "number of a version")
        }
    }

    /// What a body says: `"pin"`, or the number of a version.
    init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .string {
            self = try reader.readName([Self.pinText: .pin])
        } else {
            self = .number(SequenceNumber(UInt64(try reader.readCount())))
        }
    }
}
