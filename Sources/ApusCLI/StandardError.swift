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
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = unsafe bytes.withUnsafeBytes {
                unsafe systemWrite(2, $0.baseAddress, $0.count)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}

/// The system call, which the function above hides by its name.
private func systemWrite(
    _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int
) -> Int { unsafe write(descriptor, bytes, count) }
