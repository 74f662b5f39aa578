import ApusKernels
private import CApusTable

/// Token vectors that do not depend on their neighbours, as part of the program: made from a
/// sentence encoder by `tools/distill`, in a format of its own (docs/embedding.md).
///
/// ```
/// 0   8  "APUSTAB1"
/// 8   4  dimension
/// 12  4  tokens
/// 16  4  bytes of the vocabulary
/// 20  12 zeros
/// 32  16 version, in ASCII
/// 48  4  scale of each token's codes, float32
///        codes, a signed byte for each token and dimension
///        the vocabulary, as in vocab.txt
/// ```
@safe
struct StaticTable: Sendable {
    let dimension: Int
    let version: String
    let tokenizer: WordPieceTokenizer
    let rows: WeightedCodes

    /// The table of this program.
    static let embedded: Result<StaticTable, PipelineError> = {
        let bytes = unsafe UnsafeRawBufferPointer(
            start: capus_table_bytes(), count: capus_table_byte_count())
        return Result { () throws(PipelineError) in try unsafe StaticTable(constant: bytes) }
    }()

    static let headerSize = 48
    private static let dimensionMax = 65_536
    private static let magic = Array("APUSTAB1".utf8)

    /// A table in memory that never goes.
    init(constant bytes: UnsafeRawBufferPointer, named name: String = "the static table")
        throws(PipelineError)
    {
        guard bytes.count >= Self.headerSize, unsafe bytes[..<8].elementsEqual(Self.magic) else {
            throw .malformed(
                file: name, .byte(0), expected: "a table of static vectors",
                found: "other bytes")
        }
        let dimension = unsafe Self.number(bytes, at: 8)
        let count = unsafe Self.number(bytes, at: 12)
        let vocabularySize = unsafe Self.number(bytes, at: 16)
        guard (1...Self.dimensionMax).contains(dimension), count <= TokenTrie.nodesMax else {
            throw .malformed(
                file: name, .byte(8), expected: "at most \(Self.dimensionMax) dimensions",
                found: "\(count) × \(dimension)")
        }
        // Within these bounds nothing overflows.
        let codesStart = Self.headerSize + 4 * count
        let vocabularyStart = codesStart + count * dimension
        guard bytes.count == vocabularyStart + vocabularySize else {
            throw .malformed(
                file: name, .byte(8), expected: "sizes that add up to \(bytes.count) bytes",
                found: "\(count) × \(dimension) and \(vocabularySize)")
        }
        tokenizer = try unsafe WordPieceTokenizer(
            vocabulary: Array(bytes[vocabularyStart...]), named: name)
        guard tokenizer.tokenCount == count, let base = bytes.baseAddress else {
            throw .malformed(
                file: name, .byte(vocabularyStart), expected: "\(count) tokens",
                found: "\(tokenizer.tokenCount)")
        }
        let scales = (0..<count).map { token in
            Float(
                bitPattern: UInt32(
                    truncatingIfNeeded: unsafe Self.number(bytes, at: Self.headerSize + 4 * token)))
        }
        guard scales.allSatisfy(\.isFinite) else {
            throw .malformed(
                file: name, .byte(Self.headerSize), expected: "finite scales", found: "others")
        }
        rows = unsafe WeightedCodes(codes: base + codesStart, scales: scales, width: dimension)
        version = unsafe String(decoding: bytes[32..<48], as: UTF8.self)
        self.dimension = dimension
    }

    /// A little-endian 32-bit number.
    private static func number(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        let bits = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return Int(UInt32(littleEndian: bits))
    }
}
