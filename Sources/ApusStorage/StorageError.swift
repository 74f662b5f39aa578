/// Why storage could not do what it was asked: the kind decides the reaction, the message says
/// what was expected and what was found.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable, CaseIterable {
        case notFound
        case alreadyExists
        /// Another process (or another handle of this one) holds the lock.
        case locked
        /// Bytes are not what was written, or files do not belong together.
        case corrupt
        /// Written by a later version than this one understands.
        case newerFormat
        case outOfSpace
        /// The file system or the permissions refuse writing.
        case readOnly
        /// A value that the format cannot hold.
        case tooLarge
        /// Used after `close()`.
        case closed
        /// Any other failure of the system.
        case io
    }

    package let kind: Kind
    package let path: String
    /// Where in the file, in bytes from its start.
    package let offset: UInt64?
    package let message: String

    package init(_ kind: Kind, path: String, offset: UInt64? = nil, _ message: String) {
        self.kind = kind
        self.path = path
        self.offset = offset
        self.message = message
    }

    package var description: String {
        guard let offset else { return "\(path): \(message)" }
        return "\(path), byte \(offset): \(message)"
    }
}

extension StorageError {
    static func corrupt(_ path: String, at offset: Int? = nil, _ message: String) -> StorageError {
        StorageError(.corrupt, path: path, offset: offset.flatMap(UInt64.init(exactly:)), message)
    }

    /// Batches that may have been acknowledged are missing or damaged, so the log cannot be read
    /// on: a person decides.
    static func lostBatches(_ path: String, at offset: Int? = nil, _ message: String)
        -> StorageError
    {
        .corrupt(path, at: offset, message + "; `apus repair` keeps what can be read")
    }

    static func newer(_ path: String, what: String, found: UInt16, known: UInt16) -> StorageError {
        StorageError(
            .newerFormat, path: path,
            "\(what) has format version \(found); this program knows versions up to \(known)")
    }

    static func checksum(
        _ path: String, at offset: Int, of what: String, expected: UInt32, found: UInt32
    ) -> StorageError {
        .corrupt(
            path, at: offset,
            "checksum of \(what): expected \(hexadecimal(expected)), found \(hexadecimal(found))")
    }
}

/// Eight lowercase digits.
package func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
