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

    public init(lists: Int? = nil, parts: Int? = nil, bits: Int = 4, probes: Int? = nil) {
        self.lists = lists
        self.parts = parts
        self.bits = bits
        self.probes = probes
    }
}
