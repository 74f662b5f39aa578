/// An IVF-PQ index for a vector field, instead of a graph, in segments that are sealed: a fifth of
/// the memory, slower to search. Our own extension of the wire interface.
public struct IVFConfiguration: Hashable, Sendable, Codable {
    /// Lists, 1…65,536; nil: by the number of vectors of a segment.
    public var lists: Int?
    /// Parts of a product code, 4…256; nil: by the dimension.
    public var parts: Int?
    /// Bits of each part: 4 (the default) or 8.
    public var bits: Int
    /// Lists that a search looks into when it says nothing else; nil: by the recall that was
    /// measured.
    public var probes: Int?
    /// Whether each vector is in two lists: searches look into fewer of them for the same recall, and
    /// the index is twice as large.
    public var spills: Bool

    public init(
        lists: Int? = nil, parts: Int? = nil, bits: Int = 4, probes: Int? = nil,
        spills: Bool = false
    ) {
        self.spills = spills
        self.lists = lists
        self.parts = parts
        self.bits = bits
        self.probes = probes
    }

    private enum CodingKeys: String, CodingKey {
        case lists, parts, bits, probes
        case spills = "spill"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        lists = try container.decodeIfPresent(Int.self, forKey: .lists)
        parts = try container.decodeIfPresent(Int.self, forKey: .parts)
        bits = try container.decode(Int.self, forKey: .bits)
        probes = try container.decodeIfPresent(Int.self, forKey: .probes)
        // Settings of earlier versions do not say.
        spills = try container.decodeIfPresent(Bool.self, forKey: .spills) ?? false
    }
}
