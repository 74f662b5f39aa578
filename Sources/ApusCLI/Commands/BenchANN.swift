import ApusBench
import ApusCore
import ApusKernels
import ApusWire
import ArgumentParser
import Foundation

extension WalkCodes: ExpressibleByArgument {}

/// What `--datatype` takes.
enum StoredDatatype: String, ExpressibleByArgument, CaseIterable {
    case float32
    case float16
    case uint8

    /// nil: the default.
    var datatype: VectorDatatype? {
        switch self {
        case .float32: nil
        case .float16: .float16
        case .uint8: .uint8
        }
    }
}

/// `apus bench ann`: recall against speed of nearest-neighbour search.
struct BenchANN: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ann",
        abstract: "Recall and queries per second of nearest-neighbour search.",
        discussion: """
            Builds a collection from the base vectors, writes it out, opens it again, and asks \
            every query, one at a time, through the engine's own search path. Standard output gets \
            one JSON object a line for each --ef, --nprobe or --target-recall:

              index params recall qps p50_us p95_us p99_us build_s
              bytes_per_vector isa

            and standard error a table. Recall counts a neighbour that is as near as the k-th true \
            one. The fastest of --passes passes is reported, after one to warm up.

            --html makes a page of it that needs nothing else, with the earlier runs (files of \
            such lines) and peers that --compare names beside it. A peers' file has the form:

              {"dataset": "…", "k": 10, "engines": [{"name": "hnswlib 0.8.0", "build_s": 70,
                "build_cpu_s": 138, "bytes_per_vector": 661, "points":
                [{"setting": "ef=64", "recall": 0.98, "qps": 7110}]}]}

            Examples:
              apus bench ann --base sift.bvecs --queries query.bvecs \\
                --truth truth.ivecs --metric l2 --html sift.html
              apus bench ann --base docs.npy --queries q.npy --metric cosine --index ivfpq
              apus bench ann --hdf5 glove-100-angular.hdf5 --html glove.html \\
                --compare before.jsonl,peers.json
              apus bench ann --base docs.npy --queries q.npy --metric cosine --ef 64,128 \\
                --payload docs.jsonl.gz \\
                --filter '{"must": {"key": "year", "match": {"value": 2024}}}'

            APUS_ISA=scalar|avx2|avx512|neon chooses the instruction set of the kernels.
            """)

    /// What is measured.
    enum Index: String, ExpressibleByArgument, CaseIterable {
        case hnsw
        case ivfpq
        case flat
    }

    @Option(help: ArgumentHelp("Base vectors (.npy, .fvecs, .bvecs).", valueName: "file"))
    var base: String?

    @Option(help: ArgumentHelp("Query vectors.", valueName: "file"))
    var queries: String?

    @Option(
        help: ArgumentHelp(
            "Ids of the exact neighbours, best first (.npy, .ivecs); without it, and with --limit,"
                + " an exact scan finds them.", valueName: "file"))
    var truth: String?

    @Option(
        help: ArgumentHelp(
            "All of these from a file of ann-benchmarks (train, test, neighbors).",
            valueName: "file"))
    var hdf5: String?

    @Option(help: "How vectors are compared; an HDF5 file says it itself.")
    var metric: MetricArgument?

    @Option(help: ArgumentHelp("Use only the first rows of the base.", valueName: "rows"))
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "What the rows of the base carry: JSON Lines in their order, plain or gzip.",
            valueName: "file"))
    var payload: String?

    @Option(
        help: ArgumentHelp(
            "Search under this filter, as the REST interface writes it; the engine's exact search"
                + " finds the true neighbours.", valueName: "json"))
    var filter: String?

    @Option(help: "The index to measure.")
    var index = Index.hnsw

    @Flag(help: "Measure the scan over every vector; the same as --index flat.")
    var exact = false

    @Option(help: "Links per node of the graph.")
    var m = 16

    @Option(help: "Candidates while the graph is built.")
    var efConstruction = 200

    @Option(help: ArgumentHelp("Candidates while searching.", valueName: "list"))
    var ef = NumberList([16, 32, 64, 128, 256])

    @Option(
        help: ArgumentHelp(
            "What vectors are stored as; recall is that of the vectors in the file."))
    var datatype = StoredDatatype.float32

    @Option(help: "What the graph is walked by: codes of 8, 4, 2 bits or 1, or the vectors.")
    var quantization = WalkCodes.scalar

    @Option(
        help: ArgumentHelp(
            "Candidates that are measured by their vectors, as a multiple of --k (default: as many"
                + " as it takes).", valueName: "factor"))
    var oversampling: Double?

    @Flag(inversion: .prefixedNo, help: "Order the answers by the vectors.")
    var rescore = true

    @Option(help: "Lists of --index ivfpq (default: by the number of vectors).")
    var nlist: Int?

    @Option(help: "Parts of its codes (default: by the dimension).")
    var parts: Int?

    @Option(help: "Bits of a part: 4 or 8.")
    var bits = 4

    @Flag(help: "Put each vector into two lists.")
    var spill = false

    @Option(help: ArgumentHelp("Lists to look into.", valueName: "list"))
    var nprobe = NumberList([8, 16, 32, 64, 128])

    @Option(
        help: ArgumentHelp(
            "Recalls to ask for, instead of --ef or --nprobe: 0.9,0.95.", valueName: "list"))
    var targetRecall: String?

    @Option(help: "Neighbours asked for.")
    var k = 10

    @Option(help: "Threads that search at the same time.")
    var threads = 1

    @Option(help: "Threads that build the graph.")
    var buildThreads = 2

    @Option(help: "Timed passes over the queries.")
    var passes = 3

    @Option(
        help: ArgumentHelp(
            "Keep the database here, and use it again next time (default: a temporary one).",
            valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Write a page with pictures of the results.", valueName: "file"))
    var html: String?

    @Option(
        help: ArgumentHelp(
            "Earlier runs and peers that the page shows beside this run.", valueName: "file,…"))
    var compare: String?

    @Option(help: ArgumentHelp("What the page calls this run.", valueName: "text"))
    var name = "Apus"

    func validate() throws {
        if hdf5 == nil, base == nil || queries == nil || metric == nil {
            throw ValidationError("give --base, --queries and --metric, or --hdf5")
        }
        if hdf5 != nil, base != nil || queries != nil || truth != nil {
            throw ValidationError("--hdf5 stands for --base, --queries and --truth")
        }
        if compare != nil, html == nil { throw ValidationError("--compare needs --html") }
        try Checked.inRange("--m", m, 2...512)
        try Checked.inRange("--ef-construction", efConstruction, 4...65_536)
        for ef in ef.numbers { try Checked.inRange("--ef", ef, 1...1_000_000) }
        try Checked.inRange("--k", k, 1...10_000)
        try Checked.inRange("--threads", threads, 1...1024)
        try Checked.inRange("--build-threads", buildThreads, 1...1024)
        try Checked.inRange("--passes", passes, 1...1000)
        for probes in nprobe.numbers { try Checked.inRange("--nprobe", probes, 1...65_536) }
        if let oversampling, !(oversampling >= 1 && oversampling <= 10_000) {
            throw ValidationError("--oversampling: \(oversampling) is not from 1 to 10000")
        }
        if !rescore, try !targets().isEmpty {
            throw ValidationError("--target-recall needs --rescore")
        }
        if index != .hnsw || exact, quantization != .scalar {
            throw ValidationError("--quantization is for --index hnsw")
        }
        _ = try targets()
        if let limit { try Checked.inRange("--limit", limit, 1...Int.max) }
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the measured calls run on this very thread.
    private func measure() throws {
        let settings = try settings()
        let dataset = try dataset()
        let report = Report(settings, dataset, isa: try SIMDLevel.requireActive().rawValue)
        // What the page needs is looked at first: a wrong file shall not cost a build.
        let others = try comparedCurves(with: report.work)
        let directory = data ?? temporaryDirectory()
        defer { if data == nil { try? FileManager.default.removeItem(atPath: directory) } }
        let sweep = Sweep(dataset, settings, databaseAt: directory) {
            StandardError.write(line: $0)
        }
        var lines: [String] = []
        try sweep.run { effort, measurement, cost in
            if lines.isEmpty {
                StandardError.write(line: report.summary(cost))
                StandardError.write(line: report.heading())
            }
            StandardError.write(line: report.row(effort, measurement))
            lines.append(report.line(effort, measurement, cost))
            print(lines.last ?? "")
            fflush(nil)
        }
        if let html { try writePage(to: html, lines, others) }
    }

    private func dataset() throws -> Dataset {
        let dataset =
            if let hdf5 {
                try Dataset(hdf5: hdf5, limit: limit, metric: metric?.metric, k: k)
            } else if let base, let queries, let metric {
                try Dataset(
                    base: base, queries: queries, truth: truth, limit: limit,
                    metric: metric.metric, k: k)
            } else {
                throw ValidationError("give --base, --queries and --metric, or --hdf5")
            }
        return if let payload { try dataset.withPayload(at: payload) } else { dataset }
    }

    private func settings() throws -> SweepSettings {
        var settings = SweepSettings()
        settings.m = m
        settings.efConstruction = efConstruction
        settings.efs = ef.numbers
        settings.k = k
        settings.threads = threads
        settings.buildThreads = buildThreads
        settings.passes = passes
        settings.isExact = exact || index == .flat
        settings.probes = nprobe.numbers
        settings.datatype = datatype.datatype
        settings.quantization = quantization
        settings.oversampling = oversampling
        settings.rescores = rescore
        settings.targetRecalls = try targets()
        if index == .ivfpq {
            settings.ivf = IVFConfiguration(
                lists: nlist, parts: parts, bits: bits, spills: spill)
        }
        if let filter {
            let bytes = Data(filter.utf8)
            let value = try RequestDecoder.decode(bytes.bytes) {
                (reader) throws(JSONError) in try Filter(reading: &reader)
            }
            settings.filter = TextualFilter(text: filter, filter: value)
        }
        return settings
    }

    private func targets() throws -> [Double] {
        guard let targetRecall else { return [] }
        return try targetRecall.split(separator: ",").map { text in
            guard let value = Double(text), value > 0, value <= 1 else {
                throw ValidationError("--target-recall: \(text) is not above 0 and at most 1")
            }
            return value
        }
    }

    private func temporaryDirectory() -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-bench-\(UUID().uuidString)").path
    }

    // MARK: The page

    private func comparedCurves(with work: Curve.Work) throws -> [Curve] {
        guard let compare else { return [] }
        return try compare.split(separator: ",").flatMap { path in
            let curves = try CurveFile.curves(at: String(path))
            for curve in curves {
                guard let difference = curve.work.difference(from: work) else { continue }
                throw ValidationError("\(path) cannot be compared with this run: \(difference)")
            }
            return curves
        }
    }

    private func writePage(to path: String, _ lines: [String], _ others: [Curve]) throws {
        let own = try CurveFile.curves(ofLines: lines, named: name)
        let page = ResultsPage(title: "\(name): recall against speed", own + others)
        try Data(page.html().utf8).write(to: URL(fileURLWithPath: path))
        StandardError.write(line: "the page is \(path)")
    }
}
