import ApusBench
import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct CurveTests {
    private func curve(_ points: [(Double, Double)]) -> Curve {
        Curve(
            name: "a", work: Curve.Work(k: 10),
            points: points.map {
                Curve.Point(setting: "ef", recall: $0.0, queriesPerSecond: $0.1)
            })
    }

    @Test func theFrontierLeavesOutWhatIsBeatenInBoth() {
        let found = curve([(0.9, 100), (0.8, 90), (0.95, 50), (0.7, 400)]).frontier
        #expect(found.map(\.recall) == [0.7, 0.9, 0.95])
        #expect(found.map(\.queriesPerSecond) == [400, 100, 50])
    }

    @Test func speedIsInterpolatedByItsLogarithmAndNotBeyondTheEnds() throws {
        let curve = curve([(0.8, 1000), (0.9, 10)])
        #expect(try abs(#require(curve.speed(at: 0.85)) - 100) < 1e-9)
        #expect(try abs(#require(curve.speed(at: 0.9)) - 10) < 1e-9)
        #expect(curve.speed(at: 0.91) == nil)
        #expect(curve.speed(at: 0.7) == nil)
        #expect(curve.reaches(0.9) && !curve.reaches(0.91))
    }

    @Test func belowTheFrontierItsFastestPointCounts() {
        let curve = curve([(0.8, 90), (0.9, 100)])
        #expect(curve.speed(at: 0.85) == 100)
        #expect(curve.speed(at: 0.75) == nil)
    }

    @Test func otherWorkIsTold() {
        var left = Curve.Work(k: 10)
        var right = Curve.Work(k: 10)
        #expect(left.difference(from: right) == nil)
        (left.base, right.base) = (100, 200)
        #expect(left.difference(from: right) == "its number of base vectors is 100, and not 200")
        right.base = 100
        right.filter = "{}"
        #expect(left.difference(from: right) == "its filter is none, and not {}")
        right.k = 5
        #expect(left.difference(from: right) == "its k is 10, and not 5")
    }
}

@Suite struct CurveFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ text: String, _ name: String = "before.jsonl") throws -> String {
        try folder.write(name, Array(text.utf8))
    }

    private func line(ef: Int, threads: Int = 1, recall: String = "0.9") -> String {
        """
        {"index": "hnsw", "params": {"m": 16, "ef": \(ef), "k": 10, "threads": \(threads)}, \
        "recall": \(recall), "qps": 1000.5, "p50_us": 1, "p95_us": 2, "p99_us": 3, \
        "build_s": null, "bytes_per_vector": 100, "bytes_split": {"graph": 40.5}, "new": [1]}
        """
    }

    @Test func linesOfARunAreOneCurveCalledByTheFile() throws {
        let path = try file(line(ef: 16) + "\n\n" + line(ef: 32) + "\n")
        let curves = try CurveFile.curves(at: path)
        #expect(curves.count == 1)
        #expect(curves[0].name == "before")
        #expect(curves[0].points.map(\.setting) == ["ef=16", "ef=32"])
        #expect(curves[0].points[0].latency == Curve.Latency(p50: 1, p95: 2, p99: 3))
        #expect(curves[0].buildSeconds == nil)
        #expect(curves[0].shares == [Curve.Share(name: "graph", bytes: 40.5)])
    }

    @Test func runsWithOtherSettingsInOneFileAreCurvesOfTheirOwn() throws {
        let path = try file(line(ef: 16) + "\n" + line(ef: 16, threads: 2))
        #expect(
            try CurveFile.curves(at: path).map(\.name)
                == ["before (M 16, threads 1)", "before (M 16, threads 2)"])
    }

    private let peers = """
        {"dataset": "d", "k": 10, "engines": [
          {"name": "hnswlib 0.8.0", "build_s": 70.5, "build_cpu_s": 138, "bytes_per_vector": 661,
           "points": [{"setting": "ef=64", "recall": 0.98, "qps": 7110}]},
          {"name": "faiss", "points": [{"setting": "ef=64", "recall": 1, "qps": 6000}]}]}
        """

    @Test func peersAreRead() throws {
        let curves = try CurveFile.curves(at: file(peers, "peers.json"))
        #expect(curves.map(\.name) == ["hnswlib 0.8.0", "faiss"])
        #expect(curves[0].buildProcessorSeconds == 138)
        #expect(curves[1].bytesPerVector == nil)
    }

    @Test(arguments: [
        ("", ": expected results, found none"),
        ("{\"recall\": 1}\n", ", line 1: expected an object with \"params\", found none"),
        ("{\"engines\": []}", ": expected an object with \"k\", found none"),
        ("{\"k\": 10, \"engines\": []}", ", engines: expected an engine, found none"),
        (
            "{\"k\": 10, \"engines\": [{\"name\": \"a\", \"points\": [{\"setting\": \"s\", \"recall\": 1.5, \"qps\": 1}]}]}",
            ", engines[0], points[0], recall: expected a number from 0.0 to 1.0, found 1.5"
        ),
        (
            "{\"k\": 10, \"engines\": [{\"name\": 7}]}",
            ", engines[0]: expected an object with \"points\", found none"
        ),
        ("{\n \"k\": 10,\n \"engines\": [}", ", line 3, column 14: expected a number, found '}'"),
    ]) func faultsNameFileAndPlace(text: String, expected: String) throws {
        let path = try file(text)
        let error = #expect(throws: BenchError.self) { try CurveFile.curves(at: path) }
        #expect(error?.description.hasPrefix(path) == true)
        if text.isEmpty {
            #expect(error != nil)
        } else {
            #expect(error?.description == path + expected)
        }
    }

    @Test func aFaultInALaterLineIsNamed() throws {
        let path = try file(line(ef: 16) + "\n" + line(ef: 32, recall: "\"x\"") + "\n")
        let error = #expect(throws: BenchError.self) { try CurveFile.curves(at: path) }
        #expect(
            error?.description == "\(path), line 2, recall: expected a number, found \"x\"")
        let torn = try file(line(ef: 16) + "\n{\"index\": ")
        let other = #expect(throws: BenchError.self) { try CurveFile.curves(at: torn) }
        #expect(other?.description.hasPrefix("\(torn), line 2, column") == true)
        #expect(throws: BenchError.self) { try CurveFile.curves(at: "/nowhere") }
    }
}

