import ApusRPC
import SwiftProtobuf

/// Lets SwiftProtobuf encode a message to where the transport sends it from.
struct ProtobufBytes: SwiftProtobufContiguousBytes {
    private(set) var message: FramedMessage

    init(repeating byte: UInt8, count: Int) {
        message = FramedMessage(byteCount: count)
        if byte != 0 {
            unsafe message.withUnsafeMutableBytes { bytes in
                _ = unsafe bytes.initializeMemory(as: UInt8.self, repeating: byte)
            }
        }
    }

    init<Bytes: Sequence<UInt8>>(_ sequence: Bytes) {
        message = FramedMessage(bytes: Array(sequence))
    }

    var count: Int { message.byteCount }

    func withUnsafeBytes<Value>(
        _ body: (UnsafeRawBufferPointer) throws -> Value
    ) rethrows -> Value {
        var message = message
        return try unsafe message.withUnsafeMutableBytes { bytes in
            try unsafe body(UnsafeRawBufferPointer(bytes))
        }
    }

    mutating func withUnsafeMutableBytes<Value>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Value
    ) rethrows -> Value {
        try unsafe message.withUnsafeMutableBytes(body)
    }
}
