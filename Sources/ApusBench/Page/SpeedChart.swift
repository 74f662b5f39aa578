private import Foundation

/// Recall to the right, queries a second upwards: who is above is faster at the same recall.
///
/// Recall is drawn by what is missing to 1, logarithmically, so that 0.9, 0.99 and 0.999 are
/// equally far apart; speed is logarithmic too. Names stand beside the ends of the lines.
struct SpeedChart {
    private let curves: [Curve]
    private let recalls: [Double]
    private let rates: ClosedRange<Double>

    private static let width = 960.0
    private static let height = 500.0
    private static let left = 70.0
    private static let right = 208.0
    private static let top = 16.0
    private static let bottom = 54.0

    /// Recalls that the axis may name.
    private static let recallTicks = [
        0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999,
    ]
    /// Recalls that speeds are compared at.
    static let levels = [0.9, 0.95, 0.99]

    init(_ curves: [Curve]) {
        self.curves = curves
        let points = curves.flatMap(\.points)
        let found = points.map(\.recall)
        let least = found.min() ?? 0
        let most = found.filter { $0 < 1 }.max() ?? least
        let first = Self.recallTicks.last { $0 <= least } ?? 0
        let end = Self.recallTicks.first { $0 >= most && $0 > first }
        var ticks = Self.recallTicks.filter { $0 >= first && $0 <= end ?? 1 }
        if found.contains(where: { $0 >= 1 }) || end == nil { ticks.append(1) }
        recalls = ticks
        let speeds = points.map(\.queriesPerSecond)
        let steps = Self.steps(around: speeds.min() ?? 1, speeds.max() ?? 1)
        rates = steps
    }

    func svg() -> String {
        let bottom = Self.height - Self.bottom
        let right = Self.width - Self.right
        var parts: [String] = []
        var lastX = -Double.infinity
        for recall in recalls {
            let x = self.x(recall)
            let isLevel = Self.levels.contains(recall)
            parts.append(
                Markup.line(x, Self.top, x, bottom, class: isLevel ? "level" : "grid"))
            guard x - lastX > 44 || isLevel else { continue }
            lastX = x
            parts.append(Markup.label("\(recall)", x: x, y: bottom + 20, anchor: "middle"))
        }
        for rate in Self.rateTicks(rates) {
            let y = self.y(rate)
            parts.append(Markup.line(Self.left, y, right, y, class: "grid"))
            parts.append(
                Markup.label(Markup.number(rate), x: Self.left - 8, y: y + 4, anchor: "end"))
        }
        parts.append(
            Markup.label(
                "recall (farther right: fewer neighbours missed)",
                x: (Self.left + right) / 2, y: Self.height - 10, anchor: "middle", class: "axis"))
        parts.append(
            "<text transform=\"translate(14 \(Markup.place((Self.top + bottom) / 2)))"
                + " rotate(-90)\" text-anchor=\"middle\" class=\"axis\">queries a second</text>")
        // The first curve is drawn last, on top.
        for (number, curve) in curves.enumerated().reversed() {
            parts.append(line(of: curve, CurveStyle(number: number)))
        }
        parts += names()
        return Markup.picture(
            width: Self.width, height: Self.height,
            title: "Queries a second against recall", parts)
    }

    private func line(of curve: Curve, _ style: CurveStyle) -> String {
        let frontier = curve.frontier
        let path = frontier.map {
            "\(Markup.place(x($0.recall))),\(Markup.place(y($0.queriesPerSecond)))"
        }
        let first = style.number == 0 ? " first" : ""
        let marks = curve.points.map { point in
            style.mark(
                x: x(point.recall), y: y(point.queriesPerSecond),
                title: "\(curve.name), \(point.setting): recall "
                    + "\(Markup.fixed(point.recall, 4)), "
                    + "\(Markup.number(point.queriesPerSecond)) queries/s",
                isFaint: !frontier.contains(point))
        }
        return "<g class=\"\(style.colour)\"><polyline points=\"\(path.joined(separator: " "))\""
            + " class=\"curve\(first)\"\(style.dashes)/>\(marks.joined())</g>"
    }

    /// Beside the right ends of the lines, moved apart where they would cover each other.
    private func names() -> [String] {
        let gap = 17.0
        typealias End = (number: Int, name: String, x: Double, y: Double)
        var ends: [End] = curves.enumerated().compactMap { number, curve in
            curve.frontier.last.map {
                (
                    number: number, name: curve.name, x: self.x($0.recall),
                    y: self.y($0.queriesPerSecond)
                )
            }
        }
        ends.sort { ($0.y, $0.number) < ($1.y, $1.number) }
        var places = ends.map(\.y)
        for index in places.indices.dropFirst() {
            places[index] = max(places[index], places[index - 1] + gap)
        }
        // What went below the picture comes up again.
        var limit = Self.height - Self.bottom
        for index in places.indices.reversed() {
            places[index] = min(places[index], limit)
            limit = places[index] - gap
        }
        let x = Self.width - Self.right + 14
        return zip(ends, places).map { end, place -> String in
            let style = CurveStyle(number: end.number)
            return "<g class=\"\(style.colour)\">"
                + Markup.line(end.x + 7, end.y, x - 4, place, class: "leader")
                + style.mark(x: x + 4, y: place, title: end.name, isFaint: false)
                + Markup.label(
                    Markup.short(end.name, 24), x: x + 14, y: place + 4,
                    class: end.number == 0 ? "name first" : "name")
                + "</g>"
        }
    }

    // MARK: Scales

    private func x(_ recall: Double) -> Double {
        let scale = recalls.map { nines($0) }
        guard let first = scale.first, let last = scale.last, last > first else {
            return Self.left
        }
        let part = (nines(recall) - first) / (last - first)
        return Self.left + part * (Self.width - Self.right - Self.left)
    }

    /// How many nines; 1 itself stands a third of a nine beyond the last recall that is named.
    private func nines(_ recall: Double) -> Double {
        let end = recalls.last { $0 < 1 } ?? 0
        return recall >= 1 ? -log10(1 - end) + 0.33 : -log10(1 - min(recall, 0.999_999))
    }

    private func y(_ rate: Double) -> Double {
        let low = log10(rates.lowerBound)
        let part = (log10(rate) - low) / (log10(rates.upperBound) - low)
        return Self.height - Self.bottom - part * (Self.height - Self.bottom - Self.top)
    }

    /// The next numbers of the kind 1, 2, 5 × 10ⁿ at or beyond both.
    private static func steps(around low: Double, _ high: Double) -> ClosedRange<Double> {
        let first = floor(log10(low))
        let below = [5, 2, 1].map { $0 * pow(10, first) }.first { $0 <= low } ?? pow(10, first)
        let last = floor(log10(high))
        let above =
            [1, 2, 5].map { $0 * pow(10, last) }.first { $0 >= high } ?? pow(10, last + 1)
        return above > below ? below...above : below...(below * 10)
    }

    private static func rateTicks(_ rates: ClosedRange<Double>) -> [Double] {
        let decades = Int(floor(log10(rates.lowerBound)))...Int(ceil(log10(rates.upperBound)))
        return decades.flatMap { decade in
            [1, 2, 5].map { $0 * pow(10, Double(decade)) }
        }
        .filter { (rates.lowerBound * 0.999...rates.upperBound * 1.001).contains($0) }
    }
}
