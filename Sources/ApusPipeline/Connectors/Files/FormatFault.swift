/// What is wrong with bytes of a file of columns. Who reads them adds where they stand.
struct FormatFault: Error, Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case malformed
        /// Sound as far as we see, and nothing that this reader knows.
        case unsupported
        /// More bytes are needed.
        case ended
        /// Sound, and more than is read at a time.
        case tooLarge
    }

    var kind: Kind
    var expected: String
    var found: String

    init(_ kind: Kind = .malformed, expected: String, found: String) {
        self.kind = kind
        self.expected = expected
        self.found = found
    }

    /// As the error of a file.
    func error(_ file: String, _ place: PipelineError.Place) -> PipelineError {
        switch kind {
        case .malformed, .ended: .malformed(file: file, place, expected: expected, found: found)
        case .unsupported, .tooLarge:
            .unsupported(file: "\(file), \(place)", expected: expected, found: found)
        }
    }
}
