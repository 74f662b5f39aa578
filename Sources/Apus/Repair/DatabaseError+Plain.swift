internal import ApusCore

extension DatabaseError {
    /// Without the word for where it came from: commands that work on files have no other source of
    /// errors, so there it says nothing.
    package var plain: DatabaseError { DatabaseError(kind, message.withoutOrigin) }

    /// Runs `body`, whose errors become public ones without that word.
    static func plainly<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw DatabaseError(causedBy: error).plain }
    }
}

extension String {
    /// The same for a message.
    var withoutOrigin: String {
        let origin = "Storage: "
        return hasPrefix(origin) ? String(dropFirst(origin.count)) : self
    }
}
