/// What can go wrong between a source and its points. Every message names the file and the place
/// in it, what was expected and what was found.
package enum PipelineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A place in a source, as a person would look for it.
    package enum Place: Hashable, Sendable, CustomStringConvertible {
        /// From the start of the file, 0-based.
        case byte(Int)
        /// 0-based, as in the ids that rows get.
        case row(Int)
        /// 1-based, as editors count. `column` counts bytes.
        case line(Int, column: Int)
        /// Of a Parquet file; all 0-based.
        case page(group: Int, column: String, page: Int)
        /// Of an Arrow file; 0-based.
        case batch(Int)

        package var description: String {
            switch self {
            case .byte(let offset): "byte \(offset)"
            case .row(let row): "row \(row)"
            case .line(let line, let column): "line \(line), column \(column)"
            case .page(let group, let column, let page):
                "row group \(group), column \(column), page \(page)"
            case .batch(let number): "record batch \(number)"
            }
        }
    }

    /// The operating system refused.
    case unreadable(file: String, reason: String)
    /// A format, element type or layout that no reader of ours knows.
    case unsupported(file: String, expected: String, found: String)
    /// Bytes that contradict the file's own format.
    case malformed(file: String, Place, expected: String, found: String)
    /// Two files that belong together do not fit.
    case mismatch(String)

    package var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .unsupported(let file, let expected, let found):
            "\(file): expected \(expected), found \(found)"
        case .malformed(let file, let place, let expected, let found):
            "\(file), \(place): expected \(expected), found \(found)"
        case .mismatch(let text): text
        }
    }
}
