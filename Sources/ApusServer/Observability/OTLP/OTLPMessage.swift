import ApusCore

/// A message of the OpenTelemetry protocol being written (opentelemetry-proto 1.x): protobuf by hand,
/// because of its hundreds of message types a dozen are needed, and only in this direction.
struct OTLPMessage {
    private var writer = ByteWriter()

    var bytes: [UInt8] { writer.bytes }

    /// The request that exports what one process measured: its resource, and the scope of its signals.
    static func request(
        service: String, _ signals: (inout OTLPMessage) -> Void
    ) -> [UInt8] {
        var request = OTLPMessage()
        request.message(1) { ofResource in
            ofResource.message(1) { resource in
                resource.attribute(1, "service.name", .text(service))
                resource.attribute(1, "service.version", .text(ServerVersion.current.apus))
            }
            ofResource.message(2) { ofScope in
                ofScope.message(1) { $0.text(1, "apus") }
                signals(&ofScope)
            }
        }
        return request.bytes
    }

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

    mutating func double(_ field: UInt64, _ value: Double) { fixed64(field, value.bitPattern) }

    mutating func raw(_ field: UInt64, _ bytes: some Collection<UInt8>) {
        tag(field, wire: 2)
        writer.writeVarInt(UInt64(bytes.count))
        writer.write(bytes: bytes)
    }

    mutating func text(_ field: UInt64, _ text: String) { raw(field, Array(text.utf8)) }

    mutating func message(_ field: UInt64, _ body: (inout OTLPMessage) -> Void) {
        var message = OTLPMessage()
        body(&message)
        raw(field, message.bytes)
    }

    /// A repeated field of eight bytes each.
    mutating func packed(_ field: UInt64, _ values: some Sequence<UInt64>) {
        var packed = ByteWriter()
        for value in values { packed.write(value) }
        raw(field, packed.bytes)
    }

    /// A `KeyValue`.
    mutating func attribute(_ field: UInt64, _ key: String, _ value: Span.Value) {
        message(field) { pair in
            pair.text(1, key)
            pair.message(2) { any in
                switch value {
                case .text(let text): any.text(1, text)
                case .bool(let flag): any.varint(2, flag ? 1 : 0)
                case .integer(let number): any.varint(3, UInt64(bitPattern: number))
                case .double(let number): any.double(4, number)
                }
            }
        }
    }
}
