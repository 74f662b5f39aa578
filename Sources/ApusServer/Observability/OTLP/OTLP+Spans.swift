extension OTLPMessage {
    /// `ExportTraceServiceRequest` (trace/v1/trace.proto).
    static func request(_ spans: [Span], service: String) -> [UInt8] {
        request(service: service) { scope in
            for span in spans { scope.message(2) { $0.write(span) } }
        }
    }

    private mutating func write(_ span: Span) {
        raw(1, Self.bigEndian(span.place.traceHigh) + Self.bigEndian(span.place.traceLow))
        raw(2, Self.bigEndian(span.place.spanID))
        if let parent = span.parentID { raw(4, Self.bigEndian(parent)) }
        text(5, span.name)
        varint(6, span.kind.rawValue)
        fixed64(7, span.startNanoseconds)
        fixed64(8, span.endNanoseconds)
        for (key, value) in span.attributes.sorted(by: { $0.key < $1.key }) {
            attribute(9, key, value)
        }
        if let failure = span.failure {
            message(15) { status in
                status.text(2, failure)
                // STATUS_CODE_ERROR
                status.varint(3, 2)
            }
        }
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }
}
