private import Foundation

#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// Whether a person sits at the other end, and how wide the window is.
enum Terminal {
    static var isInput: Bool { isatty(0) == 1 }
    static var isOutput: Bool { isatty(1) == 1 }

    /// Columns, by the environment variable that shells keep; 80 where they do not say.
    static var width: Int {
        let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
        return min(max(columns ?? 80, 40), 200)
    }
}
