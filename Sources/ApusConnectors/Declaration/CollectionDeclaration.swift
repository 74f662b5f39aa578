package import ApusCore

/// The collection that a pipeline fills, and where it is.
package struct CollectionDeclaration: Sendable {
    package enum Place: Hashable, Sendable {
        /// The directory of a database that this process opens.
        case directory(String)
        /// `grpc://HOST:PORT`, with the key that it wants.
        case server(String, key: Reference?)
    }

    package var name: String
    package var place: Place
    /// The vector field; empty for the unnamed one.
    package var field: String
    /// Of a new collection; nil: cosine.
    package var metric: Metric?

    init(_ declaration: Declaration, folder: String) throws(DeclarationProblem) {
        let values = try declaration.members(["name", "data", "url", "key", "field", "metric"])
        name = try values.required("name", of: declaration).text()
        field = try values["field"]?.text() ?? defaultVectorName
        metric = try values["metric"]?.choice([
            "cosine": .cosine, "l2": .euclid, "dot": .dot, "manhattan": .manhattan,
        ])
        switch (values["data"], values["url"]) {
        case (let data?, nil):
            if let key = values["key"] { throw key.problem("a key goes with a url") }
            place = .directory(try data.text().relative(to: folder))
        case (nil, let url?):
            let text = try url.text()
            guard text.hasPrefix("grpc://") else {
                throw url.problem("expected grpc://HOST:PORT, found '\(text)'")
            }
            let key = try values["key"].map { value throws(DeclarationProblem) in
                try Reference(secret: value)
            }
            place = .server(text, key: key)
        default:
            throw declaration.problem(
                "expected one of 'data', the directory of a database, and 'url', a server's "
                    + "address")
        }
    }
}
