internal import ApusCore
package import ApusPipeline
private import Foundation

/// A pipeline as its file declares it: from where, through what, to where.
package struct PipelineFile: Sendable {
    package var path: String
    /// Part of the ids of what it writes.
    package var name: String
    package var source: SourceDeclaration
    package var mapping: RecordMapping
    /// nil: a record is one chunk.
    package var chunks: ChunkRule?
    package var embedder: EmbedderDeclaration
    /// Where vectors are kept for other runs and pipelines.
    package var cache: CacheDeclaration?
    package var collection: CollectionDeclaration
    package var options: PipelineRun.Options
    /// Texts of a request to an embedder.
    package var textsPerRequest: Int
    package var deadLetters: String

    private static let members = [
        "pipeline", "source", "map", "filter", "chunk", "embed", "cache", "collection", "batch",
        "retry",
        "follow", "sweep", "deadLetters",
    ]

    /// Reads a file. Relative paths in it start from its folder.
    package init(path: String) throws(DeclarationProblem) {
        let text: String
        do { text = try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8) } catch {
            throw DeclarationProblem(file: path, message: "cannot be read as UTF-8 text")
        }
        try self.init(yaml: text, path: path)
    }

    package init(yaml text: String, path: String) throws(DeclarationProblem) {
        let root = try Declaration(yaml: text, file: path)
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().standardizedFileURL.path
        let members = try root.members(Self.members)
        self.path = path
        let name = try members.required("pipeline", of: root)
        self.name = try name.text()
        guard !self.name.isEmpty, self.name.utf8.count <= 200 else {
            throw name.problem("expected a name of 1 to 200 bytes")
        }
        source = try SourceDeclaration(try members.required("source", of: root), folder: folder)
        embedder = try EmbedderDeclaration(try members.required("embed", of: root), folder: folder)
        if let value = members["cache"] {
            if case .vector = embedder.kind {
                throw value.problem("records with vectors of their own are not embedded")
            }
            cache = try CacheDeclaration(value)
        }
        mapping = RecordMapping()
        try mapping.declare(members["map"], filter: members["filter"], embedder)
        source.read(only: mapping.fieldsNeeded)
        chunks = try members["chunk"].map { value throws(DeclarationProblem) in
            try ChunkRule(value)
        }
        if case .vector = embedder.kind, let chunk = members["chunk"] {
            throw chunk.problem("records with vectors of their own are not cut into chunks")
        }
        collection = try CollectionDeclaration(
            try members.required("collection", of: root), folder: folder)
        options = PipelineRun.Options()
        textsPerRequest = 64
        deadLetters = "\(folder)/\(self.name).dead.jsonl"
        try declareOptions(members, folder: folder)
    }

    private mutating func declareOptions(
        _ members: [String: Declaration], folder: String
    ) throws(DeclarationProblem) {
        if let batch = members["batch"] {
            let values = try batch.members(["records", "bytes", "parallel", "texts", "chunks"])
            if let value = values["records"] {
                options.limit.records = try value.integer(1...100_000)
            }
            if let value = values["bytes"] { options.limit.bytes = try value.byteCount() }
            if let value = values["parallel"] { options.parallel = try value.integer(1...256) }
            if let value = values["texts"] { textsPerRequest = try value.integer(1...10_000) }
            if let value = values["chunks"] {
                options.chunksMax = try value.integer(1...1_000_000)
            }
        }
        if let retry = members["retry"] {
            let values = try retry.members(["tries", "first", "longest"])
            if let value = values["tries"] { options.retry.tries = try value.integer(1...1_000) }
            if let value = values["first"] { options.retry.first = try value.duration() }
            if let value = values["longest"] { options.retry.longest = try value.duration() }
        }
        if let follow = members["follow"] { options.follow = try follow.duration() }
        if let sweep = members["sweep"] {
            options.sweep = try sweep.text() == "never" ? nil : sweep.duration()
        }
        if let letters = members["deadLetters"] {
            let values = try letters.members(["file", "most"])
            if let file = values["file"] {
                deadLetters = try file.text().relative(to: folder)
            }
            if let most = values["most"] {
                options.deadLettersMax = try most.integer(0...1_000_000_000)
            }
        }
    }
}

extension String {
    /// The path, from a folder on where it is relative.
    func relative(to folder: String) -> String { hasPrefix("/") ? self : "\(folder)/\(self)" }
}

extension ChunkRule {
    fileprivate init(_ declaration: Declaration) throws(DeclarationProblem) {
        let values = try declaration.members(["rule", "tokens", "bytes", "overlap"])
        let rule = try values.required("rule", of: declaration)
        let size = try values["tokens"]?.integer(1...100_000) ?? 200
        let overlap = try values["overlap"]?.integer(0...50_000) ?? 0
        switch try rule.text() {
        case "words": self = .words(tokensMax: size, overlap: overlap)
        case "sentences": self = .sentences(tokensMax: size, overlap: overlap)
        case "structure":
            if let overlap = values["overlap"] {
                throw overlap.problem("chunks by structure do not overlap")
            }
            self = .structure(tokensMax: size)
        case "window":
            self = .window(
                bytes: try values["bytes"]?.integer(4...1_000_000) ?? 1_000, overlap: overlap)
        default: throw rule.problem("expected one of words, sentences, structure, window")
        }
    }
}

