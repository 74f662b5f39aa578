package import ApusCore
package import ApusKernels

/// The bytes of an IVF-PQ index in a segment file: flat arrays, little-endian, used where they lie.
/// Each section starts at a multiple of 64 bytes. Checksums are the segment file's.
///
/// `header`, 64 bytes:
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | 4 bytes | magic `APIV` |
/// | 4 | u32 | version: 2 where rows are in two lists, otherwise 1 |
/// | 8 | u32 | lists |
/// | 12 | u32 | parts of a code, a multiple of 4 up to 256 |
/// | 16 | u32 | bits of a part, 4 or 8 |
/// | 20 | u32 | dimension |
/// | 24 | u32 | metric: 0 cosine, 1 euclid, 2 dot |
/// | 28 | f32 | mean squared length of the residuals in training |
/// | 32 | u64 | rows that the index covers |
/// | 40 | u64 | places |
/// | 48 | u32 | version 2: lists of each row, 2 |
/// | 52 | 12 bytes | zero; 16 bytes from 48 on in version 1 |
///
/// `centroids`: lists × dimension × f32. `codewords`: for each part, component by component, 2^bits
/// × f32; part p has the components from p · dimension / parts on. `starts`: (lists + 1) × u64, the
/// place where each list begins, at multiples of 32 with 4 bits. `rows`: places × u32, the row or
/// 0xFFFFFFFF; a row is in as many lists as the header says at most, and once in each. `terms`: under euclid, places × f32. `codes`: with 4 bits, for each 32 places parts
/// × 16 bytes, byte j with the code of place j in its low half and that of place j + 16 in its high
/// half; with 8 bits, places × parts bytes.
package enum IVFFormat {
    package enum Section: String, CaseIterable, Sendable {
        case header
        case centroids
        case codewords
        case starts
        case rows
        case terms
        case codes
    }

    static let magic: [UInt8] = Array("APIV".utf8)
    static let version: UInt32 = 1
    /// Of indexes whose rows are in two lists.
    static let spilledVersion: UInt32 = 2
    static let headerByteCount = 64
    static let metrics: [Metric] = [.cosine, .euclid, .dot]

    /// Throws when a `header` section cannot be read, by `isNewerFormat` because it is of a later
    /// version.
    package static func checkVersion(of header: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = unsafe ByteReader(header)
        _ = try version(&reader)
    }

    fileprivate static func version(_ reader: inout ByteReader) throws(MalformedBytes) -> UInt32 {
        for expected in magic {
            guard try reader.read(UInt8.self) == expected else {
                throw MalformedBytes("an IVF header without its magic", offset: 0)
            }
        }
        let version: UInt32 = try reader.read()
        guard version == Self.version || version == spilledVersion else {
            throw MalformedBytes(
                newer: "the IVF index", version: UInt64(version), known: UInt64(spilledVersion),
                offset: 4)
        }
        return version
    }
}

extension IVFIndex {
    /// Calls `body` with each section of the format, in order. The bytes are valid during the call.
    package func withEncodedSections(
        _ body: (_ section: IVFFormat.Section, _ bytes: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        unsafe try header().withUnsafeBytes { unsafe try body(.header, $0) }
        unsafe try quantizer.centroids.withUnsafeBytes { unsafe try body(.centroids, $0) }
        unsafe try quantizer.codewords.withUnsafeBytes { unsafe try body(.codewords, $0) }
        let places = storage.placeCount
        unsafe try body(
            .starts,
            UnsafeRawBufferPointer(start: storage.starts, count: (parameters.listCount + 1) * 8))
        unsafe try body(.rows, UnsafeRawBufferPointer(start: storage.rows, count: places * 4))
        let terms = unsafe storage.terms
        unsafe try body(
            .terms, UnsafeRawBufferPointer(start: terms, count: terms == nil ? 0 : places * 4))
        unsafe try body(
            .codes,
            UnsafeRawBufferPointer(
                start: storage.codes, count: places * Self.codeByteCount(parameters)))
    }

    private func header() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(bytes: IVFFormat.magic)
        let isSpilled = parameters.listsPerRow > 1
        writer.write(isSpilled ? IVFFormat.spilledVersion : IVFFormat.version)
        writer.write(UInt32(truncatingIfNeeded: parameters.listCount))
        writer.write(UInt32(truncatingIfNeeded: parameters.partCount))
        writer.write(UInt32(truncatingIfNeeded: parameters.bits))
        writer.write(UInt32(truncatingIfNeeded: parameters.dimension))
        let metric = IVFFormat.metrics.firstIndex(of: parameters.metric) ?? 0
        writer.write(UInt32(truncatingIfNeeded: metric))
        writer.write(quantizer.trainingError)
        writer.write(UInt64(rowCount))
        writer.write(UInt64(storage.placeCount))
        if isSpilled { writer.write(UInt32(truncatingIfNeeded: parameters.listsPerRow)) }
        writer.pad(toMultipleOf: IVFFormat.headerByteCount)
        return writer.bytes
    }

