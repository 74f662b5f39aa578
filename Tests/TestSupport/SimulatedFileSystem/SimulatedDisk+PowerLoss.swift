import ApusStorage

/// What a power loss does to what was not synced.
package enum PowerLoss: Hashable, Sendable {
    /// All of it is gone.
    case losesEverythingUnsynced
    /// Any part of it is gone, chosen by the seed: writes are lost, kept, torn at any byte or by
    /// sectors, in any order; files have grown and hold zeros; names are there or not, whatever
    /// became of the bytes of their files.
    case losesSome(seed: UInt64)
}

extension SimulatedDisk {
    /// The disk that the next start finds.
    func after(_ loss: PowerLoss) -> SimulatedDisk {
        var disk = self
        var chance: SeededGenerator? =
            switch loss {
            case .losesEverythingUnsynced: nil
            case .losesSome(let seed): SeededGenerator(seed: seed)
            }
        for change in Self.survivors(of: nameChanges, &chance) { disk.commit(change) }
        disk.nameChanges = []
        // In order, so that the same seed gives the same disk.
        for id in nodes.keys.sorted() {
            guard let node = disk.nodes[id] else { continue }
            switch node.content {
            case .file(let file):
                var durable = File()
                durable.current = file.afterPowerLoss(&chance)
                durable.synced = durable.current
                disk.nodes[id] = Node(content: .file(durable))
            case .directory(var directory):
                directory.current = directory.synced
                disk.nodes[id] = Node(content: .directory(directory))
            }
        }
        disk.countLinks()
        return disk
    }

    /// Everything that was written is there, synced or not; handles are gone.
    func afterKill() -> SimulatedDisk {
        var disk = self
        for id in nodes.keys { disk.nodes[id]?.openCount = 0 }
        return disk
    }

    private static func survivors(
        of changes: [NameChange], _ chance: inout SeededGenerator?
    ) -> [NameChange] {
        guard var generator = chance else { return [] }
        defer { chance = generator }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return []
        case 1: return changes
        case 2: return Array(changes.prefix(Int.random(in: 0...changes.count, using: &generator)))
        default: return changes.filter { _ in Bool.random(using: &generator) }
        }
    }

    /// Counts links anew and drops what cannot be reached.
    private mutating func countLinks() {
        usedByteCount = 0
        var reached: Set<NodeID> = [Self.root]
        var pending = [Self.root]
        nodes[Self.root]?.linkCount = 1
        while let id = pending.popLast() {
            guard case .directory(let directory)? = nodes[id]?.content else { continue }
            for child in directory.current.values {
                nodes[child]?.linkCount += 1
                if reached.insert(child).inserted {
                    usedByteCount += byteCount(of: child)
                    pending.append(child)
                }
            }
        }
        nodes = nodes.filter { reached.contains($0.key) }
    }
}

extension SimulatedDisk.File {
    fileprivate func afterPowerLoss(_ chance: inout SeededGenerator?) -> SimulatedContent {
        guard !changes.isEmpty, var generator = chance else { return synced }
        defer { chance = generator }
        var content = synced
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: break
        case 1: return current
        case 2:
            // In order, up to some place in one of them.
            let count = Int.random(in: 0..<changes.count, using: &generator)
            for change in changes[..<count] { content.apply(change.kind) }
            content.applyTorn(changes[count].kind, &generator)
        case 3:
            // The file has its size, and zeros where the bytes should be.
            content.resize(to: current.byteCount)
        default:
            for change in changes {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: break
                case 1: content.applyTorn(change.kind, &generator)
                default: content.apply(change.kind)
                }
            }
            if Int.random(in: 0..<4, using: &generator) == 0, content.byteCount < current.byteCount
            {
                content.resize(
                    to: Int.random(
                        in: content.byteCount...current.byteCount, using: &generator))
            }
        }
        return content
    }
}

extension SimulatedContent {
    private static let sectorByteCount = 512

    /// A change of which the disk did only a part.
    fileprivate mutating func applyTorn(
        _ change: SimulatedDisk.Change.Kind, _ generator: inout SeededGenerator
    ) {
        guard case .write(let bytes, let offset) = change else { return }
        if Bool.random(using: &generator) {
            let count = Int.random(in: 0...bytes.count, using: &generator)
            write(Array(bytes[..<count]), at: offset)
            return
        }
        var start = 0
        while start < bytes.count {
            let sectorEnd =
                (offset + start) / Self.sectorByteCount * Self.sectorByteCount
                + Self.sectorByteCount
            let end = min(bytes.count, sectorEnd - offset)
            if Bool.random(using: &generator) {
                write(Array(bytes[start..<end]), at: offset + start)
            }
            start = end
        }
    }
}
