import ApusPipeline
import Foundation
import Testing

@Suite struct SafetensorsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ header: String, _ data: [UInt8] = []) throws -> SafetensorsFile {
        let length = FileBytes.littleEndian([UInt64(header.utf8.count)])
        return try SafetensorsFile(
            path: folder.write("m.safetensors", length + Array(header.utf8) + data))
    }

    private func header(_ type: String, _ shape: String, _ start: String, _ end: String) -> String {
        "{\"__metadata__\":{\"format\":\"pt\"},\"t\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],"
            + "\"data_offsets\":[\(start),\(end)]}}"
    }

    @Test func everyFloatTypeIsRead() throws {
        let values: [Float] = [1, -2.5, 0, 65504]
        let single = FileBytes.littleEndian(values.map(\.bitPattern))
        #expect(
            try file(header("F32", "2,2", "0", "16"), single).floats("t", shape: [2, 2]) == values)
        let half = FileBytes.littleEndian([0x3c00, 0xc100, 0, 0x7bff] as [UInt16])
        #expect(try file(header("F16", "4", "0", "8"), half).floats("t", shape: [4]) == values)
        let brain = FileBytes.littleEndian(
            ([1, -2.5, 0, 3] as [Float]).map { UInt16($0.bitPattern >> 16) })
        #expect(
            try file(header("BF16", "4", "0", "8"), brain).floats("t", shape: [4])
                == [1, -2.5, 0, 3])
    }

    @Test func otherTypesShapesAndNamesAreRefused() throws {
        let file = try file(header("I64", "1", "0", "8"), [UInt8](repeating: 0, count: 8))
        #expect(file.hasTensor("t"))
        #expect(throws: PipelineError.self) { _ = try file.floats("t", shape: [1]) }
        #expect(throws: PipelineError.self) { _ = try file.floats("t", shape: [2]) }
        #expect(throws: PipelineError.self) { _ = try file.floats("u", shape: [1]) }
        #expect(!file.hasTensor("__metadata__"))
    }

    @Test(arguments: [
        ("F32", "2", "0", "4"), ("F32", "2", "4", "0"), ("F32", "2", "0", "1000"),
        ("F32", "-2", "0", "8"), ("F32", "2", "-8", "0"), ("F32", "2.5", "0", "8"),
        ("F32", "4611686018427387904,8", "0", "0"), ("F32", "2", "9223372036854775807", "8"),
        ("F32", "2", "0", "9223372036854775807"), ("F32", "\"2\"", "0", "8"),
        ("F32", "99999999999999999999", "0", "8"), ("F32", "2", "0,0", "8"),
    ])
    func placesThatDoNotFitAreRefused(type: String, shape: String, start: String, end: String) {
        #expect(throws: PipelineError.self) {
            _ = try file(header(type, shape, start, end), [UInt8](repeating: 0, count: 8))
        }
    }

    @Test func headersThatAreNoneAreRefused() throws {
        for header in ["", "[]", "{", "7", "{\"t\":1}", "{\"t\":{}}", "\u{0}"] {
            #expect(throws: PipelineError.self, "\(header)") { _ = try file(header) }
        }
        for bytes: [UInt8] in [
            [], [1, 2, 3], [9, 0, 0, 0, 0, 0, 0, 0, 0x7b], [UInt8](repeating: 255, count: 16),
        ] {
            let path = try folder.write("x.safetensors", bytes)
            #expect(throws: PipelineError.self) { _ = try SafetensorsFile(path: path) }
        }
    }

    /// Every byte of a small file, changed in every bit: an error or other numbers, never a trap.
    @Test func changedBytesDoNotTrap() throws {
        let header = header("F32", "2", "0", "8")
        let whole =
            FileBytes.littleEndian([UInt64(header.utf8.count)]) + Array(header.utf8)
            + [UInt8](repeating: 1, count: 8)
        for index in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[index] ^= 1 << bit
                let path = try folder.write("c.safetensors", bytes)
                _ = try? SafetensorsFile(path: path).floats("t", shape: [2])
            }
        }
    }
}