    /// An index over the sections that `withEncodedSections` gave, where they lie, or copied into
    /// memory.
    ///
    /// `vectors` must have rows for as many as `vectorCount` says. All that a search relies on is
    /// checked, in one pass over the places: hostile bytes throw, and can neither trap nor make a
    /// search read out of bounds. `owner` is kept alive as long as the index: what owns the vectors
    /// and the sections.
    package static func open(
        sections: [IVFFormat.Section: UnsafeRawBufferPointer], vectors: VectorSpace,
        vectorCount: Int, isInMemory: Bool, owner: (any AnyObject & Sendable)? = nil
    ) throws(MalformedBytes) -> IVFIndex {
        let header = unsafe try Header(section(.header, in: sections))
        let parameters = header.parameters
        guard header.rowCount <= vectorCount, parameters.dimension == vectors.dimension else {
            throw MalformedBytes(
                "an IVF index of \(header.rowCount) vectors of \(parameters.dimension) floats over "
                    + "\(vectorCount) of \(vectors.dimension)", offset: 20)
        }
        let quantizer = IVFQuantizer(
            parameters: parameters,
            centroids: unsafe try floats(
                .centroids, parameters.listCount * parameters.dimension, sections),
            codewords: unsafe try floats(
                .codewords, parameters.codewordCount * parameters.dimension, sections),
            trainingError: header.trainingError)
        let storage = unsafe try storage(header, sections, isInMemory: isInMemory)
        try storage.validate(parameters, rowCount: header.rowCount)
        do {
            return try IVFIndex(
                quantizer: quantizer, vectors: vectors, rowCount: header.rowCount,
                storage: storage, owner: owner)
        } catch {
            throw MalformedBytes("no memory for an IVF index: \(error)", offset: 0)
        }
    }

    private struct Header {
        let parameters: IVFParameters
        let trainingError: Float
        let rowCount: Int
        let placeCount: Int

        init(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
            guard bytes.count == IVFFormat.headerByteCount else {
                throw MalformedBytes("an IVF header of \(bytes.count) bytes", offset: 0)
            }
            var reader = unsafe ByteReader(bytes)
            let version = try IVFFormat.version(&reader)
            let lists = try Int(reader.read(UInt32.self))
            let parts = try Int(reader.read(UInt32.self))
            let bits = try Int(reader.read(UInt32.self))
            let dimension = try Int(reader.read(UInt32.self))
            let metric = try Int(reader.read(UInt32.self))
            guard (1...65_536).contains(lists), (4...256).contains(parts), parts % 4 == 0,
                bits == 4 || bits == 8, (1...65_536).contains(dimension),
                IVFFormat.metrics.indices.contains(metric)
            else {
                throw MalformedBytes(
                    "IVF parameters out of range: \(lists) lists, \(parts) parts of \(bits) bits, "
                        + "dimension \(dimension), metric \(metric)", offset: 8)
            }
            trainingError = Float(bitPattern: try reader.read())
            let rows: UInt64 = try reader.read()
            let places: UInt64 = try reader.read()
            guard rows < 1 << 31, places < 1 << 32 else {
                throw MalformedBytes("an IVF index of \(rows) rows, \(places) places", offset: 32)
            }
            rowCount = Int(rows)
            placeCount = Int(places)
            let listsPerRow =
                version == IVFFormat.spilledVersion ? try Int(reader.read(UInt32.self)) : 1
            guard listsPerRow == (version == IVFFormat.spilledVersion ? 2 : 1) else {
                throw MalformedBytes("an IVF index of rows in \(listsPerRow) lists", offset: 48)
            }
            parameters = IVFParameters(
                listCount: lists, partCount: parts, bits: bits, listsPerRow: listsPerRow,
                metric: IVFFormat.metrics[metric], dimension: dimension)
        }
    }

