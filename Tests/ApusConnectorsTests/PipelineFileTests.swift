import ApusConnectors
import ApusCore
import ApusPipeline
import Testing

@Suite struct PipelineFileTests {
    private static let whole = """
        pipeline: p
        source: {files: {path: docs, key: id}}
        map: {text: "{title}: {a.b}", payload: {year: meta.year, title: title}, textAs: null}
        filter:
          - {field: year, atLeast: 1990, below: 2000}
          - {field: lang, in: [en, 7, true]}
          - {field: title, exists: true, not: "x"}
        chunk: {rule: words, tokens: 50, overlap: 5}
        embed: {openai: {url: "http://h/v1", model: m, dimension: 3, key: "env:KEY"}}
        collection: {name: c, url: "grpc://h:1", key: "file:/key", field: text, metric: dot}
        batch: {records: 10, bytes: 1MiB, parallel: 2, texts: 5, chunks: 99}
        retry: {tries: 3, first: 10ms, longest: 2m}
        follow: 5s
        sweep: never
        deadLetters: {file: dead/letters.jsonl, most: 4}
        """

    private func read(_ text: String) throws -> PipelineFile {
        try PipelineFile(yaml: text, path: "/etc/apus/p.yaml")
    }

    @Test("Every member of a file is read")
    func all() throws {
        let file = try read(Self.whole)
        #expect(file.name == "p")
        #expect(file.source.origin.identity == "files /etc/apus/docs key=id")
        #expect(file.mapping.text?.source == "{title}: {a.b}")
        #expect(file.mapping.textMember == nil)
        #expect(file.chunks == .words(tokensMax: 50, overlap: 5))
        #expect(file.options.limit == ReadLimit(records: 10, bytes: 1 << 20))
        #expect(file.options.parallel == 2 && file.options.chunksMax == 99)
        #expect(file.textsPerRequest == 5)
        #expect(file.options.retry.tries == 3 && file.options.retry.longest == .seconds(120))
        #expect(file.options.follow == .seconds(5) && file.options.sweep == nil)
        #expect(file.deadLetters == "/etc/apus/dead/letters.jsonl")
        #expect(file.options.deadLettersMax == 4)
        #expect(file.collection.field == "text" && file.collection.metric == .dot)
        #expect(file.embedder.dimension(of: nil) == 0)
    }

    @Test(
        "Filters mean what they say",
        arguments: [
            (["year": 1995, "lang": "en", "title": "y"], true),
            (["year": 2000, "lang": "en", "title": "y"], false),
            (["year": 1990, "lang": 7, "title": "y"], true),
            (["year": 1990, "lang": true, "title": "y"], true),
            (["year": 1990, "lang": "7", "title": "y"], false),
            (["year": 1990, "lang": "en"], false),
            (["year": 1990, "lang": "en", "title": "x"], false),
        ] as [(Payload, Bool)])
    func filter(_ fields: Payload, _ isKept: Bool) throws {
        let mapped = try read(Self.whole).mapping.map(RecordContent(fields: fields))
        switch mapped {
        case .document: #expect(isKept)
        case .leftOut: #expect(!isKept)
        case .invalid(let reason): Issue.record("\(reason)")
        }
    }

    @Test(
        "A mistake is named with its line",
        arguments: [
            ("", "/etc/apus/p.yaml: the file is empty"),
            ("a: [", "/etc/apus/p.yaml:2: no YAML: "),
            ("pipeline: p\nsource: files", "source.files: 'path' is missing"),
            (
                "pipeline: p\nsource: {files: {path: x}}\nembed: [static]",
                ":3: embed: expected a mapping"
            ),
            (
                "pipeline: p\nsource: {kafka: {brokers: b, topic: t, properties: {sasl.password: x}}}",
                ":2: source.kafka.properties.sasl.password: a secret does not stand in this file"
            ),
            (
                "pipeline: p\nsource: {redis: {stream: a, hashes: b}}",
                ":2: source.redis: expected one of 'stream' and 'hashes'"
            ),
            (
                "pipeline: p\nsource: {files: {path: x}}\nembed: {vector: {field: v, dimension: 3}}\n"
                    + "chunk: {rule: words}",
                ":4: chunk: records with vectors of their own are not cut into chunks"
            ),
        ])
    func mistakes(_ text: String, _ message: String) {
        let error = #expect(throws: DeclarationProblem.self) { try read(text) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("A secret is found where it lies, or its absence is named")
    func secrets() throws {
        #expect(try Reference("plain", place: "x").value() == "plain")
        let missing = Reference("env:APUS_NO_SUCH_VARIABLE", place: "source.key")
        let error = #expect(throws: StageError.self) { try missing.value() }
        #expect(
            error?.description
                == "source.key: the environment has no variable APUS_NO_SUCH_VARIABLE")
    }
}
