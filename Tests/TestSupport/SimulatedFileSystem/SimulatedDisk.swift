import ApusStorage

/// What a simulated machine knows of its files: how they are now, how they are on the platter, and
/// what lies between the two.
///
/// A value: a copy is another disk in the same state, and shares all bytes that neither changes.
struct SimulatedDisk: Sendable {
    typealias NodeID = Int

    /// A change of a file's bytes that no sync has made durable.
    struct Change: Sendable {
        enum Kind: Sendable {
            case write([UInt8], at: Int)
            case resize(to: Int)
        }
        var kind: Kind
        /// A sync failed with this change: the system has forgotten that it is to be written, and
        /// no later sync makes it durable.
        var isForgotten = false
    }

    struct File: Sendable {
        var current = SimulatedContent()
        var synced = SimulatedContent()
        /// From `synced` to `current`, oldest first.
        var changes: [Change] = []
    }

    struct Directory: Sendable {
        var current: [String: NodeID] = [:]
        var synced: [String: NodeID] = [:]
    }

    enum Content: Sendable {
        case file(File)
        case directory(Directory)
    }

    struct Node: Sendable {
        var content: Content
        /// Names in directories as they are now.
        var linkCount = 0
        /// Open files.
        var openCount = 0
    }

    /// A change of names that is durable as a whole or not at all.
    struct NameChange: Sendable {
        struct Entry: Sendable {
            var directory: NodeID
            var name: String
            /// nil: the name is gone.
            var node: NodeID?
        }
        var entries: [Entry]
    }

    static let root: NodeID = 0

    var nodes: [NodeID: Node] = [root: Node(content: .directory(Directory()), linkCount: 1)]
    var nextNode: NodeID = 1
    /// Names that no sync of their directory has made durable, oldest first.
    var nameChanges: [NameChange] = []
    /// Bytes of all files that have a name.
    var usedByteCount = 0
}

// MARK: - Finding

extension SimulatedDisk {
    /// What the path names now.
    func find(_ path: String) -> NodeID? {
        var node = Self.root
        for name in path.split(separator: "/") where name != "." {
            guard case .directory(let directory)? = nodes[node]?.content,
                let child = directory.current[String(name)]
            else { return nil }
            node = child
        }
        return node
    }

    func require(_ path: String) throws(StorageError) -> NodeID {
        guard let node = find(path) else {
            throw StorageError(.notFound, path: path, "no such file or directory")
        }
        return node
    }

    func directory(_ path: String) throws(StorageError) -> (NodeID, Directory) {
        let node = try require(path)
        guard case .directory(let directory)? = nodes[node]?.content else {
            throw StorageError(.notFound, path: path, "not a directory")
        }
        return (node, directory)
    }

    func file(_ path: String) throws(StorageError) -> (NodeID, File) {
        let node = try require(path)
        guard case .file(let file)? = nodes[node]?.content else {
            throw StorageError(.io, path: path, "is a directory")
        }
        return (node, file)
    }

    /// The directory that holds the path's last name, and that name.
    func place(_ path: String) throws(StorageError) -> (directory: NodeID, name: String) {
        let names = path.split(separator: "/").filter { $0 != "." }
        guard let name = names.last else {
            throw StorageError(.io, path: path, "the root has no name")
        }
        let parent = names.dropLast().joined(separator: "/")
        return (try directory(parent).0, String(name))
    }

    /// Paths of all files, and their sizes in bytes.
    func files() -> [String: Int] {
        var found: [String: Int] = [:]
        var pending: [(path: String, node: NodeID)] = [("", Self.root)]
        while let (path, node) = pending.popLast() {
            switch nodes[node]?.content {
            case .file(let file): found[path] = file.current.byteCount
            case .directory(let directory):
                for (name, child) in directory.current {
                    pending.append(("\(path)/\(name)", child))
                }
            case nil: break
            }
        }
        return found
    }
}

// MARK: - Bytes

extension SimulatedDisk {
    /// Changes a file in place; nothing happens to a directory.
    mutating func change<Result>(_ node: NodeID, _ body: (inout File) -> Result) -> Result? {
        // Taken out, so that changing it copies nothing.
        guard let index = nodes.index(forKey: node),
            case .file(var file) = nodes[index].value.content
        else { return nil }
        nodes.values[index].content = .file(File())
        let before = file.current.byteCount
        let result = body(&file)
        if nodes.values[index].linkCount > 0 { usedByteCount += file.current.byteCount - before }
        nodes.values[index].content = .file(file)
        return result
    }

    func byteCount(of node: NodeID) -> Int {
        guard case .file(let file)? = nodes[node]?.content else { return 0 }
        return file.current.byteCount
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, to node: NodeID, at offset: Int) {
        guard bytes.count > 0 else { return }
        _ = change(node) { file in
            unsafe file.current.write(bytes, at: offset)
            unsafe file.changes.append(Change(kind: .write(Array(bytes), at: offset)))
        }
    }

    mutating func resize(_ node: NodeID, to byteCount: Int) {
        _ = change(node) { file in
            guard file.current.byteCount != byteCount else { return }
            file.current.resize(to: byteCount)
            file.changes.append(Change(kind: .resize(to: byteCount)))
        }
    }

    /// Makes a file's bytes and size durable, except for changes that an earlier sync lost: those
    /// may still come to the disk or not, where no later change that is durable now covers them.
    mutating func synchronize(_ node: NodeID) {
        _ = change(node) { file in
            var forgotten: [Change] = []
            for change in file.changes {
                if change.isForgotten {
                    forgotten.append(change)
                } else {
                    file.synced.apply(change.kind)
                    forgotten = forgotten.flatMap { $0.parts(notCoveredBy: change.kind) }
                }
            }
            if forgotten.isEmpty { file.synced = file.current }
            file.changes = forgotten
        }
    }

