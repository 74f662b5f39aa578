private import ApusCore
private import ApusPipeline
private import Foundation

/// Reads the curves of a file: what `apus bench ann` printed in an earlier run, or what peers did.
///
/// An earlier run is one JSON object a line, as `Report` writes them. A peers' file is one object:
///
///     {"dataset": "…", "k": 10, "engines": [{"name": "…", "points": [
///         {"setting": "ef=64", "recall": 0.98, "qps": 7110}]}]}
///
/// where an engine may have `build_s`, `build_cpu_s` and `bytes_per_vector`, and a point `p50_us`,
/// `p95_us` and `p99_us`.
///
/// Keys that nobody knows are passed over. Every error names the file and the place in it.
package struct CurveFile: Sendable {
    package static let maximumByteCount = 64 << 20

    private let path: String

    /// The curves of the file, at least one. Those of an earlier run are called by the file's name
    /// without its ending.
    package static func curves(at path: String) throws(BenchError) -> [Curve] {
        let bytes = try Self.bytes(at: path)
        let file = CurveFile(path: path)
        let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        // The first line of an earlier run is a whole object, that of a peers' file hardly ever.
        let first = bytes.split(separator: UInt8(ascii: "\n")).first { !isBlank($0) } ?? []
        if case .object(let object) = try? JSONParser.value(in: Array(first)),
            object["engines"] == nil
        {
            return try file.runs(bytes, name: name)
        }
        return try file.peers(bytes)
    }

    /// The curves of lines that were just printed.
    package static func curves(
        ofLines lines: [String], named name: String
    ) throws(BenchError) -> [Curve] {
        try CurveFile(path: name).runs(Array(lines.joined(separator: "\n").utf8), name: name)
    }

    private static func bytes(at path: String) throws(BenchError) -> [UInt8] {
        do throws(PipelineError) {
            let file = try InputFile(path: path)
            guard file.size <= maximumByteCount else {
                throw .unsupported(
                    file: path, expected: "a file of at most \(maximumByteCount) bytes",
                    found: "\(file.size)")
            }
            return try file.read(at: 0, count: file.size)
        } catch {
            throw BenchError(error.description)
        }
    }

    private static func isBlank(_ line: some Collection<UInt8>) -> Bool {
        line.allSatisfy { $0 <= 0x20 }
    }
}

// MARK: Earlier runs

extension CurveFile {
    private func runs(_ bytes: [UInt8], name: String) throws(BenchError) -> [Curve] {
        var curves: [Curve] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !Self.isBlank(line) {
            let value: JSONValue
            do throws(MalformedJSON) { value = try JSONParser.value(in: Array(line)) } catch {
                throw fault(
                    "line \(index + 1), column \(error.offset + 1)",
                    "expected \(error.expected), found \(error.found)")
            }
            let curve = try run(JSONPlace(value, file: path, at: "line \(index + 1)"), name)
            // A file may hold several runs; lines of one differ in their setting only.
            if let place = curves.firstIndex(where: {
                $0.work == curve.work && $0.facts == curve.facts
            }) {
                curves[place].points += curve.points
                curves[place].buildSeconds = curves[place].buildSeconds ?? curve.buildSeconds
                curves[place].buildProcessorSeconds =
                    curves[place].buildProcessorSeconds ?? curve.buildProcessorSeconds
            } else {
                curves.append(curve)
            }
        }
        guard !curves.isEmpty else { throw BenchError("\(path): expected results, found none") }
        if curves.count > 1 {
            for index in curves.indices {
                curves[index].name += " (\(curves[index].facts.joined(separator: ", ")))"
            }
        }
        return curves
    }

    private func run(_ line: JSONPlace, _ name: String) throws(BenchError) -> Curve {
        let parameters = try line["params"]
        var work = Curve.Work(k: try parameters["k"].count())
        work.dataset = try line.optional("dataset")?.text()
        work.metric = try line.optional("metric")?.text()
        work.dimension = try line.optional("dimension")?.count()
        work.base = try line.optional("base")?.count()
        work.filter = try line.optional("filter")?.text()
        var setting = "exact"
        for name in ["ef", "probes"] {
            if let count = try parameters.optional(name)?.count() { setting = "\(name)=\(count)" }
        }
        if let target = try parameters.optional("target_recall")?.number(in: 0...1) {
            setting = "recall=\(target)"
        }
        let point = try point(line, setting: setting)
        var curve = Curve(name: name, work: work, points: [point])
        try readCosts(of: &curve, line)
        for (key, title) in [
            ("m", "M"), ("ef_construction", "efConstruction"), ("threads", "threads"),
            ("build_threads", "build threads"),
        ] {
            guard let number = try parameters.optional(key)?.count() else { continue }
            curve.facts.append("\(title) \(number)")
        }
        for key in ["isa", "processor"] {
            if let text = try line.optional(key)?.text() { curve.facts.append(text) }
        }
        if let split = try line.optional("bytes_split") {
            for part in StorageUsage.Part.allCases {
                guard let bytes = try split.optional(part.rawValue)?.number(in: 0...1e12) else {
                    continue
                }
                curve.shares.append(Curve.Share(name: part.rawValue, bytes: bytes))
            }
        }
        return curve
    }
}

