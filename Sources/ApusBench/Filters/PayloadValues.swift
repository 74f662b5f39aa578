package import ApusCore
private import ApusPipeline

/// Payloads, and conditions that some of them satisfy, drawn by chance.
package struct PayloadValues: Sendable {
    package struct Field: Sendable {
        package var path: PayloadPath
        package var schema: PayloadFieldSchema

        package init(path: PayloadPath, schema: PayloadFieldSchema) {
            self.path = path
            self.schema = schema
        }
    }

    let payloads: [Payload]
    let fields: [Field]

    /// - Parameter path: JSON Lines, plain or gzip; each line is the payload of a point.
    init(at path: String, fields: [Field]) throws {
        let lines = try LineReader(path: path)
        var payloads: [Payload] = []
        while let line = try lines.next() { payloads.append(try lines.payload(line)) }
        guard !payloads.isEmpty else { throw BenchError("\(path) has no lines") }
        try self.init(payloads, fields: fields, place: path)
    }

    /// `place`: where the payloads come from, for an error.
    init(_ payloads: [Payload], fields: [Field], place: String) throws {
        for field in fields where !payloads.contains(where: { field.hasValue(in: $0) }) {
            throw BenchError(
                "\(place): no line has a \(field.schema.type.rawValue) `\(field.path)`")
        }
        self.payloads = payloads
        self.fields = fields
    }

    /// A condition that some row satisfies: a value that it has; of numbers and times, at least
    /// that; of texts, its first two words.
    func condition(on field: Field, _ random: inout Xorshift) -> Condition {
        while true {
            if let predicate = field.predicate(in: payload(&random)) {
                return .field(field.path, predicate)
            }
        }
    }

    /// So many conditions, on different fields as long as there are any; some refuse what they hold
    /// for, and some ranges end at the value of another row.
    func filter(_ conditionCounts: ClosedRange<Int>, _ random: inout Xorshift) -> Filter {
        var filter = Filter()
        let count = Int.random(in: conditionCounts, using: &random)
        let shuffled = fields.shuffled(using: &random)
        for number in 0..<count {
            let field = shuffled[number % shuffled.count]
            var condition = condition(on: field, &random)
            if case .field(let path, .range(var range)) = condition, Bool.random(using: &random),
                case .field(_, .range(let other)) = self.condition(on: field, &random),
                let end = other.greaterOrEqual
            {
                range.lessOrEqual = end
                if let start = range.greaterOrEqual, start > end {
                    (range.greaterOrEqual, range.lessOrEqual) = (end, start)
                }
                condition = .field(path, .range(range))
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                filter.mustNot.append(condition)
            } else {
                filter.must.append(condition)
            }
        }
        return filter
    }

    private func payload(_ random: inout Xorshift) -> Payload {
        payloads[Int.random(in: payloads.indices, using: &random)]
    }
}

extension PayloadValues.Field {
    fileprivate func hasValue(in payload: Payload) -> Bool { predicate(in: payload) != nil }

    /// What the first value of the field's type satisfies; nil: there is none.
    fileprivate func predicate(in payload: Payload) -> FieldPredicate? {
        payload.flattenedValues(at: path).lazy.compactMap(predicate(of:)).first
    }

    private func predicate(of value: JSONValue) -> FieldPredicate? {
        switch (schema.type, value) {
        case (.keyword, .string(let text)), (.uuid, .string(let text)): .matchKeyword(text)
        case (.integer, .integer(let number)): .range(NumericRange(greaterOrEqual: Double(number)))
        case (.float, .integer(let number)): .range(NumericRange(greaterOrEqual: Double(number)))
        case (.float, .double(let number)): .range(NumericRange(greaterOrEqual: number))
        case (.bool, .bool(let flag)): .matchBool(flag)
        case (.datetime, .string(let text)):
            Timestamp(rfc3339: text).map { .datetimeRange(DatetimeRange(greaterOrEqual: $0)) }
        case (.text, .string(let text)):
            .matchText(text.split(separator: " ").prefix(2).joined(separator: " "))
        default: nil
        }
    }
}
