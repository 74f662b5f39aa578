/// A benchmark that cannot be run as it was asked for.
package struct BenchError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