// MARK: Peers

extension CurveFile {
    private func peers(_ bytes: [UInt8]) throws(BenchError) -> [Curve] {
        let value: JSONValue
        do throws(MalformedJSON) { value = try JSONParser.value(in: bytes) } catch {
            let before = bytes.prefix(error.offset)
            let line = before.count { $0 == UInt8(ascii: "\n") } + 1
            let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            throw fault(
                "line \(line), column \(error.offset - start + 1)",
                "expected \(error.expected), found \(error.found)")
        }
        let file = JSONPlace(value, file: path, at: "")
        var work = Curve.Work(k: try file["k"].count())
        work.dataset = try file.optional("dataset")?.text()
        let curves = try file["engines"].elements().map { engine throws(BenchError) in
            let points = try engine["points"].elements().map { each throws(BenchError) in
                try point(each, setting: try each["setting"].text())
            }
            guard !points.isEmpty else { throw try engine["points"].fault("a point", "none") }
            var curve = Curve(name: try engine["name"].text(), work: work, points: points)
            try readCosts(of: &curve, engine)
            return curve
        }
        guard !curves.isEmpty else { throw try file["engines"].fault("an engine", "none") }
        return curves
    }

    private func readCosts(of curve: inout Curve, _ place: JSONPlace) throws(BenchError) {
        curve.buildSeconds = try place.optional("build_s")?.number(in: 0...1e9)
        curve.buildProcessorSeconds = try place.optional("build_cpu_s")?.number(in: 0...1e9)
        curve.bytesPerVector = try place.optional("bytes_per_vector")?.number(in: 0...1e12)
    }

    private func point(
        _ place: JSONPlace, setting: String
    ) throws(BenchError) -> Curve.Point {
        var point = Curve.Point(
            setting: setting, recall: try place["recall"].number(in: 0...1),
            queriesPerSecond: try place["qps"].number(in: 1e-6...1e12))
        if let p50 = try place.optional("p50_us")?.number(in: 0...1e12) {
            point.latency = Curve.Latency(
                p50: p50, p95: try place["p95_us"].number(in: 0...1e12),
                p99: try place["p99_us"].number(in: 0...1e12))
        }
        return point
    }

    private func fault(_ place: String, _ text: String) -> BenchError {
        BenchError("\(path), \(place): \(text)")
    }
}

/// A JSON value and where in which file it stands.
private struct JSONPlace {
    let value: JSONValue
    let file: String
    let path: String

    init(_ value: JSONValue, file: String, at path: String) {
        self.value = value
        self.file = file
        self.path = path
    }

    /// The value of a key that must be there.
    subscript(key: String) -> JSONPlace {
        get throws(BenchError) {
            guard let place = try optional(key) else {
                throw fault("an object with \"\(key)\"", "none")
            }
            return place
        }
    }

    /// The value of a key; nil where it is missing or null.
    func optional(_ key: String) throws(BenchError) -> JSONPlace? {
        guard case .object(let object) = value else { throw fault("an object", found) }
        guard let inner = object[key], inner != .null else { return nil }
        return JSONPlace(inner, file: file, at: path.isEmpty ? key : "\(path), \(key)")
    }

    func elements() throws(BenchError) -> [JSONPlace] {
        guard case .array(let array) = value else { throw fault("an array", found) }
        return array.enumerated().map {
            JSONPlace($0.element, file: file, at: "\(path)[\($0.offset)]")
        }
    }

    func number(in range: ClosedRange<Double>) throws(BenchError) -> Double {
        let number: Double
        switch value {
        case .integer(let integer): number = Double(integer)
        case .double(let double): number = double
        case .null, .bool, .string, .array, .object: throw fault("a number", found)
        }
        guard range.contains(number) else {
            throw fault("a number from \(range.lowerBound) to \(range.upperBound)", "\(number)")
        }
        return number
    }

    func count() throws(BenchError) -> Int {
        guard case .integer(let integer) = value, (0...1 << 53).contains(integer) else {
            throw fault("a count", found)
        }
        return Int(integer)
    }

    func text() throws(BenchError) -> String {
        guard case .string(let text) = value else { throw fault("a text", found) }
        return text
    }

    func fault(_ expected: String, _ found: String) -> BenchError {
        let place = path.isEmpty ? file : "\(file), \(path)"
        return BenchError("\(place): expected \(expected), found \(found)")
    }

    private var found: String {
        switch value {
        case .null: "null"
        case .bool(let bool): "\(bool)"
        case .integer(let integer): "\(integer)"
        case .double(let double): "\(double)"
        case .string(let text): "\"\(text.prefix(40))\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}
