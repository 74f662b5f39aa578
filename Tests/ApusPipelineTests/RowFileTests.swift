import ApusPipeline
import Testing

@Suite struct RowFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [1, 2, 3] as [UInt8])
    func everyNpyVersionIsRead(version: UInt8) throws {
        let data = FileBytes.littleEndian(([1, 2, 3, 4, 5, 6] as [Float]).map(\.bitPattern))
        let path = try folder.write(
            "a.npy", FileBytes.npy(version: version, descr: "<f4", shape: "(3, 2)", data))
        let file = try RowFile(path: path)
        #expect(file.layout.rowCount == 3)
        #expect(file.layout.width == 2)
        #expect(try file.floats(0..<3).values == [1, 2, 3, 4, 5, 6])
        #expect(try Array(file.floats(1..<2)[0]) == [3, 4])
    }

    @Test func allFloat16ValuesConvertExactly() throws {
        let all = Array(UInt16.min...UInt16.max)
        let path = try folder.write(
            "h.npy",
            FileBytes.npy(descr: "<f2", shape: "(256, 256)", FileBytes.littleEndian(all)))
        let floats = try RowFile(path: path).floats(0..<256).values
        for (bits, float) in zip(all, floats) {
            let sign: Float = bits & 0x8000 == 0 ? 1 : -1
            let exponent = Int(bits >> 10 & 0x1f)
            let fraction = Float(bits & 0x3ff) / 1024
            switch exponent {
            case 0: #expect(float == sign * fraction * 0x1p-14, "bits \(bits)")
            case 31 where fraction == 0: #expect(float == sign * .infinity, "bits \(bits)")
            case 31: #expect(float.isNaN, "bits \(bits)")
            default:
                let power = Float(sign: .plus, exponent: exponent - 15, significand: 1)
                #expect(float == sign * (1 + fraction) * power, "bits \(bits)")
            }
        }
    }

    @Test func bytesAndIntegersKeepTheirValues() throws {
        let bytes = try RowFile(
            path: folder.write(
                "b.npy", FileBytes.npy(descr: "|u1", shape: "(2, 2)", [0, 1, 128, 255]))
        )
        #expect(try bytes.floats(0..<2).values == [0, 1, 128, 255])
        let long = try RowFile(
            path: folder.write(
                "i.npy",
                FileBytes.npy(
                    descr: "<i8", shape: "(2,)", FileBytes.littleEndian([Int64.min, Int64.max]))))
        #expect(try long.ids(0..<2).values == [Int.min, Int.max])
        let short = try RowFile(
            path: folder.write(
                "j.npy",
                FileBytes.npy(
                    descr: "<i4", shape: "(1, 2)", FileBytes.littleEndian([Int32(-1), 7]))))
        #expect(try short.ids(0..<1).values == [-1, 7])
        #expect(throws: PipelineError.self) { try short.floats(0..<1) }
        #expect(throws: PipelineError.self) { try bytes.ids(0..<1) }
    }

    @Test func vecsRowsAreReadWithoutTheirWidths() throws {
        let rows: [[Float]] = [[1, 2, 3], [4, 5, 6]]
        let fvecs = try RowFile(path: folder.write("a.fvecs", FileBytes.fvecs(rows)))
        #expect(try fvecs.floats(0..<2).values == [1, 2, 3, 4, 5, 6])
        #expect(try fvecs.floats(1..<2).values == [4, 5, 6])
        let width = FileBytes.littleEndian([Int32(2)])
        let bvecs = try RowFile(path: folder.write("a.bvecs", width + [7, 255] + width + [0, 9]))
        #expect(try bvecs.floats(0..<2).values == [7, 255, 0, 9])
        let ivecs = try RowFile(
            path: folder.write("a.ivecs", width + FileBytes.littleEndian([Int32(5), 6])))
        #expect(try ivecs.ids(0..<1).values == [5, 6])
    }

    @Test func aRowOfAnotherWidthIsNamed() throws {
        var bytes = FileBytes.fvecs([[1, 2], [3, 4], [5, 6]])
        bytes[12] = 9
        let file = try RowFile(path: folder.write("w.fvecs", bytes))
        #expect(
            throws: PipelineError.malformed(
                file: file.file.path, .row(1), expected: "a width of 2, as in row 0", found: "9")
        ) { try file.floats(0..<3) }
    }

    @Test(arguments: [
        (">f4", "(1, 1)", false), ("<f8", "(1, 1)", false), ("<f4", "(1, 1, 1)", false),
        ("<f4", "()", false), ("<f4", "(1, 0)", false), ("<f4", "(1, 1)", true),
        ("<f4", "(2, 1)", false), ("<f4", "(9223372036854775807, 9)", false),
        ("<f4", "(99999999999999999999, 1)", false), ("<f4", "(-1, 1)", false),
        ("<f4", "1", false),
    ])
    func headersThatDoNotFitAreRefused(descr: String, shape: String, fortran: Bool) throws {
        let path = try folder.write(
            "x.npy", FileBytes.npy(descr: descr, shape: shape, fortran: fortran, [0, 0, 0, 0]))
        #expect(throws: PipelineError.self) { try RowFile(path: path) }
    }

    @Test func anyTruncationIsRefused() throws {
        let npy = FileBytes.npy(descr: "<f4", shape: "(2, 2)", [UInt8](repeating: 1, count: 16))
        for length in 0..<npy.count {
            let path = try folder.write("t.npy", Array(npy.prefix(length)))
            #expect(throws: PipelineError.self, "\(length) bytes") { try RowFile(path: path) }
        }
        let vecs = FileBytes.fvecs([[1, 2]])
        for length in 0..<vecs.count {
            let path = try folder.write("t.fvecs", Array(vecs.prefix(length)))
            #expect(throws: PipelineError.self, "\(length) bytes") { try RowFile(path: path) }
        }
    }

    @Test func noFlippedBitTraps() throws {
        let npy = FileBytes.npy(descr: "<f4", shape: "(2, 2)", [UInt8](repeating: 1, count: 16))
        let vecs = FileBytes.fvecs([[1, 2], [3, 4]])
        for (name, bytes) in [("f.npy", npy), ("f.fvecs", vecs)] {
            for bit in 0..<(bytes.count * 8) {
                var damaged = bytes
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                let path = try folder.write(name, damaged)
                if let file = try? RowFile(path: path) {
                    _ = try? file.floats(0..<file.layout.rowCount)
                    _ = try? file.ids(0..<file.layout.rowCount)
                }
            }
        }
    }

    @Test func missingFilesAndFoldersAreNamed() throws {
        #expect(throws: PipelineError.self) { try RowFile(path: folder.file("none.npy")) }
        let error = #expect(throws: PipelineError.self) { try RowFile(path: folder.path) }
        #expect(error?.description == "\(folder.path): not a regular file")
    }
}