@Suite struct ResultsPageTests {
    private func curve(_ name: String, _ speeds: [(Double, Double)]) -> Curve {
        var curve = Curve(
            name: name, work: Curve.Work(k: 10),
            points: speeds.enumerated().map {
                Curve.Point(
                    setting: "ef=\($0.offset)", recall: $0.element.0,
                    queriesPerSecond: $0.element.1,
                    latency: Curve.Latency(p50: 10, p95: 20, p99: 40))
            })
        curve.buildSeconds = 10
        curve.buildProcessorSeconds = 19
        curve.bytesPerVector = 700
        curve.shares = [
            Curve.Share(name: "vectors", bytes: 512), Curve.Share(name: "graph", bytes: 100),
        ]
        return curve
    }

    /// Everything between `<body>` and `</body>` is XML too, so a parser can look at it.
    private func check(_ html: String) throws {
        let start = try #require(html.range(of: "<body>")).lowerBound
        let end = try #require(html.range(of: "</body>")).upperBound
        let parser = XMLParser(data: Data(html[start..<end].utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
    }

    @Test func thePageIsWholeAndLoadsNothing() throws {
        let html = ResultsPage(
            title: "t",
            [
                curve("Apus", [(0.85, 40000), (0.96, 20000), (0.992, 9000)]),
                curve("hnswlib", [(0.85, 20000), (0.96, 10000), (1, 3000)]),
            ]
        ).html()
        try check(html)
        #expect(html.contains("2.00 ×"))
        for word in ["<script", "src=", "url(", "@import", "nan", "inf\""] {
            #expect(!html.lowercased().contains(word), "\(word)")
        }
    }

    @Test func textFromFilesIsEscaped() throws {
        var evil = curve("</title><script>alert('1')</script>&\"\u{1}", [(0.9, 10)])
        evil.work.dataset = "<data>"
        evil.work.filter = "{\"a\": \"<i>\"}"
        evil.facts = ["<u>"]
        evil.points[0].setting = "<s>&"
        evil.shares[0].name = "<p>"
        let html = ResultsPage(title: "<em>", [evil, evil]).html()
        try check(html)
        for tag in ["<script", "<data>", "<i>", "<u>", "<s>", "<em>", "alert('"] {
            #expect(!html.contains(tag), "\(tag)")
        }
    }

    @Test(arguments: [
        [], [(1.0, 5.0)], [(0, 1e-6)], [(0.999_999_9, 1e12), (0, 1e-6)], [(0.5, 10), (0.5, 10)],
        [(1, 10), (1, 20)],
    ]) func oddCurvesMakeAPageToo(points: [(Double, Double)]) throws {
        var bare = curve("bare", points)
        bare.bytesPerVector = 0
        bare.shares = []
        bare.buildSeconds = 0
        let html = ResultsPage(title: "t", points.isEmpty ? [] : [bare]).html()
        try check(html)
        #expect(!html.lowercased().contains("nan"))
    }
}
