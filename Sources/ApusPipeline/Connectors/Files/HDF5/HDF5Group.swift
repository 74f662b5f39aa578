/// The links of a group: names, and where the objects are that they name.
enum HDF5Group {
    /// Names of one group that are read.
    private static let maximumLinks = 10_000
    /// Nodes of a group's tree that are read.
    private static let maximumNodes = 10_000

    static func links(
        of group: HDF5Object, in file: InputFile
    ) throws(PipelineError) -> [String: Int] {
        if var table = try group.message(.symbolTable) {
            guard let tree = try table.address(), let heap = try table.address() else {
                throw table.fault("the addresses of tree and heap", "none")
            }
            return try links(tree: tree, heap: heap, in: file)
        }
        try checkLinksAreCompact(group)
        var links: [String: Int] = [:]
        for message in group.messages where message.kind == .link {
            if let (name, address) = try link(message.data) { links[name] = address }
        }
        return links
    }

    // MARK: Links in the header (specification IV.A.2.g)

    private static func link(
        _ data: HDF5Block
    ) throws(PipelineError) -> (name: String, address: Int)? {
        var data = data
        let version = try data.number(1)
        guard version == 1 else { throw data.fault("link version 1", "\(version)") }
        let flags = try data.number(1)
        let kind = flags & 0x08 == 0 ? 0 : try data.number(1)
        if flags & 0x04 != 0 { try data.skip(8) }
        if flags & 0x10 != 0 { try data.skip(1) }
        let length = flags & 3 == 3 ? try data.length() : try data.number(1 << (flags & 3))
        let name = try data.take(length).text()
        // Soft and external links lead elsewhere; they are not ours to follow.
        guard kind == 0, let address = try data.address() else { return nil }
        return (name, address)
    }

    private static func checkLinksAreCompact(_ group: HDF5Object) throws(PipelineError) {
        guard var info = try group.message(.linkInfo) else { return }
        try info.skip(1)
        let flags = try info.number(1)
        if flags & 1 != 0 { try info.skip(8) }
        guard try info.address() == nil else {
            throw info.unsupported("a root group of a few names", "one of very many")
        }
    }

    // MARK: Symbol tables (specification III.A to III.D)

    private static func links(
        tree: Int, heap: Int, in file: InputFile
    ) throws(PipelineError) -> [String: Int] {
        let names = try heapData(at: heap, in: file)
        var links: [String: Int] = [:]
        var nodes = [tree]
        var read = 0
        while let address = nodes.popLast() {
            read += 1
            guard read <= maximumNodes else {
                throw names.fault("at most \(maximumNodes) nodes of a group's tree", "more")
            }
            let node = try HDF5Tree.Node(in: file, at: address, kind: .group, keySize: 8)
            guard node.level == 0 else {
                nodes += node.children
                continue
            }
            for child in node.children {
                try readSymbols(at: child, names, into: &links, in: file)
            }
        }
        return links
    }

    private static func heapData(at address: Int, in file: InputFile) throws(PipelineError)
        -> HDF5Block
    {
        var heap = try HDF5Block(in: file, at: address, count: 32)
        try heap.expect("HEAP")
        try heap.skip(4)
        let size = try heap.length()
        try heap.skip(8)
        guard let data = try heap.address() else {
            throw heap.fault("the address of a heap's data", "none")
        }
        return try HDF5Block(in: file, at: data, count: size)
    }

    private static func readSymbols(
        at address: Int, _ names: HDF5Block, into links: inout [String: Int], in file: InputFile
    ) throws(PipelineError) {
        var head = try HDF5Block(in: file, at: address, count: 8)
        try head.expect("SNOD")
        try head.skip(2)
        let count = try head.number(2)
        guard links.count + count <= maximumLinks else {
            throw head.fault("at most \(maximumLinks) names", "more")
        }
        var entries = try HDF5Block(in: file, at: address + 8, count: count * 40)
        for _ in 0..<count {
            let offset = try entries.length()
            guard let object = try entries.address() else {
                throw entries.fault("the address of an object", "none")
            }
            // Cache type 2 is a soft link.
            let isSoftLink = try entries.number(4) == 2
            try entries.skip(4 + 16)
            if !isSoftLink { links[try names.text(from: offset)] = object }
        }
    }
}

/// Version 1 B-trees (specification III.A.1), for groups and for chunks.
enum HDF5Tree {
    enum Kind: Int {
        case group = 0
        case chunks = 1
    }

    struct Node {
        /// 0: its children are what the tree is for.
        let level: Int
        let children: [Int]
        /// The key before each child.
        let keys: [HDF5Block]

        init(
            in file: InputFile, at address: Int, kind: Kind, keySize: Int
        ) throws(PipelineError) {
            var head = try HDF5Block(in: file, at: address, count: 24)
            try head.expect("TREE")
            let found = try head.number(1)
            guard found == kind.rawValue else {
                throw head.fault("a tree node of kind \(kind.rawValue)", "kind \(found)")
            }
            level = try head.number(1)
            let count = try head.number(2)
            var entries = try HDF5Block(
                in: file, at: address + 24, count: count * (keySize + 8))
            var children: [Int] = []
            var keys: [HDF5Block] = []
            for _ in 0..<count {
                keys.append(try entries.take(keySize))
                guard let child = try entries.address() else {
                    throw entries.fault("the address of a tree's child", "none")
                }
                children.append(child)
            }
            self.children = children
            self.keys = keys
        }
    }
}
