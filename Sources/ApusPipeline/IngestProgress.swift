/// How far an ingest run is.
package struct IngestProgress: Hashable, Sendable {
    /// Rows that an earlier run loaded.
    package var resumedRows: Int
    /// Rows acknowledged, those of the earlier run included.
    package var rows: Int
    /// Rows in all, when the source knows.
    package var total: Int?
    /// 0…1; from the part of the source that was read where the rows in all are unknown.
    package var fraction: Double
    /// Since this run started.
    package var elapsed: Duration

    package init(
        resumedRows: Int, rows: Int, total: Int?, fraction: Double, elapsed: Duration
    ) {
        self.resumedRows = resumedRows
        self.rows = rows
        self.total = total
        self.fraction = fraction
        self.elapsed = elapsed
    }

    /// Rows a second in this run; 0 before the first.
    package var rate: Double {
        let seconds = elapsed / .seconds(1)
        return seconds > 0 ? Double(rows - resumedRows) / seconds : 0
    }

    /// Time left at this run's rate; nil until there is one.
    package var remaining: Duration? {
        guard rate > 0 else { return nil }
        if let total { return .seconds(Double(max(0, total - rows)) / rate) }
        guard fraction > 0, rows > resumedRows else { return nil }
        let rowsInAll = Double(rows) / fraction
        return .seconds(max(0, rowsInAll - Double(rows)) / rate)
    }
}
