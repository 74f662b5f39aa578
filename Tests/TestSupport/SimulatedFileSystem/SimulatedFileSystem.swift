package import ApusStorage

/// A machine's file system in memory that loses what a real one may lose.
///
/// It keeps what was synced apart from what was only written: bytes and size of a file become
/// durable with `File.synchronize()`, names (create, rename, link, remove, make and remove a
/// directory) with `synchronizeDirectory` of the directory that holds them. At a chosen call the
/// machine stops, and from then on every call of every handle throws `isCrash` errors;
/// `afterPowerLoss` and `afterKill` give the file systems that the next process may find. Both can
/// also be taken at any other moment, and any number of times. `change` sets faults, a full disk
/// and slow syncs.
///
/// Safe to use from several threads. Copies share pages of bytes, so that taking one is cheap.
package final class SimulatedFileSystem: FileSystem {
    private struct State {
        var disk: SimulatedDisk
        var controls = Controls()
        var hasCrashed = false
        /// Holders' notes.
        var locks: [SimulatedDisk.NodeID: String] = [:]
        var generator: SeededGenerator
    }

    private let state: Monitor<State>

    /// An empty disk. The directories are made, with those that hold them, and durable. `seed`
    /// chooses how much of a call that crashes or fails is done.
    package init(
        directories: [String] = [], seed: UInt64 = 0,
        _ configure: (inout Controls) -> Void = { _ in }
    ) {
        var disk = SimulatedDisk()
        for path in directories { disk.makeDurableDirectory(path) }
        state = Monitor(State(disk: disk, generator: SeededGenerator(seed: seed)))
        change(configure)
    }

    private init(disk: SimulatedDisk, seed: UInt64) {
        state = Monitor(State(disk: disk, generator: SeededGenerator(seed: seed)))
    }
}

// MARK: - What tests ask

extension SimulatedFileSystem {
    package func change(_ body: (inout Controls) -> Void) {
        state.withLock { body(&$0.controls) }
        state.notifyAll()
    }

    package var controls: Controls { state.withLock { $0.controls } }

    /// How many calls of a kind there were.
    package func count(of operation: FileOperation) -> Int { controls.counts[operation] ?? 0 }

    /// Blocks until the controls fit, which other threads' calls change.
    package func wait(until body: (Controls) -> Bool) {
        _ = state.wait { body($0.controls) ? true : nil }
    }

    /// Stops the machine now: every call from here on throws.
    package func crash() {
        state.withLock { $0.hasCrashed = true }
        state.notifyAll()
    }

    package var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    /// Whether the error says that the machine had stopped.
    package static func isCrash(_ error: any Error) -> Bool {
        (error as? StorageError)?.message.hasPrefix(crashMessage) == true
    }

    /// The file system that the next start finds after a power loss at this moment. This one goes
    /// on; the new one has no faults.
    package func afterPowerLoss(_ loss: PowerLoss) -> SimulatedFileSystem {
        let disk = state.withLock { $0.disk }
        let seed: UInt64 =
            switch loss {
            case .losesEverythingUnsynced: 0
            case .losesSome(let seed): seed
            }
        return SimulatedFileSystem(disk: disk.after(loss), seed: seed)
    }

    /// The file system as another process finds it after a SIGKILL: everything that was written is
    /// there, and what was not synced can still be lost with the power.
    package func afterKill() -> SimulatedFileSystem {
        SimulatedFileSystem(disk: state.withLock { $0.disk }.afterKill(), seed: 0)
    }

    /// Sizes in bytes of all files, by path.
    package var files: [String: Int] { state.withLock { $0.disk.files() } }

    /// Bytes that all files take together.
    package var usedByteCount: Int { state.withLock { $0.disk.usedByteCount } }

    /// A file's bytes; not counted as a call, and possible after a crash.
    package func bytes(of path: String) throws(StorageError) -> [UInt8] {
        try state.withLock { (state) throws(StorageError) in
            try state.disk.file(path).1.current.bytes
        }
    }

    /// Puts a file there, durable with its name, whatever was there before. Its directory exists.
    package func put(_ bytes: some Sequence<UInt8>, at path: String) throws(StorageError) {
        let content = SimulatedContent(Array(bytes))
        try state.withLock { (state) throws(StorageError) in
            if state.disk.find(path) == nil { _ = try state.disk.makeFile(at: path) }
            let (node, _) = try state.disk.file(path)
            _ = state.disk.change(node) { file in
                file.current = content
                file.synced = content
                file.changes = []
            }
            state.disk.synchronizeDirectory(try state.disk.place(path).directory)
        }
    }

