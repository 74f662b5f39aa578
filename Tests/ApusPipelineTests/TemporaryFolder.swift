import Foundation

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "apus-pipeline-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try write(name, Array(text.utf8))
    }
}

/// Bytes of files as other programs write them.
enum FileBytes {
    static func littleEndian<Value: FixedWidthInteger>(_ values: [Value]) -> [UInt8] {
        values.flatMap { value in
            (0..<MemoryLayout<Value>.size).map {
                UInt8(truncatingIfNeeded: value >> Value(8 * $0))
            }
        }
    }

    /// An npy file as `numpy.save` lays it out: the header is padded to 64 bytes.
    static func npy(
        version: UInt8 = 1, descr: String, shape: String, fortran: Bool = false, _ data: [UInt8]
    ) -> [UInt8] {
        var header = Array(
            "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }"
                .utf8)
        let lengthSize = version == 1 ? 2 : 4
        while (8 + lengthSize + header.count + 1) % 64 != 0 { header.append(0x20) }
        header.append(0x0a)
        let length =
            version == 1
            ? littleEndian([UInt16(header.count)]) : littleEndian([UInt32(header.count)])
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + header + data
    }

    static func fvecs(_ rows: [[Float]]) -> [UInt8] {
        rows.flatMap {
            littleEndian([Int32($0.count)]) + littleEndian($0.map(\.bitPattern))
        }
    }
}
