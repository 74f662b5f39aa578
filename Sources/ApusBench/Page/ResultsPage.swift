/// One self-contained HTML page of curves: the answer in words, recall against speed, latencies,
/// memory, build time, and every figure in a table.
///
/// Nothing is loaded and nothing runs: style and pictures are inline. The first curve is the run
/// that the page is about; the others are what it is compared with.
package struct ResultsPage: Sendable {
    private let title: String
    private let curves: [Curve]

    /// `curves` are of the same work, the first one is the subject.
    package init(title: String, _ curves: [Curve]) {
        self.title = title
        self.curves = curves
    }

    package func html() -> String {
        let sections = [answer, speed, latency, memory, build, figures].compactMap { $0 }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Markup.text(title))</title>
            <style>
            \(PageStyle.css)
            </style>
            </head>
            <body>
            <header>
            <h1>\(Markup.text(title))</h1>
            <p>\(Markup.text(subtitle))</p>
            </header>
            \(sections.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    private var subject: Curve? { curves.first }

    private var subtitle: String {
        guard let work = subject?.work else { return "" }
        var parts: [String] = []
        if let dataset = work.dataset { parts.append(dataset) }
        if let base = work.base, let dimension = work.dimension {
            parts.append("\(Markup.number(Double(base))) vectors of \(dimension) numbers")
        }
        if let metric = work.metric { parts.append(metric) }
        parts.append("k = \(work.k)")
        if let filter = work.filter { parts.append("under the filter \(filter)") }
        return (parts + (subject?.facts ?? [])).joined(separator: " · ")
    }

    private func section(_ title: String, _ note: String, _ content: String) -> String {
        """
        <section>
        <h2>\(Markup.text(title))</h2>
        <p class="note">\(Markup.text(note))</p>
        \(content)
        </section>
        """
    }

    // MARK: The answer

    private var answer: String? {
        guard let subject else { return nil }
        let cards = SpeedChart.levels.map { level in
            let speed = subject.speed(at: level)
            let ratios = curves.dropFirst().enumerated().map { index, other in
                let text =
                    switch (speed, other.speed(at: level)) {
                    case (let ours?, let theirs?): "\(Markup.number(ours / theirs)) ×"
                    case (_, nil) where other.reaches(level): "not measured:"
                    case (_, nil): "not reached by"
                    case (nil, _): "reached by"
                    }
                return "<li class=\"\(CurveStyle(number: index + 1).colour)\"><b>\(text)</b> "
                    + "<span>\(Markup.text(other.name))</span></li>"
            }
            let value = speed.map { "\(Markup.number($0))<small> queries/s</small>" } ?? "–"
            return """
                <div class="card"><h3>at recall \(level)</h3><p>\(value)</p>
                <ul>\(ratios.joined())</ul></div>
                """
        }
        return "<div class=\"cards\">\n\(cards.joined(separator: "\n"))\n</div>"
    }

    // MARK: Pictures

    private var speed: String? {
        section(
            "Speed at a recall",
            "Up is faster, right is better: a curve above another answers more queries at the same"
                + " quality. Both axes are logarithmic; faint marks are settings that another"
                + " setting of the same engine beats in both.",
            scroll(SpeedChart(curves).svg()))
    }

    private var latency: String? {
        let rows = curves.enumerated().flatMap { number, curve in
            curve.points.filter { $0.latency != nil }.enumerated().compactMap { index, point in
                point.latency.map { latency in
                    BarChart.Row(
                        name: "\(point.setting), recall \(Markup.fixed(point.recall, 4))",
                        number: number,
                        pieces: [
                            Curve.Share(name: "p99", bytes: latency.p99),
                            Curve.Share(name: "p95", bytes: latency.p95),
                            Curve.Share(name: "p50", bytes: latency.p50),
                        ],
                        text: [latency.p50, latency.p95, latency.p99].map(Markup.number)
                            .joined(separator: " · ") + " µs",
                        isNested: true, heading: index == 0 ? curve.name : nil)
                }
            }
        }
        guard !rows.isEmpty else { return nil }
        return section(
            "Latency by setting",
            "Microseconds a query: strong to faint, what half (p50), 95 % and 99 % of the queries"
                + " took at most. Shorter is better.",
            scroll(BarChart(title: "Latency percentiles by setting", rows: rows).svg()))
    }

    private var memory: String? {
        let rows = curves.enumerated().compactMap { number, curve in
            curve.bytesPerVector.map { bytes in
                BarChart.Row(
                    name: curve.name, number: number, pieces: Self.pieces(bytes, curve.shares),
                    text: "\(Markup.number(bytes)) bytes")
            }
        }
        guard !rows.isEmpty else { return nil }
        return section(
            "Bytes a vector",
            "The whole index with its vectors, as each engine counts it; parts where they are"
                + " known. Shorter is better.",
            scroll(BarChart(title: "Bytes a vector", rows: rows).svg()))
    }

    /// The known parts, and what is left of the whole.
    private static func pieces(_ bytes: Double, _ shares: [Curve.Share]) -> [Curve.Share] {
        let known = shares.filter { $0.bytes > 0 }
        guard !known.isEmpty else { return [Curve.Share(name: "all", bytes: bytes)] }
        let rest = bytes - known.reduce(0) { $0 + $1.bytes }
        return rest > bytes / 200 ? known + [Curve.Share(name: "rest", bytes: rest)] : known
    }

    private var build: String? {
        let rows = curves.enumerated().compactMap { number, curve in
            curve.buildSeconds.map { seconds in
                let processor = curve.buildProcessorSeconds.map {
                    ", \(Markup.number($0)) s of processor"
                }
                return BarChart.Row(
                    name: curve.name, number: number,
                    pieces: [Curve.Share(name: "seconds", bytes: seconds)],
                    text: "\(Markup.number(seconds)) s" + (processor ?? ""))
            }
        }
        guard !rows.isEmpty else { return nil }
        return section(
            "Time to build",
            "Seconds from the first vector to the finished index. Shorter is better.",
            scroll(BarChart(title: "Time to build", rows: rows).svg()))
    }

    // MARK: Figures

    private var figures: String? {
        let rows = curves.enumerated().flatMap { number, curve in
            curve.points.map { point in
                let latency = point.latency
                let numbers = [
                    Markup.fixed(point.recall, 5), Markup.number(point.queriesPerSecond),
                    latency.map { Markup.number($0.p50) } ?? "",
                    latency.map { Markup.number($0.p95) } ?? "",
                    latency.map { Markup.number($0.p99) } ?? "",
                ]
                return "<tr class=\"\(CurveStyle(number: number).colour)\">"
                    + "<th>\(Markup.text(curve.name))</th><td>\(Markup.text(point.setting))</td>"
                    + numbers.map { "<td class=\"n\">\($0)</td>" }.joined() + "</tr>"
            }
        }
        let heads = ["queries/s", "p50 µs", "p95 µs", "p99 µs"]
        let k = subject?.work.k ?? 0
        return section(
            "Every figure", "Recall counts a neighbour that is as near as the k-th true one.",
            """
            <div class="scroll"><table>
            <thead><tr><th>engine</th><th>setting</th><th class="n">recall@\(k)</th>\
            \(heads.map { "<th class=\"n\">\($0)</th>" }.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table></div>
            """)
    }

    private func scroll(_ content: String) -> String { "<div class=\"scroll\">\(content)</div>" }
}

extension Curve.Work {
    /// What makes results of `other` work another matter, in words; nil when nothing is known to.
    package func difference(from other: Curve.Work) -> String? {
        func compare<Value: Equatable>(_ name: String, _ left: Value?, _ right: Value?) -> String? {
            guard let left, let right, left != right else { return nil }
            return "its \(name) is \(left), and not \(right)"
        }
        // Peers' files do not say how large the base was, and nothing of filters.
        let isRun = base != nil && other.base != nil
        return compare("k", k, other.k) ?? compare("metric", metric, other.metric)
            ?? compare("dimension", dimension, other.dimension)
            ?? compare("number of base vectors", base, other.base)
            ?? (isRun ? compare("filter", filter ?? "none", other.filter ?? "none") : nil)
    }
}
