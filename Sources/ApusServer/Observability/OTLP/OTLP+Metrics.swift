import ApusCore

extension OTLPMessage {
    /// When the numbers were taken, in nanoseconds since 1970.
    struct Times {
        var start: UInt64
        var now: UInt64
    }

    /// `ExportMetricsServiceRequest` (metrics/v1/metrics.proto): what Prometheus would scrape, with
    /// units, and counters without the `_total` that collectors add.
    static func request(_ page: MetricsPage, _ times: Times, service: String) -> [UInt8] {
        request(service: service) { scope in
            for family in page.families { scope.message(2) { $0.write(family, times) } }
        }
    }

    /// AGGREGATION_TEMPORALITY_CUMULATIVE: since the start.
    private static let cumulative: UInt64 = 2

    private mutating func write(_ family: MetricsPage.Family, _ times: Times) {
        let name = family.name.hasSuffix("_total") ? String(family.name.dropLast(6)) : family.name
        text(1, name)
        text(2, family.help)
        text(3, Self.unit(of: name))
        switch family.samples {
        case .gauge(let samples):
            message(5) { $0.write(samples, times) }
        case .counter(let samples):
            message(7) { sum in
                sum.write(samples, times)
                sum.varint(2, Self.cumulative)
                // is_monotonic
                sum.varint(3, 1)
            }
        case .histogram(let samples):
            message(9) { histogram in
                for (labels, snapshot) in samples {
                    histogram.message(1) { $0.write(snapshot, labels, times) }
                }
                histogram.varint(2, Self.cumulative)
            }
        }
    }

    /// In the notation of UCUM.
    private static func unit(of name: String) -> String {
        if name.hasSuffix("_seconds") { return "s" }
        return name.hasSuffix("_bytes") ? "By" : "1"
    }

    private mutating func write(
        _ samples: [(MetricsPage.Labels, String)], _ times: Times
    ) {
        for (labels, value) in samples {
            message(1) { point in
                point.fixed64(2, times.start)
                point.fixed64(3, times.now)
                if let integer = Int64(value) {
                    point.fixed64(6, UInt64(bitPattern: integer))
                } else {
                    point.double(4, Double(value) ?? .nan)
                }
                for label in labels { point.attribute(7, label.name, .text(label.value)) }
            }
        }
    }

    private mutating func write(
        _ snapshot: Histogram.Snapshot, _ labels: MetricsPage.Labels, _ times: Times
    ) {
        fixed64(2, times.start)
        fixed64(3, times.now)
        fixed64(4, UInt64(snapshot.count))
        double(5, snapshot.sum.seconds)
        packed(6, snapshot.counts.map { UInt64($0) })
        packed(7, Histogram.bounds.map(\.bitPattern))
        for label in labels { attribute(9, label.name, .text(label.value)) }
    }
}
