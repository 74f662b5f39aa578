private import ApusCore
private import GRPCCore

/// Why a command gives up, in a sentence for whoever called it.
struct Failure: Error, CustomStringConvertible {
    let description: String
    /// 1: it went wrong; 2: it was called wrongly.
    let exitCode: Int32

    init(_ description: String, exitCode: Int32 = 1) {
        self.description = description
        self.exitCode = exitCode
    }

    /// Runs work on a closed database: what keeps it from even beginning is exit code 2.
    static func telling<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as DatabaseError {
            throw Failure(error.message, exitCode: 2)
        }
    }

    /// One line that says what failed; the names of types and cases are of no use to a reader.
    static func text(of error: any Error) -> String {
        switch error {
        case let error as RPCError: "the server answered \(error.code): \(error.message)"
        case let error as any CustomStringConvertible: error.description
        default: "\(error)"
        }
    }
}