    private static func storage(
        _ header: Header, _ sections: [IVFFormat.Section: UnsafeRawBufferPointer],
        isInMemory: Bool
    ) throws(MalformedBytes) -> Storage {
        let parameters = header.parameters
        let places = header.placeCount
        var memory: [ReservedMemory] = []
        let starts = unsafe try bytes(
            .starts, (parameters.listCount + 1) * 8, sections, isInMemory, &memory)
        let rows = unsafe try bytes(.rows, places * 4, sections, isInMemory, &memory)
        let codes = unsafe try bytes(
            .codes, places * codeByteCount(parameters), sections, isInMemory, &memory)
        let terms =
            parameters.hasTerms
            ? unsafe try bytes(.terms, places * 4, sections, isInMemory, &memory) : nil
        return unsafe Storage(
            starts: starts.assumingMemoryBound(to: UInt64.self),
            rows: rows.assumingMemoryBound(to: UInt32.self),
            terms: terms.map { unsafe $0.assumingMemoryBound(to: Float.self) },
            codes: codes.assumingMemoryBound(to: UInt8.self), placeCount: places, memory: memory)
    }

    private static func section(
        _ name: IVFFormat.Section, in sections: [IVFFormat.Section: UnsafeRawBufferPointer]
    ) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard let bytes = unsafe sections[name] else {
            throw MalformedBytes("no IVF section \(name.rawValue)", offset: 0)
        }
        return unsafe bytes
    }

    /// A section of `count` bytes, where it lies or in memory of its own.
    private static func bytes(
        _ name: IVFFormat.Section, _ count: Int,
        _ sections: [IVFFormat.Section: UnsafeRawBufferPointer], _ isInMemory: Bool,
        _ memory: inout [ReservedMemory]
    ) throws(MalformedBytes) -> UnsafeRawPointer {
        let section = unsafe try section(name, in: sections)
        guard section.count == count,
            UInt(bitPattern: section.baseAddress) % 8 == 0
        else {
            throw MalformedBytes(
                "an IVF section \(name.rawValue) of \(section.count) bytes, expected \(count)",
                offset: 0)
        }
        if let start = section.baseAddress, !isInMemory, count > 0 { return unsafe start }
        do {
            let own = try ReservedMemory(byteCount: count, isFilledAtOnce: true)
            unsafe UnsafeMutableRawBufferPointer(start: own.base, count: count)
                .copyMemory(from: section)
            memory.append(own)
            return unsafe UnsafeRawPointer(own.base)
        } catch {
            throw MalformedBytes("no memory for an IVF index: \(error)", offset: 0)
        }
    }

    private static func floats(
        _ name: IVFFormat.Section, _ count: Int,
        _ sections: [IVFFormat.Section: UnsafeRawBufferPointer]
    ) throws(MalformedBytes) -> [Float] {
        let section = unsafe try section(name, in: sections)
        guard section.count == count * 4 else {
            throw MalformedBytes(
                "an IVF section \(name.rawValue) of \(section.count) bytes, expected \(count * 4)",
                offset: 0)
        }
        let values = (0..<count).map { index in
            Float(
                bitPattern: UInt32(
                    littleEndian: unsafe section.loadUnaligned(
                        fromByteOffset: index * 4, as: UInt32.self)))
        }
        guard values.allSatisfy(\.isFinite) else {
            throw MalformedBytes("numbers of \(name.rawValue) that are not finite", offset: 0)
        }
        return values
    }
}

