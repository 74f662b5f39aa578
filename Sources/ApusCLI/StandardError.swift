private import Foundation

#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// Text for people, apart from the results on standard output.
enum StandardError {
    /// Whether a person watches, rather than a file.
    static var isTerminal: Bool { isatty(2) == 1 }

    static func write(line: some StringProtocol) { write(line + "\n") }

    /// As it is, without a newline. What cannot be written is lost: there is nobody to tell.
    static func write(_ text: some StringProtocol) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
