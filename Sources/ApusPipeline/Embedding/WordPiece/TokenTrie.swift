/// The tokens of a vocabulary by their bytes, for finding the longest one that a text starts with.
///
/// A trie whose edges lie in one hash table with open addressing: one probe a byte, without
/// allocation. Continuations ("##ing") are the paths behind the node of "##".
struct TokenTrie: Sendable {
    static let root: UInt32 = 0
    /// Nodes are numbered in 24 bits, so that an edge's key (node and byte) has 32.
    static let nodesMax = 1 << 24

    /// An edge: the key in the upper half, the node that it leads to in the lower; no edge leads to
    /// the root, so that 0 is an empty place.
    private var edges: [UInt64]
    private var edgeCount = 0
    /// The token that ends at each node.
    private var tokens: [UInt32]
    private static let noToken = UInt32.max

    init() {
        edges = [UInt64](repeating: 0, count: 1 << 17)
        tokens = [Self.noToken]
    }

    /// Adds a token that is not empty; of equal ones the last counts. False where there are too many.
    mutating func insert(_ bytes: ArraySlice<UInt8>, token: UInt32) -> Bool {
        var node = Self.root
        for byte in bytes {
            if let next = child(of: node, byte) {
                node = next
            } else {
                guard tokens.count < Self.nodesMax else { return false }
                let next = UInt32(tokens.count)
                tokens.append(Self.noToken)
                addEdge(Self.key(node, byte), to: next)
                node = next
            }
        }
        tokens[Int(node)] = token
        return true
    }

    /// The node at the end of a path from the root.
    func node(at path: some Sequence<UInt8>) -> UInt32? {
        var node = Self.root
        for byte in path {
            guard let next = child(of: node, byte) else { return nil }
            node = next
        }
        return node
    }

    /// The token that ends at a node.
    func token(at node: UInt32) -> UInt32? {
        let token = tokens[Int(node)]
        return token == Self.noToken ? nil : token
    }

    /// The longest token that lies on the path of `bytes` from `node` on, and where it ends. O(bytes
    /// of the longest path).
    func longestToken(
        from node: UInt32, in bytes: [UInt8], _ range: Range<Int>
    ) -> (token: UInt32, end: Int)? {
        var node = node
        var best: (token: UInt32, end: Int)?
        var position = range.lowerBound
        while position < range.upperBound, let next = child(of: node, bytes[position]) {
            node = next
            position += 1
            let token = tokens[Int(node)]
            if token != Self.noToken { best = (token, position) }
        }
        return best
    }

    private func child(of node: UInt32, _ byte: UInt8) -> UInt32? {
        let key = Self.key(node, byte)
        var place = Self.place(key, in: edges.count)
        while true {
            let edge = edges[place]
            if edge == 0 { return nil }
            if edge >> 32 == UInt64(key) { return UInt32(truncatingIfNeeded: edge) }
            place = (place + 1) & (edges.count - 1)
        }
    }

    private mutating func addEdge(_ key: UInt32, to node: UInt32) {
        edgeCount += 1
        if edgeCount * 2 > edges.count { grow() }
        Self.put(UInt64(key) << 32 | UInt64(node), into: &edges)
    }

    private mutating func grow() {
        var larger = [UInt64](repeating: 0, count: edges.count * 2)
        for edge in edges where edge != 0 { Self.put(edge, into: &larger) }
        edges = larger
    }

    private static func put(_ edge: UInt64, into edges: inout [UInt64]) {
        var place = place(UInt32(truncatingIfNeeded: edge >> 32), in: edges.count)
        while edges[place] != 0 { place = (place + 1) & (edges.count - 1) }
        edges[place] = edge
    }

    private static func key(_ node: UInt32, _ byte: UInt8) -> UInt32 { node << 8 | UInt32(byte) }

    /// Fibonacci hashing: the upper bits of the product; `count` is a power of two up to 2^32.
    private static func place(_ key: UInt32, in count: Int) -> Int {
        let hash = UInt64(key) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: hash >> 32) & (count - 1)
    }
}