    /// Flips a bit of what is there and of what is durable.
    package func flip(bit: Int, ofByte place: Int, in path: String) throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            let (node, _) = try state.disk.file(path)
            _ = state.disk.change(node) { file in
                file.current.flip(bit: bit, ofByte: place)
                if place < file.synced.byteCount { file.synced.flip(bit: bit, ofByte: place) }
            }
        }
    }

    private static let crashMessage = "the simulated machine has stopped"
}

// MARK: - Calls

extension SimulatedFileSystem {
    /// One call: counts it, lets it fail or the machine stop when that is its turn. `body` does the
    /// given share of the call, which matters to writes only.
    private func perform<Result>(
        _ operation: FileOperation, _ path: String, of node: SimulatedDisk.NodeID? = nil,
        _ body: (inout SimulatedDisk, _ share: Double) throws(StorageError) -> sending Result
    ) throws(StorageError) -> sending Result {
        let crash = StorageError(.io, path: path, Self.crashMessage)
        // Tests wait for calls.
        defer { state.notifyAll() }
        return try state.withLock { (state) throws(StorageError) in
            if state.hasCrashed { throw crash }
            let call = state.controls.callCount
            state.controls.counts[operation, default: 0] += 1
            if operation.isChange {
                state.controls.callCount += 1
                state.controls.lastChange = "\(operation) \(path)"
                if call == state.controls.crashingCall {
                    state.hasCrashed = true
                    if operation != .synchronize, operation != .synchronizeDirectory,
                        Bool.random(using: &state.generator)
                    {
                        let share = Double.random(in: 0...1, using: &state.generator)
                        _ = try? body(&state.disk, share)
                    }
                    throw crash
                }
            }
            if let kind = state.controls.failure(of: operation, path) {
                switch operation {
                case .write:
                    let share = Double.random(in: 0...1, using: &state.generator)
                    _ = try? body(&state.disk, share)
                case .synchronize:
                    // The handle's file, which may have another name by now.
                    if let node { state.disk.forgetChanges(of: node) }
                default: break
                }
                throw StorageError(kind, path: path, "the test lets this \(operation) fail")
            }
            return try body(&state.disk, 1)
        }
    }

    package func open(_ path: String, _ mode: FileMode) throws(StorageError) -> any File {
        let node: SimulatedDisk.NodeID
        switch mode {
        case .read, .readWrite:
            node = try perform(.open, path) { (disk, _) throws(StorageError) in
                try disk.file(path).0
            }
        case .createNew, .createEmpty:
            node = try perform(.create, path) { (disk, _) throws(StorageError) in
                guard disk.find(path) != nil else { return try disk.makeFile(at: path) }
                if mode == .createNew {
                    throw StorageError(.alreadyExists, path: path, "the file exists")
                }
                let node = try disk.file(path).0
                disk.resize(node, to: 0)
                return node
            }
        }
        state.withLock { $0.disk.nodes[node]?.openCount += 1 }
        return SimulatedFile(
            owner: self, node: node, path: path, isWritable: mode != .read)
    }

