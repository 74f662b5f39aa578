private import Foundation

/// Pieces of HTML and SVG. Whatever comes from outside goes through `text`.
enum Markup {
    /// Text as it may stand between tags and in quoted attributes.
    static func text(_ text: some StringProtocol) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "'": safe += "&#39;"
            // What neither HTML nor XML allows.
            case _ where scalar.value < 0x20 && scalar != "\n" && scalar != "\t": safe += "�"
            case "\u{7f}", "\u{fffe}", "\u{ffff}": safe += "�"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// Text of at most so many characters.
    static func short(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : text.prefix(limit - 1) + "…"
    }

    /// A coordinate.
    static func place(_ value: Double) -> String { fixed(value, 1) }

    static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// A number for people: thousands apart, and three significant digits below a hundred.
    static func number(_ value: Double) -> String {
        guard value < 99.95 else { return grouped(value) }
        if value >= 9.995 { return fixed(value, 1) }
        return value == 0 ? "0" : fixed(value, value >= 0.1 ? 2 : 3)
    }

    private static func grouped(_ value: Double) -> String {
        var digits = fixed(value, 0)[...]
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    /// Text in a picture.
    static func label(
        _ content: String, x: Double, y: Double, anchor: String = "start", class name: String = ""
    ) -> String {
        "<text x=\"\(place(x))\" y=\"\(place(y))\" text-anchor=\"\(anchor)\""
            + (name.isEmpty ? "" : " class=\"\(name)\"") + ">\(text(content))</text>"
    }

    static func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String
    ) -> String {
        "<line x1=\"\(place(x1))\" y1=\"\(place(y1))\" x2=\"\(place(x2))\" y2=\"\(place(y2))\""
            + " class=\"\(name)\"/>"
    }

    /// A bar; `title` is what a pointer that rests on it shows.
    static func bar(
        x: Double, y: Double, width: Double, height: Double, class name: String, title: String = ""
    ) -> String {
        let tip = title.isEmpty ? "/>" : "><title>\(text(title))</title></rect>"
        return "<rect x=\"\(place(x))\" y=\"\(place(y))\" width=\"\(place(max(0, width)))\""
            + " height=\"\(place(height))\" class=\"\(name)\"" + tip
    }

    /// A whole picture of this size in its own units; it grows and shrinks with the page.
    static func picture(
        width: Double, height: Double, title: String, _ content: [String]
    ) -> String {
        "<svg viewBox=\"0 0 \(fixed(width, 0)) \(fixed(height, 0))\" role=\"img\""
            + " aria-label=\"\(text(title))\" xmlns=\"http://www.w3.org/2000/svg\">\n"
            + content.joined(separator: "\n") + "\n</svg>"
    }
}

/// Colour, mark and dashes of a curve by its number: the same in every picture of a page, and to be
/// told apart without colour.
struct CurveStyle {
    let number: Int

    private static let colourCount = 8

    /// Sets `--ink` for what is inside.
    var colour: String { "c\(number % Self.colourCount)" }

    /// The dashes of the line; the first curve and every eighth after it has none.
    var dashes: String {
        let patterns = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "9 3 2 3 2 3"]
        let pattern = patterns[number % patterns.count]
        return pattern.isEmpty ? "" : " stroke-dasharray=\"\(pattern)\""
    }

    func mark(x: Double, y: Double, title: String, isFaint: Bool) -> String {
        let r = number == 0 ? 5.0 : 4.0
        let shapes: [[(Double, Double)]] = [
            [], [(-1, -1), (1, -1), (1, 1), (-1, 1)], [(0, -1.3), (1.2, 0.9), (-1.2, 0.9)],
            [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)], [(0, 1.3), (1.2, -0.9), (-1.2, -0.9)],
        ]
        let shape = shapes[number % shapes.count]
        let attributes = "class=\"mark\(isFaint ? " faint" : "")\""
        let tip = "<title>\(Markup.text(title))</title>"
        guard !shape.isEmpty else {
            return "<circle cx=\"\(Markup.place(x))\" cy=\"\(Markup.place(y))\""
                + " r=\"\(Markup.place(r))\" \(attributes)>\(tip)</circle>"
        }
        let corners = shape.map {
            "\(Markup.place(x + $0.0 * r)),\(Markup.place(y + $0.1 * r))"
        }
        return "<polygon points=\"\(corners.joined(separator: " "))\" \(attributes)>\(tip)"
            + "</polygon>"
    }
}
