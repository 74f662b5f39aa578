import ApusCore

/// Spans as the OpenTelemetry protocol carries them: `ExportTraceServiceRequest` of
/// opentelemetry-proto 1.x (trace/v1/trace.proto), written by hand, because of its hundred message
/// types five are needed, and only in this direction.
enum OTLP {
    static func request(_ spans: [Span], service: String, version: String) -> [UInt8] {
        message { request in
            request.bytes(1) { resourceSpans in
                resourceSpans.bytes(1) { resource in
                    resource.attribute(1, "service.name", .text(service))
                    resource.attribute(1, "service.version", .text(version))
                }
                resourceSpans.bytes(2) { scopeSpans in
                    scopeSpans.bytes(1) { $0.text(1, "apus") }
                    for span in spans { scopeSpans.bytes(2) { $0.write(span) } }
                }
            }
        }
    }

    private static func message(_ body: (inout Message) -> Void) -> [UInt8] {
        var message = Message()
        body(&message)
        return message.writer.bytes
    }

    /// A protobuf message being written: fields by their numbers.
    fileprivate struct Message {
        var writer = ByteWriter()

        private mutating func tag(_ field: UInt64, wire: UInt64) {
            writer.writeVarInt(field << 3 | wire)
        }

        mutating func varint(_ field: UInt64, _ value: UInt64) {
            tag(field, wire: 0)
            writer.writeVarInt(value)
        }

        mutating func fixed64(_ field: UInt64, _ value: UInt64) {
            tag(field, wire: 1)
            writer.write(value)
        }

        mutating func raw(_ field: UInt64, _ bytes: some Collection<UInt8>) {
            tag(field, wire: 2)
            writer.writeVarInt(UInt64(bytes.count))
            writer.write(bytes: bytes)
        }

        mutating func text(_ field: UInt64, _ text: String) { raw(field, Array(text.utf8)) }

        mutating func bytes(_ field: UInt64, _ body: (inout Message) -> Void) {
            raw(field, message(body))
        }

        /// A `KeyValue`.
        mutating func attribute(_ field: UInt64, _ key: String, _ value: Span.Value) {
            bytes(field) { pair in
                pair.text(1, key)
                pair.bytes(2) { any in
                    switch value {
                    case .text(let text): any.text(1, text)
                    case .bool(let flag): any.varint(2, flag ? 1 : 0)
                    case .integer(let number): any.varint(3, UInt64(bitPattern: number))
                    case .double(let number): any.fixed64(4, number.bitPattern)
                    }
                }
            }
        }

        mutating func write(_ span: Span) {
            raw(1, bigEndian(span.place.traceHigh) + bigEndian(span.place.traceLow))
            raw(2, bigEndian(span.place.spanID))
            if let parent = span.parentID { raw(4, bigEndian(parent)) }
            text(5, span.name)
            varint(6, span.kind.rawValue)
            fixed64(7, span.startNanoseconds)
            fixed64(8, span.endNanoseconds)
            for (key, value) in span.attributes.sorted(by: { $0.key < $1.key }) {
                attribute(9, key, value)
            }
            if let failure = span.failure {
                bytes(15) { status in
                    status.text(2, failure)
                    // STATUS_CODE_ERROR
                    status.varint(3, 2)
                }
            }
        }

        private func bigEndian(_ value: UInt64) -> [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
        }
    }
}