    /// What a sync that fails leaves behind: the changes are in the cache and on nobody's list.
    mutating func forgetChanges(of node: NodeID) {
        _ = change(node) { file in
            for index in file.changes.indices { file.changes[index].isForgotten = true }
        }
    }
}

extension SimulatedDisk.Change {
    /// What is left of this change after a later one.
    fileprivate func parts(notCoveredBy later: Kind) -> [SimulatedDisk.Change] {
        switch (kind, later) {
        case (.resize, .resize): return []
        case (.resize, .write): return [self]
        case (.write(let bytes, let offset), .resize(let byteCount)):
            return part(of: bytes, at: offset, in: 0..<byteCount)
        case (.write(let bytes, let offset), .write(let newer, let start)):
            return part(of: bytes, at: offset, in: 0..<start)
                + part(of: bytes, at: offset, in: (start + newer.count)..<Int.max)
        }
    }

    /// The part of a write that falls into a range of the file.
    private func part(
        of bytes: [UInt8], at offset: Int, in range: Range<Int>
    ) -> [SimulatedDisk.Change] {
        let kept = (offset..<(offset + bytes.count)).clamped(to: range)
        guard !kept.isEmpty else { return [] }
        var change = self
        change.kind = .write(
            Array(bytes[(kept.lowerBound - offset)..<(kept.upperBound - offset)]),
            at: kept.lowerBound)
        return [change]
    }
}

extension SimulatedContent {
    mutating func apply(_ change: SimulatedDisk.Change.Kind) {
        switch change {
        case .write(let bytes, let offset): write(bytes, at: offset)
        case .resize(let byteCount): resize(to: byteCount)
        }
    }
}

// MARK: - Names

extension SimulatedDisk {
    mutating func makeFile(at path: String) throws(StorageError) -> NodeID {
        try makeNode(.file(File()), at: path)
    }

    mutating func makeDirectory(at path: String) throws(StorageError) -> NodeID {
        try makeNode(.directory(Directory()), at: path)
    }

    private mutating func makeNode(
        _ content: Content, at path: String
    ) throws(StorageError) -> NodeID {
        let (directory, name) = try place(path)
        let node = nextNode
        nextNode += 1
        nodes[node] = Node(content: content)
        changeNames([.init(directory: directory, name: name, node: node)])
        return node
    }

    mutating func rename(_ source: String, to destination: String) throws(StorageError) {
        let node = try require(source)
        let from = try place(source)
        let to = try place(destination)
        if from == to { return }
        if let replaced = find(destination), case .directory? = nodes[replaced]?.content {
            throw StorageError(.alreadyExists, path: source, "\(destination) is a directory")
        }
        changeNames([
            .init(directory: to.directory, name: to.name, node: node),
            .init(directory: from.directory, name: from.name, node: nil),
        ])
    }

    /// Applies a change of names to the present state and remembers it as not durable.
    mutating func changeNames(_ entries: [NameChange.Entry]) {
        for entry in entries {
            guard case .directory(var directory)? = nodes[entry.directory]?.content else {
                continue
            }
            let old = directory.current[entry.name]
            directory.current[entry.name] = entry.node
            nodes[entry.directory]?.content = .directory(directory)
            if let new = entry.node { addLinks(1, to: new) }
            if let old { addLinks(-1, to: old) }
        }
        nameChanges.append(NameChange(entries: entries))
    }

    private mutating func addLinks(_ count: Int, to node: NodeID) {
        guard let old = nodes[node]?.linkCount else { return }
        nodes[node]?.linkCount = old + count
        if old == 0 { usedByteCount += byteCount(of: node) }
        if old + count == 0 { usedByteCount -= byteCount(of: node) }
    }

    /// Makes the names in a directory durable; a rename that reaches into another directory is so
    /// as a whole.
    mutating func synchronizeDirectory(_ node: NodeID) {
        var rest: [NameChange] = []
        for change in nameChanges {
            guard change.entries.contains(where: { $0.directory == node }) else {
                rest.append(change)
                continue
            }
            commit(change)
            // An earlier change of the same name elsewhere must not come after this one.
            for entry in change.entries {
                for index in rest.indices {
                    rest[index].entries.removeAll {
                        $0.directory == entry.directory && $0.name == entry.name
                    }
                }
            }
        }
        nameChanges = rest.filter { !$0.entries.isEmpty }
        removeUnreachable()
    }

    mutating func commit(_ change: NameChange) {
        for entry in change.entries {
            guard case .directory(var directory)? = nodes[entry.directory]?.content else {
                continue
            }
            directory.synced[entry.name] = entry.node
            nodes[entry.directory]?.content = .directory(directory)
        }
    }

    /// Forgets files that no name, no handle and no crash can bring back.
    private mutating func removeUnreachable() {
        let unlinked = nodes.filter { $0.value.linkCount == 0 && $0.value.openCount == 0 }
        guard !unlinked.isEmpty else { return }
        var kept: Set<NodeID> = []
        for change in nameChanges { kept.formUnion(change.entries.compactMap(\.node)) }
        for node in nodes.values {
            if case .directory(let directory) = node.content {
                kept.formUnion(directory.synced.values)
            }
        }
        for node in unlinked.keys where !kept.contains(node) { nodes[node] = nil }
    }
}
