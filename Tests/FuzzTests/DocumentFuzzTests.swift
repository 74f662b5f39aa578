import ApusPipeline
import Foundation
import Testing

/// Documents and tables of text that people bring.
@Suite("Fuzzing documents") struct DocumentFuzzTests {
    private static let page = """
        <!DOCTYPE html><html><head><title>A &amp; B</title><style>p { color: red }</style>
        <script>if (1 < 2) { "</scrip" }</script></head><body><!-- <p>not this</p> -->
        <h1 id='a>b'>Rivers</h1><p>The <b>river</b>&nbsp;is&#32;long.&#x2014;It &unknown; flows.<br/>
        <ul><li>One<li>Two</ul><pre>  as
         it is</pre><![CDATA[x]]><p class="
        """

    private static let markdown = """
        # Rivers

        The river is long. It flows, e.g. in spring; 水は流れる。
        It ends…

        ## Bridges ##

        - a bridge
        - another *one*

        ```swift
        # no heading
        ```

        Setext
        ======

        | a | b |
        |---|---|
        | 1 | 2 |
        """

    private static let documents = [
        FuzzInput(name: "html~0", bytes: Array(page.utf8)),
        FuzzInput(name: "markdown~0", bytes: Array(markdown.utf8)),
        FuzzInput(name: "plain~0", bytes: [0xef, 0xbb, 0xbf] + Array(markdown.utf8)),
    ]

    @Test("Texts of documents, in chunks") func documents() async throws {
        let tokenizer = try StaticEmbedder().tokenizer
        let rules: [ChunkRule] = [
            .words(tokensMax: 7, overlap: 2), .sentences(tokensMax: 12, overlap: 4),
            .structure(tokensMax: 9), .window(bytes: 11, overlap: 3),
        ]
        let path = InputPath("document")
        try await fuzz(
            FuzzTarget(
                name: "document", share: 0.2,
                tokens: [
                    "<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "&", "&#", "&#x110000;", ";",
                    "&amp;", "<script>", "</script>", "<pre>", "\"", "'", "# ", "\n\n", "```",
                    "---",
                    "===", ". ", "。", "\u{0}", "\u{301}", "\r\n", "\u{feff}",
                ],
                samples: { Self.documents },
                run: { input in
                    let format: DocumentReader.Format =
                        ["html": .html, "markdown": .markdown][input.purpose] ?? .plain
                    // Piece by piece, as a file is read.
                    try path.write(input.bytes)
                    var pieces = try DocumentReader(
                        path: path.path, format: format, pieceSize: 64
                    ).pieces()
                    while let piece = try pieces.next() {
                        try Self.check(piece, rules[3], tokenizer, size: input.bytes.count)
                    }
                    // As a whole.
                    return try refusing(with: DocumentText.Unreadable.self) {
                        let text = try DocumentText(content: input.bytes, format: format)
                        for rule in rules {
                            try Self.check(text, rule, tokenizer, size: input.bytes.count)
                        }
                    }
                }))
    }

    private static func check(
        _ text: DocumentText, _ rule: ChunkRule, _ tokenizer: WordPieceTokenizer, size: Int
    ) throws {
        var start = 0
        for chunk in Chunker(rule, tokenizer: tokenizer).chunks(of: text) {
            try expect(!chunk.text.isEmpty, "an empty chunk")
            try expect(
                chunk.source.lowerBound >= start && chunk.source.upperBound <= size,
                "a chunk of \(chunk.source), behind \(start), of \(size) bytes")
            start = chunk.source.lowerBound
        }
    }

    @Test("Rows of delimited values") func delimited() async throws {
        let path = InputPath("rows.csv")
        try await fuzz(
            FuzzTarget(
                name: "delimited", tokens: ["\"", "\"\"", ",", "\r\n", "\n", "\t", "\u{feff}"],
                samples: {
                    [
                        FuzzInput(
                            name: "delimited~0",
                            bytes: Array(
                                "id,text,text\r\n1,\"two\nlines, \"\"quoted\"\"\",é\n\n2,,\n3,x"
                                    .utf8)
                        )
                    ]
                },
                run: { input in
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        var rows = DelimitedRows(
                            try LineReader(path: path.path), delimiter: UInt8(ascii: ","))
                        var last = 0
                        while let (line, _) = try rows.next() {
                            try expect(line > last, "line \(line) behind \(last)")
                            last = line
                        }
                    }
                }))
    }
}