    package func map(_ path: String) throws(StorageError) -> MappedFile {
        let content = try perform(.map, path) { (disk, _) throws(StorageError) in
            try disk.file(path).1.current
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, content.byteCount), alignment: 4096)
        _ = unsafe content.read(into: buffer, at: 0)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<content.byteCount])
        return unsafe MappedFile(path: path, bytes: bytes) { unsafe $0.deallocate() }
    }

    package func rename(_ source: String, to destination: String) throws(StorageError) {
        try perform(.rename, source) { (disk, _) throws(StorageError) in
            try disk.rename(source, to: destination)
        }
    }

    package func link(_ source: String, to destination: String) throws(StorageError) {
        try perform(.link, source) { (disk, _) throws(StorageError) in
            let (node, _) = try disk.file(source)
            guard disk.find(destination) == nil else {
                throw StorageError(.alreadyExists, path: source, "\(destination) exists")
            }
            let (directory, name) = try disk.place(destination)
            disk.changeNames([.init(directory: directory, name: name, node: node)])
        }
    }

    package func remove(_ path: String) throws(StorageError) {
        try perform(.remove, path) { (disk, _) throws(StorageError) in
            _ = try disk.file(path)
            let (directory, name) = try disk.place(path)
            disk.changeNames([.init(directory: directory, name: name, node: nil)])
        }
    }

    package func list(_ directory: String) throws(StorageError) -> [String] {
        try perform(.list, directory) { (disk, _) throws(StorageError) in
            try disk.directory(directory).1.current.keys.sorted()
        }
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        try perform(.makeDirectory, path) { (disk, _) throws(StorageError) in
            guard disk.find(path) == nil else {
                throw StorageError(.alreadyExists, path: path, "it exists")
            }
            _ = try disk.makeDirectory(at: path)
        }
    }

    package func removeDirectory(_ path: String) throws(StorageError) {
        try perform(.removeDirectory, path) { (disk, _) throws(StorageError) in
            guard try disk.directory(path).1.current.isEmpty else {
                throw StorageError(.alreadyExists, path: path, "the directory is not empty")
            }
            let (directory, name) = try disk.place(path)
            disk.changeNames([.init(directory: directory, name: name, node: nil)])
        }
    }

    package func kind(of path: String) throws(StorageError) -> FileKind? {
        try perform(.look, path) { (disk, _) throws(StorageError) in
            switch disk.find(path).flatMap({ disk.nodes[$0]?.content }) {
            case .file: .file
            case .directory: .directory
            case nil: nil
            }
        }
    }

    /// There are none.
    package func isLink(_ path: String) throws(StorageError) -> Bool { false }

    package func freeByteCount(of path: String) throws(StorageError) -> UInt64? {
        let capacity = controls.capacity
        return try perform(.look, path) { (disk, _) throws(StorageError) in
            capacity.map { UInt64(max(0, $0 - disk.usedByteCount)) }
        }
    }

    package func synchronizeDirectory(_ path: String) throws(StorageError) {
        try perform(.synchronizeDirectory, path) { (disk, _) throws(StorageError) in
            disk.synchronizeDirectory(try disk.directory(path).0)
        }
    }

    package func lock(_ path: String, note: String) throws(StorageError) -> any FileLock {
        let node = try perform(.lock, path) { (disk, _) throws(StorageError) in
            if disk.find(path) == nil { return try disk.makeFile(at: path) }
            return try disk.file(path).0
        }
        let holder: String? = state.withLock { state in
            if let holder = state.locks[node] { return holder }
            state.locks[node] = note
            return nil
        }
        if let holder { throw StorageError(.locked, path: path, "in use by \(holder)") }
        return SimulatedLock(owner: self, node: node, path: path)
    }

    fileprivate func unlock(_ node: SimulatedDisk.NodeID) {
        state.withLock { $0.locks[node] = nil }
    }
}

// MARK: - Calls of open files

extension SimulatedFileSystem {
    fileprivate func write(
        _ bytes: UnsafeRawBufferPointer, to node: SimulatedDisk.NodeID, at offset: UInt64,
        _ path: String
    ) throws(StorageError) {
        let capacity = controls.capacity
        try perform(.write, path) { (disk, share) throws(StorageError) in
            let offset = Int(clamping: offset)
            let wanted = Int(Double(bytes.count) * share)
            let fitting = disk.fittingEnd(of: node, end: offset + wanted, capacity) - offset
            unsafe disk.write(
                UnsafeRawBufferPointer(rebasing: bytes[..<max(0, fitting)]), to: node, at: offset)
            if fitting < wanted { throw Self.full(path) }
        }
    }

    fileprivate func allocate(
        _ node: SimulatedDisk.NodeID, upTo byteCount: UInt64, _ path: String
    ) throws(StorageError) {
        let capacity = controls.capacity
        try perform(.allocate, path) { (disk, _) throws(StorageError) in
            let byteCount = Int(clamping: byteCount)
            guard byteCount > disk.byteCount(of: node) else { return }
            // As ext4 does: what fits is allocated, and stays so when the rest does not.
            let fitting = disk.fittingEnd(of: node, end: byteCount, capacity)
            disk.resize(node, to: max(fitting, disk.byteCount(of: node)))
            if fitting < byteCount { throw Self.full(path) }
        }
    }

    fileprivate func truncate(
        _ node: SimulatedDisk.NodeID, to byteCount: UInt64, _ path: String
    ) throws(StorageError) {
        try perform(.truncate, path) { (disk, _) throws(StorageError) in
            disk.resize(node, to: Int(clamping: byteCount))
        }
    }

