import ApusKernels
import TestSupport
import Testing

/// Scans of 4-bit product codes: every instruction set gives the bits of the plain sum.
@Suite("Product codes") struct ProductCodeKernelTests {
    private struct Case {
        var codes: [UInt8]
        var tables: [UInt8]
        var terms: [Float]?
        let count: Int
        let parts: Int
        let base: Float
        let scale: Float

        init(count: Int, parts: Int, hasTerms: Bool, tableMax: UInt8 = 255, seed: UInt64) {
            var generator = SeededGenerator(seed: seed)
            self.count = count
            self.parts = parts
            let blocks = (count + 31) / 32
            codes = (0..<blocks * 16 * parts).map { _ in .random(in: 0...255, using: &generator) }
            tables = (0..<parts * 16).map { _ in .random(in: 0...tableMax, using: &generator) }
            if hasTerms {
                terms = (0..<count).map { _ in .random(in: -5...5, using: &generator) }
            }
            base = .random(in: -3...3, using: &generator)
            scale = .random(in: 0.001...0.02, using: &generator)
        }

        func found(bound: Float, level: SIMDLevel) -> [(UInt32, Float)] {
            let room = (count + 31) / 32 * 32
            var places = [UInt32](repeating: 0, count: room)
            var distances = [Float](repeating: 0, count: room)
            let found = unsafe codes.withUnsafeBufferPointer { codes in
                unsafe tables.withUnsafeBufferPointer { tables in
                    unsafe places.withUnsafeMutableBufferPointer { places in
                        unsafe distances.withUnsafeMutableBufferPointer { distances -> Int in
                            guard let codes = codes.baseAddress, let tables = tables.baseAddress,
                                let places = places.baseAddress,
                                let distances = distances.baseAddress
                            else { return 0 }
                            let kernel = ProductCodeKernel(level: level)
                            func scan(_ terms: UnsafePointer<Float>?) -> Int {
                                unsafe kernel.scan(
                                    blocks: codes, terms: terms, count: count, tables: tables,
                                    parts: parts, base: base, scale: scale, bound: bound,
                                    places: places, distances: distances)
                            }
                            guard let terms else { return scan(nil) }
                            return unsafe terms.withUnsafeBufferPointer {
                                unsafe scan($0.baseAddress)
                            }
                        }
                    }
                }
            }
            return (0..<found).map { (places[$0], distances[$0]) }
        }

        /// By the definition.
        func distance(_ place: Int) -> Float {
            let block = place / 32 * 16 * parts
            let sum = (0..<parts).reduce(0) { sum, part in
                let byte = codes[block + part * 16 + place % 16]
                let code = place % 32 < 16 ? byte & 15 : byte >> 4
                return sum + Int(tables[part * 16 + Int(code)])
            }
            return base + scale * Float(sum) + (terms?[place] ?? 0)
        }
    }

    @Test(
        "A scan finds what is below the bound, with its distance",
        arguments: SIMDLevel.allCases.filter(\.isSupported))
    func scan(level: SIMDLevel) {
        for (count, parts) in [(1, 4), (31, 8), (32, 12), (33, 64), (256, 96), (100, 256)] {
            for hasTerms in [false, true] {
                let one = Case(count: count, parts: parts, hasTerms: hasTerms, seed: UInt64(count))
                let all = (0..<count).map(one.distance)
                for bound in [-Float.infinity, all.sorted()[count / 2], .infinity] {
                    let found = one.found(bound: bound, level: level)
                    let wanted = all.indices.filter { all[$0] < bound }
                    #expect(found.map(\.0) == wanted.map(UInt32.init))
                    #expect(found.map(\.1) == wanted.map { all[$0] })
                }
            }
        }
    }

    @Test(
        "The greatest sum there is fits", arguments: SIMDLevel.allCases.filter(\.isSupported))
    func greatestSum(level: SIMDLevel) {
        var one = Case(count: 64, parts: 256, hasTerms: false, seed: 3)
        one.tables = Array(repeating: 255, count: 256 * 16)
        let found = one.found(bound: .infinity, level: level)
        #expect(found.count == 64)
        #expect(found.allSatisfy { $0.1 == one.base + one.scale * 65_280 })
    }
}