extension RecordMapping {
    /// What `map` and `filter` say.
    fileprivate mutating func declare(
        _ map: Declaration?, filter: Declaration?, _ embedder: EmbedderDeclaration
    ) throws(DeclarationProblem) {
        if case .vector(let field, let dimension, _) = embedder.kind {
            vector = field
            vectorDimension = dimension
        }
        if let map {
            let values = try map.members(["text", "payload", "textAs"])
            if let text = values["text"] {
                do throws(TextTemplate.Malformed) {
                    self.text = try TextTemplate(try text.anyText())
                } catch {
                    throw text.problem(error.description)
                }
            }
            if let payload = values["payload"] { members = try Members(payload) }
            if let name = values["textAs"] {
                textMember = name.isNull ? nil : try name.text()
            }
        }
        if let filter {
            let conditions = try filter.list()
            self.filter = Filter(
                must: try conditions.map { value throws(DeclarationProblem) in
                    try Condition(value)
                })
            filterSignature = "\(self.filter.map { "\($0)" } ?? "")"
        }
    }
}

extension Declaration {
    /// A text, read where typed throws of two kinds meet.
    fileprivate func anyText() throws(TextTemplate.Malformed) -> String {
        do throws(DeclarationProblem) { return try text() } catch {
            throw TextTemplate.Malformed(error.message)
        }
    }
}

extension RecordMapping.Members {
    /// `all`, a list of fields, or a mapping from members to fields.
    fileprivate init(_ declaration: Declaration) throws(DeclarationProblem) {
        if let word = try? declaration.text() {
            guard word == "all" else {
                throw declaration.problem("expected 'all', a list of fields, or a mapping")
            }
            self = .all
            return
        }
        var paths: [String: PayloadPath] = [:]
        if let list = try? declaration.list() {
            for field in list { paths[try field.text()] = try field.path() }
        } else {
            for (member, field) in try declaration.anyMembers() {
                paths[member] = try field.path()
            }
        }
        guard paths[ChunkPoint.member] == nil else {
            throw declaration.problem("'\(ChunkPoint.member)' is what the pipeline notes itself")
        }
        self = .fields(paths)
    }
}

extension Declaration {
    func path() throws(DeclarationProblem) -> PayloadPath {
        let text = try self.text()
        guard let path = PayloadPath(text) else {
            throw problem("'\(text)' does not name a field")
        }
        return path
    }

    /// A field, or a list of several that name a record together.
    func recordKey() throws(DeclarationProblem) -> RecordKey {
        RecordKey(try distinct { declaration throws(DeclarationProblem) in try declaration.path() })
    }

    /// A column, or a list of several that name a row together.
    func keyColumns() throws(DeclarationProblem) -> [String] {
        try distinct { declaration throws(DeclarationProblem) in try declaration.text() }
    }

    private func distinct<Value: Hashable>(
        _ value: (Declaration) throws(DeclarationProblem) -> Value
    ) throws(DeclarationProblem) -> [Value] {
        var values: [Value] = []
        for each in try listOrOne() {
            let value = try value(each)
            guard !values.contains(value) else { throw each.problem("'\(value)' is there twice") }
            values.append(value)
        }
        guard (1...32).contains(values.count) else {
            throw problem("a key has 1 to 32 fields, found \(values.count)")
        }
        return values
    }
}

extension Condition {
    /// `{field: year, atLeast: 1990}`; several tests of one field all hold.
    fileprivate init(_ declaration: Declaration) throws(DeclarationProblem) {
        let values = try declaration.members([
            "field", "equals", "not", "in", "exists", "atLeast", "atMost", "above", "below",
        ])
        let path = try values.required("field", of: declaration).path()
        var filter = Filter()
        if let value = values["equals"] {
            filter.must.append(.field(path, try FieldPredicate(equal: value)))
        }
        if let value = values["not"] {
            filter.mustNot.append(.field(path, try FieldPredicate(equal: value)))
        }
        if let list = values["in"] {
            var any = Filter()
            for value in try list.list() {
                any.should.append(.field(path, try FieldPredicate(equal: value)))
            }
            filter.must.append(.filter(any))
        }
        if let value = values["exists"] {
            if try value.bool() {
                filter.mustNot.append(.isEmpty(path))
            } else {
                filter.must.append(.isEmpty(path))
            }
        }
        var range = NumericRange()
        if let value = values["atLeast"] { range.greaterOrEqual = try value.number() }
        if let value = values["atMost"] { range.lessOrEqual = try value.number() }
        if let value = values["above"] { range.greaterThan = try value.number() }
        if let value = values["below"] { range.lessThan = try value.number() }
        if range != NumericRange() { filter.must.append(.field(path, .range(range))) }
        guard !filter.isEmpty else {
            throw declaration.problem(
                "says nothing of the field: expected equals, not, in, exists, atLeast, atMost, "
                    + "above or below")
        }
        self = .filter(filter)
    }
}

extension FieldPredicate {
    fileprivate init(equal value: Declaration) throws(DeclarationProblem) {
        switch try value.scalar() {
        case .bool(let bool): self = .matchBool(bool)
        case .integer(let integer): self = .matchInteger(integer)
        case .double(let double):
            self = .range(NumericRange(greaterOrEqual: double, lessOrEqual: double))
        case .string(let text): self = .matchKeyword(text)
        case .null, .array, .object: throw value.problem("expected a text, a number or a bool")
        }
    }
}