    fileprivate func synchronize(
        _ node: SimulatedDisk.NodeID, _ path: String
    ) throws(StorageError) {
        state.withLock { $0.controls.waitingSyncCount += 1 }
        state.notifyAll()
        _ = state.wait { state -> Bool? in
            if state.controls.holdsSyncs, !state.hasCrashed { return nil }
            state.controls.waitingSyncCount -= 1
            return true
        }
        try perform(.synchronize, path, of: node) { (disk, _) throws(StorageError) in
            disk.synchronize(node)
        }
    }

    fileprivate func read(
        _ node: SimulatedDisk.NodeID, into target: UnsafeMutableRawBufferPointer,
        at offset: UInt64, _ path: String
    ) throws(StorageError) -> Int {
        let content = try perform(.read, path) { (disk, _) throws(StorageError) in
            disk.content(of: node)
        }
        return unsafe content.read(into: target, at: Int(clamping: offset))
    }

    fileprivate func size(
        of node: SimulatedDisk.NodeID, _ path: String
    ) throws(StorageError) -> UInt64 {
        try perform(.look, path) { (disk, _) throws(StorageError) in
            UInt64(disk.byteCount(of: node))
        }
    }

    fileprivate func close(_ node: SimulatedDisk.NodeID) {
        state.withLock { $0.disk.nodes[node]?.openCount -= 1 }
    }

    private static func full(_ path: String) -> StorageError {
        StorageError(.outOfSpace, path: path, "the simulated disk is full")
    }
}

extension SimulatedDisk {
    /// How far a file can grow towards `end` on a disk of so many bytes.
    fileprivate func fittingEnd(of node: NodeID, end: Int, _ capacity: Int?) -> Int {
        guard let capacity else { return end }
        let present = byteCount(of: node)
        return min(end, present + max(0, capacity - usedByteCount))
    }

    fileprivate func content(of node: NodeID) -> SimulatedContent {
        guard case .file(let file)? = nodes[node]?.content else { return SimulatedContent() }
        return file.current
    }

    fileprivate mutating func makeDurableDirectory(_ path: String) {
        var directory = Self.root
        for part in path.split(separator: "/") {
            let name = String(part)
            guard case .directory(let entries)? = nodes[directory]?.content else { return }
            if let child = entries.current[name] {
                directory = child
                continue
            }
            let child = nextNode
            nextNode += 1
            nodes[child] = Node(content: .directory(Directory()))
            changeNames([.init(directory: directory, name: name, node: child)])
            synchronizeDirectory(directory)
            directory = child
        }
    }
}

private final class SimulatedFile: File {
    let path: String
    private let owner: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    private let isWritable: Bool

    init(
        owner: SimulatedFileSystem, node: SimulatedDisk.NodeID, path: String, isWritable: Bool
    ) {
        self.owner = owner
        self.node = node
        self.path = path
        self.isWritable = isWritable
    }

    deinit { owner.close(node) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(StorageError) {
        try checkWritable()
        unsafe try owner.write(bytes, to: node, at: offset, path)
    }

    func read(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(StorageError) -> Int {
        unsafe try owner.read(node, into: target, at: offset, path)
    }

    func size() throws(StorageError) -> UInt64 { try owner.size(of: node, path) }

    func truncate(to size: UInt64) throws(StorageError) {
        try checkWritable()
        try owner.truncate(node, to: size, path)
    }

    func allocate(upTo byteCount: UInt64) throws(StorageError) {
        try checkWritable()
        try owner.allocate(node, upTo: byteCount, path)
    }

    func synchronize() throws(StorageError) { try owner.synchronize(node, path) }

    private func checkWritable() throws(StorageError) {
        guard isWritable else {
            throw StorageError(.io, path: path, "the file is open for reading only")
        }
    }
}

private final class SimulatedLock: FileLock {
    let path: String
    private let owner: SimulatedFileSystem
    private let node: SimulatedDisk.NodeID
    private let isHeld = Monitor(true)

    init(owner: SimulatedFileSystem, node: SimulatedDisk.NodeID, path: String) {
        self.owner = owner
        self.node = node
        self.path = path
    }

    deinit { release() }

    func release() {
        let held = isHeld.withLock { held in
            defer { held = false }
            return held
        }
        if held { owner.unlock(node) }
    }
}
