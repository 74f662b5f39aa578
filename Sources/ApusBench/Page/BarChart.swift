private import Foundation

/// Bars to the right from a common zero, one a row: for costs, where shorter is better.
struct BarChart {
    /// One bar: pieces one behind the other.
    struct Row {
        var name: String
        /// The style of the curve that it belongs to.
        var number: Int
        var pieces: [Curve.Share]
        /// Behind the bar.
        var text: String
        /// Over each other from zero on, rather than one behind the other; the longest first.
        var isNested = false
        /// A heading for this row and those that follow.
        var heading: String?

        var length: Double {
            isNested
                ? pieces.map(\.bytes).max() ?? 0 : pieces.reduce(0) { $0 + $1.bytes }
        }
    }

    let title: String
    let rows: [Row]
    var width = 960.0
    /// For the names.
    var left = 200.0
    /// For the text behind the longest bar.
    var right = 190.0

    func svg() -> String {
        let longest = max(rows.map(\.length).max() ?? 0, .leastNormalMagnitude)
        let room = width - left - right
        let height = 26.0
        var y = 6.0
        var parts: [String] = []
        for row in rows {
            let style = CurveStyle(number: row.number)
            if let heading = row.heading {
                if y > 6 { y += 10 }
                parts.append(
                    "<g class=\"\(style.colour)\">"
                        + Markup.label(
                            Markup.short(heading, 90), x: 0, y: y + 14,
                            class: "name" + (row.number == 0 ? " first" : ""))
                        + "</g>")
                y += height
            }
            var x = left
            var bar = ""
            for (index, piece) in row.pieces.enumerated() {
                let length = piece.bytes / longest * room
                let shade = row.isNested ? row.pieces.count - 1 - index : index % 6
                bar += Markup.bar(
                    x: x, y: y, width: length, height: height - 8,
                    class: "piece shade\(shade)",
                    title: "\(row.name), \(piece.name): \(Markup.number(piece.bytes))")
                if !row.isNested, row.pieces.count > 1, length > 8.0 * Double(piece.name.count) + 6
                {
                    bar += Markup.label(
                        piece.name, x: x + 5, y: y + 13,
                        class: shade < 2 || shade == 5 ? "inside light" : "inside")
                }
                if !row.isNested { x += length }
            }
            parts.append("<g class=\"\(style.colour)\">\(bar)</g>")
            parts.append(
                Markup.label(
                    Markup.short(row.name, 26), x: left - 10, y: y + 13, anchor: "end",
                    class: row.number == 0 && row.heading == nil && !row.isNested ? "first" : ""))
            parts.append(
                Markup.label(row.text, x: left + row.length / longest * room + 8, y: y + 13))
            y += height
        }
        parts.append(Markup.line(left, 0, left, y, class: "zero"))
        return Markup.picture(width: width, height: y + 4, title: title, parts)
    }
}
