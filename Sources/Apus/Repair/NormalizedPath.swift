extension String {
    /// The same path without what says nothing: `.`, and slashes at the end or beside others.
    var normalizedPath: String {
        let names = split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        if hasPrefix("/") { return "/" + names }
        return names.isEmpty && !isEmpty ? "." : names
    }
}