extension IVFIndex.Storage {
    /// Lists begin where they may, and hold each row once at most; no row is in too many.
    fileprivate func validate(
        _ parameters: IVFParameters, rowCount: Int
    ) throws(MalformedBytes) {
        let block = parameters.bits == 4 ? ProductCodeKernel.blockCount : 1
        var before: UInt64 = 0
        for list in 0...parameters.listCount {
            let start = unsafe starts[list]
            guard start >= before, start % UInt64(block) == 0, list > 0 || start == 0 else {
                throw MalformedBytes("list \(list) begins at place \(start)", offset: list * 8)
            }
            before = start
        }
        guard before == UInt64(placeCount) else {
            throw MalformedBytes(
                "lists that end at place \(before) of \(placeCount)",
                offset: parameters.listCount * 8)
        }
        // The list that each row was met in last, from 1 on, and how many lists it is in.
        var listOf = [UInt32](repeating: 0, count: rowCount)
        var counts = [UInt8](repeating: 0, count: rowCount)
        for list in 0..<parameters.listCount {
            for place in unsafe Int(starts[list])..<Int(starts[list + 1]) {
                let row = unsafe rows[place]
                if row == IVFIndex.noRow { continue }
                guard row < UInt32(rowCount), counts[Int(row)] < parameters.listsPerRow,
                    listOf[Int(row)] != UInt32(list) + 1
                else { throw MalformedBytes("row \(row) at place \(place)", offset: place * 4) }
                counts[Int(row)] += 1
                listOf[Int(row)] = UInt32(list) + 1
            }
        }
    }
}

// MARK: - Whether it fits its vectors

extension IVFIndex {
    /// What is wrong with it as an index of its vectors, a sentence each: rows that are missing, or
    /// coded as other vectors than they are. O(rows + 1000 × lists × dimension).
    package func checkInvariants(isPresent: (Int) -> Bool = { _ in true }) -> [String] {
        var places: [Int: [(place: Int, list: Int)]] = [:]
        for list in 0..<parameters.listCount {
            for place in unsafe Int(storage.starts[list])..<Int(storage.starts[list + 1]) {
                let row = unsafe storage.rows[place]
                guard row != Self.noRow else { continue }
                places[Int(row), default: []].append((place, list))
            }
        }
        for row in 0..<rowCount where (places[row] != nil) != isPresent(row) {
            return ["row \(row) \(isPresent(row) ? "is in no list" : "has no vector, and a list")"]
        }
        let copies = min(parameters.listsPerRow, parameters.listCount)
        for (row, own) in places where own.count != copies {
            return ["row \(row) is in \(own.count) lists, not in \(copies)"]
        }
        let step = max(1, rowCount / 1000)
        for row in stride(from: 0, to: rowCount, by: step) {
            for (place, list) in places[row] ?? [] {
                let isRight = unsafe vectors.withFloats(row..<row + 1, under: parameters.metric) {
                    floats, _ in
                    unsafe isCode(ofPlace: place, floats, list: list)
                }
                if !isRight { return ["row \(row) is coded as another vector"] }
            }
        }
        return []
    }

    private func isCode(ofPlace place: Int, _ vector: UnsafePointer<Float>, list: Int) -> Bool {
        let partCount = parameters.partCount
        let code = UnsafeMutablePointer<UInt8>.allocate(capacity: partCount)
        let residual = UnsafeMutablePointer<Float>.allocate(capacity: parameters.dimension)
        defer {
            unsafe code.deallocate()
            unsafe residual.deallocate()
        }
        let term = unsafe quantizer.encode(vector, list: list, into: code, residual: residual)
        if let terms = unsafe storage.terms, unsafe terms[place] != term { return false }
        return (0..<partCount).allSatisfy { part in
            if parameters.bits == 8 {
                return unsafe storage.codes[place * partCount + part] == code[part]
            }
            let byte = unsafe storage.codes[place / 32 * 16 * partCount + part * 16 + place % 16]
            return unsafe (place % 32 < 16 ? byte & 15 : byte >> 4) == code[part]
        }
    }
}
