/// Rows of equally many numbers as 32-bit floats, `[count × dimension]`, row after row.
package struct FloatRows: Hashable, Sendable {
    package var dimension: Int
    package var values: [Float]

    package init(dimension: Int, values: [Float]) {
        self.dimension = dimension
        self.values = values
    }

    package var count: Int { values.count / dimension }

    package subscript(row: Int) -> ArraySlice<Float> {
        values[(row * dimension)..<((row + 1) * dimension)]
    }
}

/// Rows of ids, `[count × width]`: the exact neighbours of queries, best first.
package struct IDRows: Hashable, Sendable {
    package var width: Int
    package var values: [Int]

    package init(width: Int, values: [Int]) {
        self.width = width
        self.values = values
    }

    package var count: Int { values.count / width }

    package subscript(row: Int) -> ArraySlice<Int> {
        values[(row * width)..<((row + 1) * width)]
    }
}

/// A file of equal rows of numbers (npy, fvecs, bvecs, ivecs, a table of an HDF5 file), read
/// anywhere without reading all.
package struct RowFile: Sendable {
    package let file: InputFile
    package let layout: RowLayout
    /// Where the rows lie, when it is not in one piece.
    private let chunks: HDF5Chunks?

    package init(path: String) throws(PipelineError) {
        let file = try InputFile(path: path)
        self.init(file: file, layout: try RowLayout(of: file))
    }

    /// The caller has checked that the file has the rows.
    init(file: InputFile, layout: RowLayout, chunks: HDF5Chunks? = nil) {
        self.file = file
        self.layout = layout
        self.chunks = chunks
    }

    /// The rows as vectors; float16 and uint8 are converted exactly, float64 is rounded.
    package func floats(_ rows: Range<Int>) throws(PipelineError) -> FloatRows {
        let bytes = try read(rows)
        let values: [Float]
        switch layout.element {
        case .float32: values = numbers(bytes, rows.count, FloatBits.float32)
        case .float16: values = numbers(bytes, rows.count, FloatBits.float16)
        case .float64:
            values = numbers(bytes, rows.count) { (bits: UInt64) in
                Float(Double(bitPattern: bits))
            }
        case .uint8: values = numbers(bytes, rows.count) { (byte: UInt8) in Float(byte) }
        case .int32, .int64:
            throw .unsupported(
                file: file.path, expected: "vectors of float16, float32, float64 or uint8",
                found: layout.element.rawValue)
        }
        return FloatRows(dimension: layout.width, values: values)
    }

    /// The rows as ids, which must be integers.
    package func ids(_ rows: Range<Int>) throws(PipelineError) -> IDRows {
        let bytes = try read(rows)
        let values: [Int]
        switch layout.element {
        case .int32:
            values = numbers(bytes, rows.count) { (bits: UInt32) in
                Int(Int32(bitPattern: bits))
            }
        case .int64:
            values = numbers(bytes, rows.count) { (bits: UInt64) in
                Int(truncatingIfNeeded: bits)
            }
        case .float16, .float32, .float64, .uint8:
            throw .unsupported(
                file: file.path, expected: "ids of type int32 or int64",
                found: layout.element.rawValue)
        }
        return IDRows(width: layout.width, values: values)
    }

    /// The bytes of the rows without their prefixes, which are checked.
    private func read(_ rows: Range<Int>) throws(PipelineError) -> [UInt8] {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= layout.rowCount)
        if let chunks { return try chunks.read(rows, layout, in: file) }
        let offset = layout.start + rows.lowerBound * layout.stride
        let bytes = try file.read(at: offset, count: rows.count * layout.stride)
        guard bytes.count == rows.count * layout.stride else {
            throw .malformed(
                file: file.path, .row(rows.lowerBound + bytes.count / layout.stride),
                expected: "\(layout.rowCount) rows",
                found: "the end of the file, which was cut while it was read")
        }
        return layout.prefix == 0 ? bytes : try withoutPrefixes(bytes, from: rows.lowerBound)
    }

    private func withoutPrefixes(
        _ bytes: [UInt8], from firstRow: Int
    ) throws(PipelineError) -> [UInt8] {
        var numbers: [UInt8] = []
        numbers.reserveCapacity(bytes.count)
        for start in stride(from: 0, to: bytes.count, by: layout.stride) {
            let width = RowLayout.uint32(bytes, at: start)
            guard width == UInt32(layout.width) else {
                throw .malformed(
                    file: file.path, .row(firstRow + start / layout.stride),
                    expected: "a width of \(layout.width), as in row 0", found: "\(width)")
            }
            numbers += bytes[(start + layout.prefix)..<(start + layout.stride)]
        }
        return numbers
    }

    /// Converts each number; `bytes` holds exactly `rowCount × width` of them, which `read`
    /// checked.
    @inline(__always)
    private func numbers<Bits: FixedWidthInteger, Number>(
        _ bytes: [UInt8], _ rowCount: Int, _ convert: (Bits) -> Number
    ) -> [Number] {
        let count = rowCount * layout.width
        precondition(bytes.count == count * MemoryLayout<Bits>.size)
        return unsafe bytes.withUnsafeBytes { source in
            unsafe [Number](unsafeUninitializedCapacity: count) { target, filled in
                for index in 0..<count {
                    let bits = unsafe source.loadUnaligned(
                        fromByteOffset: index &* MemoryLayout<Bits>.size, as: Bits.self)
                    unsafe target.initializeElement(
                        at: index, to: convert(Bits(littleEndian: bits)))
                }
                filled = count
            }
        }
    }
}

/// Floats from their bits.
package enum FloatBits {
    package static func float32(_ bits: UInt32) -> Float { Float(bitPattern: bits) }

    /// IEEE 754 binary16, exactly, subnormals, infinities and NaN included.
    ///
    /// Exponent and fraction move to their places in a binary32 and a multiplication by 2^112
    /// corrects the exponent's bias, for subnormals too. Without branches, so that the compiler
    /// makes vector code of it on every processor; a `Float16` cast is a call per number where
    /// the build may not assume F16C.
    package static func float16(_ bits: UInt16) -> Float {
        let magnitude = UInt32(bits & 0x7fff) &<< 13
        let scaled = Float(bitPattern: magnitude) * 0x1p112
        let special: UInt32 = magnitude >= 0x7c00 &<< 13 ? 0x7f80_0000 : 0
        return Float(bitPattern: scaled.bitPattern | special | UInt32(bits & 0x8000) &<< 16)
    }
}
