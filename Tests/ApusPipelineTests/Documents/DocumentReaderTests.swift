import ApusPipeline
import Foundation
import TestSupport
import Testing

@Suite struct DocumentReaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(
        _ path: String, pieceSize: Int = DocumentReader.pieceSize
    ) throws -> (pieces: [DocumentText], warning: DocumentWarning?) {
        let format = try #require(DocumentReader.Format(path: path))
        var pieces = try DocumentReader(path: path, format: format, pieceSize: pieceSize).pieces()
        var found: [DocumentText] = []
        while let piece = try pieces.next() { found.append(piece) }
        return (found, pieces.warning)
    }

    private func html(_ text: String) throws -> String {
        let (pieces, warning) = try read(folder.write("page.html", text))
        #expect(warning == nil)
        return pieces.map { $0.string(0..<$0.bytes.count) }.joined()
    }

    @Test func tagsScriptsAndCommentsAreNoText() throws {
        let text = try html(
            """
            <!DOCTYPE html><html><head><title>The title</title>
            <style>p { color: red }</style><script>if (a < b) { alert("no") }</script></head>
            <body><!-- hidden <p>no</p> --><h1>Head</h1><p>One <b>two</b>
               three<br>four</p><ul><li>x</li><li data-a="a > b">y</li></ul>
            <SCRIPT>no</SCRIPT ><td>cell</td><td>other</td></body></html>
            """)
        #expect(text == "The title\nHead\nOne two three\nfour\nx\ny\ncell\nother")
    }

    @Test func entitiesBecomeCharacters() throws {
        #expect(
            try html("a&amp;b &lt;tag&gt; caf&eacute; &#8364;&#x20AC; &hellip;&nbsp;x")
                == "a&b <tag> café €€ … x")
        #expect(
            try html("AT&T &unknown; &#0; &#xD800; &#99999999; & &; 5 < 6 <")
                == "AT&T &unknown; &#0; &#xD800; &#99999999; & &; 5 < 6 <")
    }

    @Test func brokenPagesAreReadAsTheyCome() throws {
        #expect(try html("<p>one<p>two<b") == "one\ntwo")
        #expect(try html("text <!-- never closed") == "text")
        #expect(try html("text <script>never closed") == "text")
        #expect(try html("<a title='it\\'s'>x</a><br/>y") == "x\ny")
        #expect(try html("") == "")
    }

    @Test func placesInPagesAreThoseOfTheFile() throws {
        let page = "<p>caf&eacute; <b>bold</b></p>\n<script>x</script><p>the answer</p>"
        let (pieces, _) = try read(folder.write("p.html", page))
        let piece = try #require(pieces.first)
        let text = piece.string(0..<piece.bytes.count)
        for word in ["caf", "bold", "the answer", "answer"] {
            let inText = try #require(text.range(of: word)).lowerBound
            let inPage = try #require(page.range(of: word)).lowerBound
            #expect(
                piece.sourceOffset(of: text.utf8.distance(from: text.startIndex, to: inText))
                    == page.utf8.distance(from: page.startIndex, to: inPage), "\(word)")
        }
    }

    /// Whatever a page is made of: its text is UTF-8, and its places lie in the page, in order.
    @Test func randomPagesAreReadWithoutHarm() throws {
        var generator = SeededGenerator(seed: 5)
        let parts = [
            "<", ">", "</", "/>", "<p>", "<b", "<!--", "-->", "<script", "</script", "<style>",
            "<![CDATA[", "]]>", "&", "&amp;", "&#", "&#x1F600;", ";", "\"", "'", "=", " ", "\n",
            "é", "日", "text", "<a href='x>", "&nbsp;", "#", "<?x", "</P >", "<1>",
        ]
        for _ in 0..<2000 {
            let page = (0..<Int.random(in: 0...30, using: &generator))
                .map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
            let (pieces, warning) = try read(folder.write("r.html", page))
            #expect(warning == nil)
            for piece in pieces {
                #expect(String(validating: piece.bytes, as: UTF8.self) != nil)
                let places = piece.bytes.indices.map(piece.sourceOffset)
                #expect(places.allSatisfy { (0..<page.utf8.count).contains($0) }, "\(page)")
                #expect(zip(places, places.dropFirst()).allSatisfy { $0 < $1 }, "\(page)")
            }
        }
    }

    @Test func largeFilesComeInPiecesOfWholeLines() throws {
        let lines = (0..<2000).map { "line \($0) é日🙂" }
        let text = lines.joined(separator: "\n")
        let (pieces, warning) = try read(folder.write("big.txt", text), pieceSize: 100)
        #expect(warning == nil)
        #expect(pieces.count > 100)
        var offset = 0
        for piece in pieces {
            #expect(piece.bytes.count <= 100)
            #expect(piece.sourceOffset(of: 0) == offset)
            offset += piece.bytes.count
        }
        #expect(pieces.map { $0.string(0..<$0.bytes.count) }.joined() == text)
        #expect(pieces.dropLast().allSatisfy { $0.bytes.last == 0x0a })
    }

    @Test(arguments: [16, 17, 18, 19, 64])
    func linesWithoutEndAreCutBetweenCharacters(pieceSize: Int) throws {
        let text = String(repeating: "é日🙂a", count: 50)
        let (pieces, warning) = try read(folder.write("one.txt", text), pieceSize: pieceSize)
        #expect(warning == nil)
        #expect(pieces.map { $0.string(0..<$0.bytes.count) }.joined() == text)
    }

    @Test func whatIsNoTextIsLeftOutByName() throws {
        for (name, bytes, hint) in [
            ("latin1.txt", [0x63, 0x61, 0x66, 0xe9, 0x0a], "UTF-8"),
            ("cut.txt", [0x61, 0xe6, 0x97], "UTF-8"),
            ("binary.md", [0x61, 0x00, 0x62], "binary"),
            ("utf16.txt", [0xff, 0xfe, 0x61, 0x00], "binary"),
        ] as [(String, [UInt8], String)] {
            let (pieces, warning) = try read(folder.write(name, bytes))
            #expect(pieces.isEmpty)
            #expect(warning?.description.contains(hint) == true, "\(name)")
            #expect(warning?.file.hasSuffix(name) == true)
        }
    }

    @Test func aByteOrderMarkIsNoText() throws {
        let (pieces, _) = try read(folder.write("bom.txt", [0xef, 0xbb, 0xbf, 0x61, 0x62]))
        #expect(pieces.map(\.bytes) == [[0x61, 0x62]])
        #expect(pieces.first?.sourceOffset(of: 1) == 4)
    }

    @Test func emptyFilesHaveNoPieces() throws {
        let (pieces, warning) = try read(folder.write("empty.txt", ""))
        #expect(pieces.isEmpty && warning == nil)
    }

    @Test func foldersAreWalkedInOrderWithoutCircles() throws {
        try folder.write("b.md", "x")
        try folder.write("a.txt", "x")
        try folder.write("c.swift", "x")
        try folder.write(".hidden.txt", "x")
        try folder.write("README", "x")
        let files = FileManager.default
        try files.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: true)
        try folder.write("sub/d.HTML", "x")
        try files.createSymbolicLink(
            atPath: folder.file("sub/circle"), withDestinationPath: folder.path)
        try files.createSymbolicLink(
            atPath: folder.file("sub/e.txt"), withDestinationPath: folder.file("a.txt"))
        try files.createSymbolicLink(
            atPath: folder.file("sub/broken.txt"), withDestinationPath: folder.file("none"))
        let found = try DocumentFolder(path: folder.path)
        #expect(found.files.map(\.name) == ["a.txt", "b.md", "sub/d.HTML", "sub/e.txt"])
        #expect(found.warnings.isEmpty)
        #expect(try DocumentFolder(path: folder.file("b.md")).files.map(\.name) == ["b.md"])
        #expect(throws: PipelineError.self) { _ = try DocumentFolder(path: folder.file("none")) }
    }
}
