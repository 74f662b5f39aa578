import Foundation

/// One input: bytes, and a name that says which of several decoders (or files) they are for.
struct FuzzInput: Hashable, Sendable {
    var name: String
    var bytes: [UInt8]

    /// The name up to a `~`; what follows tells inputs of one purpose apart.
    var purpose: String { String(name.prefix { $0 != "~" }) }

    /// The path that the purpose names, with `__` for `/`, where inputs are files of a directory.
    var path: String { purpose.replacing("__", with: "/") }
}

/// What a decoder made of an input.
enum FuzzOutcome: Hashable, Sendable {
    case accepted
    /// It threw an error of the type that it should.
    case refused
}

/// An expectation beyond "it does not trap" that an input did not meet.
struct FuzzFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A decoder of bytes from outside, and what feeds it.
struct FuzzTarget {
    /// Also the folder of its corpus under `Fixtures/fuzz`.
    let name: String
    /// Executions for each nominal one (`FuzzSettings`): below 1 for what takes milliseconds.
    var share = 1.0
    /// Texts that mutations put into inputs.
    var tokens: [String] = []
    /// Sets the checksums of an input right, so that its damage gets past them.
    var repair: (@Sendable (inout FuzzInput) -> Void)?
    /// Inputs that other tests' fixtures hold.
    var fixtures: () throws -> [FuzzInput] = { [] }
    /// Valid samples, made by the product's encoders; written to the corpus on request.
    var samples: () throws -> [FuzzInput]
    /// Decodes an input. Throws `FuzzFailure` or an error of a type that the decoder should not
    /// throw.
    var run: (FuzzInput) async throws -> FuzzOutcome
}

/// Runs a decoder whose refusals are errors of one type; every other error is a failure.
func refusing<Failure: Error>(
    with type: Failure.Type, _ body: () throws -> Void
) throws -> FuzzOutcome {
    do {
        try body()
        return .accepted
    } catch let error as Failure {
        FuzzSettings.tell(error)
        return .refused
    }
}

func expect(_ condition: Bool, _ failure: @autoclosure () -> String) throws(FuzzFailure) {
    guard condition else { throw FuzzFailure(failure()) }
}
