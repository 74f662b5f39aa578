private import Foundation

/// Writes vectors as an npy file, or as JSON lines with their texts.
struct VectorWriter {
    private(set) var count = 0
    private let handle: FileHandle
    private let dimension: Int
    private let isNpy: Bool

    /// Room for the number of rows, which is known at the end only.
    private static let npyHeaderSize = 128

    /// nil: JSON lines to standard output.
    init(path: String?, dimension: Int) throws {
        self.dimension = dimension
        isNpy = path?.hasSuffix(".npy") ?? false
        guard let path else {
            handle = .standardOutput
            return
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw Failure("\(path): cannot be written") }
        self.handle = handle
        if isNpy { try handle.write(contentsOf: header()) }
    }

    mutating func write(_ vectors: [[Float]], of texts: [String]) throws {
        var data: [UInt8] = []
        for (vector, text) in zip(vectors, texts) {
            if isNpy {
                for number in vector { Self.append(number.bitPattern, to: &data) }
            } else {
                data.append(contentsOf: try line(vector, text))
            }
            count += 1
        }
        try handle.write(contentsOf: Data(data))
    }

    /// Writes what could not be known before.
    func finish() throws {
        guard isNpy else { return }
        try handle.seek(toOffset: 0)
        try handle.write(contentsOf: header())
        try handle.close()
    }

    private func line(_ vector: [Float], _ text: String) throws -> Data {
        struct Line: Encodable {
            var id: Int
            var vector: [Float]
            var payload: [String: String]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = Line(id: count, vector: vector, payload: ["text": text])
        return try encoder.encode(line) + Data([0x0a])
    }

    /// Version 1 of the format, padded so that its length never changes.
    private func header() -> Data {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(count), \(dimension)), }"
        let body = text.padding(toLength: Self.npyHeaderSize - 11, withPad: " ", startingAt: 0)
        var data = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
        let length = UInt16(Self.npyHeaderSize - 10)
        data.append(contentsOf: [UInt8(truncatingIfNeeded: length), UInt8(length >> 8)])
        return data + Data(body.utf8) + Data([0x0a])
    }

    private static func append(_ bits: UInt32, to data: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            data.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }
}
