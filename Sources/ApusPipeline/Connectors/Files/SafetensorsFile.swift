private import ApusCore

/// Tensors by name, as Hugging Face's `safetensors` writes them: the length of a header (8 bytes,
/// little-endian), the header as a JSON object, and the numbers that it gives places for.
package struct SafetensorsFile: Sendable {
    private struct Tensor: Sendable {
        var type: String
        var shape: [Int]
        /// Offsets in the file.
        var bytes: Range<Int>
    }

    /// Longest header that is read, as the reference implementation has it.
    private static let headerLengthMax = 100_000_000

    package let file: InputFile
    private let tensors: [String: Tensor]

    package init(path: String) throws(PipelineError) {
        file = try InputFile(path: path)
        let start = try file.read(at: 0, count: 8)
        let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard start.count == 8, length <= Self.headerLengthMax, Int(length) <= file.size - 8 else {
            throw .malformed(
                file: path, .byte(0), expected: "the length of a header that fits into the file",
                found: start.count < 8 ? "the end of the file" : "\(length)")
        }
        let header = try file.read(at: 8, count: Int(length))
        tensors = try Self.tensors(in: header, dataStart: 8 + Int(length), of: file)
    }

    /// Whether there is such a tensor.
    package func hasTensor(_ name: String) -> Bool { tensors[name] != nil }

    /// The numbers of a tensor that must have the given shape, in row-major order; float32, float16
    /// and bfloat16 are understood.
    package func floats(_ name: String, shape: [Int]) throws(PipelineError) -> [Float] {
        guard let tensor = tensors[name] else {
            throw .unsupported(file: file.path, expected: "a tensor \(name)", found: "none")
        }
        guard tensor.shape == shape else {
            throw .unsupported(
                file: file.path, expected: "\(name) of shape \(shape)", found: "\(tensor.shape)")
        }
        let bytes = try file.read(at: tensor.bytes.lowerBound, count: tensor.bytes.count)
        guard bytes.count == tensor.bytes.count else {
            throw .malformed(
                file: file.path, .byte(tensor.bytes.lowerBound),
                expected: "\(tensor.bytes.count) bytes", found: "\(bytes.count)")
        }
        switch tensor.type {
        case "F32": return Self.words(bytes, FloatBits.float32)
        case "BF16": return Self.words(bytes, Self.bfloat16)
        case "F16": return Self.words(bytes, FloatBits.float16)
        default:
            throw .unsupported(
                file: file.path, expected: "\(name) of type F32, F16 or BF16", found: tensor.type)
        }
    }

    /// The upper half of a binary32.
    private static func bfloat16(_ bits: UInt16) -> Float {
        Float(bitPattern: UInt32(bits) << 16)
    }

    private static func words<Word: FixedWidthInteger>(
        _ bytes: [UInt8], _ convert: (Word) -> Float
    ) -> [Float] {
        let size = MemoryLayout<Word>.size
        let count = bytes.count / size
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe [Float](unsafeUninitializedCapacity: count) { floats, filled in
                for index in 0..<count {
                    let word = unsafe bytes.loadUnaligned(
                        fromByteOffset: index * size, as: Word.self)
                    unsafe floats.initializeElement(
                        at: index, to: convert(Word(littleEndian: word)))
                }
                filled = count
            }
        }
    }

    private static func tensors(
        in header: [UInt8], dataStart: Int, of file: InputFile
    ) throws(PipelineError) -> [String: Tensor] {
        let value: JSONValue
        do { value = try JSONParser.value(in: header) } catch {
            throw .malformed(
                file: file.path, .byte(8 + error.offset), expected: error.expected,
                found: error.found)
        }
        guard case .object(let entries) = value else {
            throw .malformed(
                file: file.path, .byte(8), expected: "a JSON object", found: "another value")
        }
        var tensors: [String: Tensor] = [:]
        for (name, entry) in entries where name != "__metadata__" {
            guard let tensor = tensor(entry, dataStart: dataStart, fileSize: file.size) else {
                throw .malformed(
                    file: file.path, .byte(8),
                    expected: "type, shape and place of tensor \(name) within the file",
                    found: "\(entry)")
            }
            tensors[name] = tensor
        }
        return tensors
    }

    /// Nil unless the entry is whole, fits into the file and has as many bytes as its shape takes.
    private static func tensor(_ entry: JSONValue, dataStart: Int, fileSize: Int) -> Tensor? {
        guard case .object(let fields) = entry, case .string(let type)? = fields["dtype"],
            let shape = integers(fields["shape"]), let places = integers(fields["data_offsets"]),
            places.count == 2, places[0] <= places[1], places[1] <= fileSize - dataStart
        else { return nil }
        if let size = ["F32": 4, "F16": 2, "BF16": 2][type] {
            var byteCount = size
            for axis in shape {
                let (product, overflow) = byteCount.multipliedReportingOverflow(by: axis)
                guard !overflow else { return nil }
                byteCount = product
            }
            guard byteCount == places[1] - places[0] else { return nil }
        }
        return Tensor(
            type: type, shape: shape, bytes: (dataStart + places[0])..<(dataStart + places[1]))
    }

    /// Whole numbers from 0 on.
    private static func integers(_ value: JSONValue?) -> [Int]? {
        guard case .array(let elements)? = value else { return nil }
        var integers: [Int] = []
        for element in elements {
            guard case .integer(let integer) = element, integer >= 0 else { return nil }
            integers.append(Int(integer))
        }
        return integers
    }
}
