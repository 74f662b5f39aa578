import ApusCore
import ApusStorage
import TestSupport
import Testing

let testLogID = LogID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

/// A batch that tells its number: incompressible, of varying length.
func batch(_ number: UInt64) -> [UInt8] {
    var state = number &* 0x9e37_79b9_7f4a_7c15
    return (0..<(5 + Int(number % 4) * 3)).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}

/// A simulated disk with one directory, for a log.
struct LogDisk: Sendable {
    let files: SimulatedFileSystem
    let path = "/log"

    init(_ configure: (inout SimulatedFileSystem.Controls) -> Void = { _ in }) {
        files = SimulatedFileSystem(directories: [path], configure)
    }

    init(_ files: SimulatedFileSystem) { self.files = files }

    /// What a start after a power loss at this moment finds.
    func afterPowerLoss(_ loss: PowerLoss = .losesEverythingUnsynced) -> LogDisk {
        LogDisk(files.afterPowerLoss(loss))
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func read(_ name: String) throws -> [UInt8] { try files.bytes(of: file(name)) }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
        try files.put(bytes, at: file(name))
    }

    func names() throws -> [String] { try files.list(path) }

    func clear() throws {
        for name in try names() { try files.remove(file(name)) }
    }

    func describe(_ name: String) throws -> WALDescription {
        try WALDescription.describe(fileSystem: files, path: file(name))
    }
}

/// The log on `disk`, and the numbers of the batches that it replayed, each checked.
func openLog(
    _ disk: LogDisk, after: UInt64 = 0, logID: LogID = testLogID,
    configure: (inout WriteAheadLog.Options) -> Void = { _ in }
) throws -> (log: WriteAheadLog, recovery: WriteAheadLog.Recovery, replayed: [UInt64]) {
    try openLog(
        disk.path, after: after, fileSystem: disk.files, logID: logID, configure: configure)
}

/// The same in a directory of any file system.
func openLog(
    _ directory: String, after: UInt64 = 0, fileSystem: any FileSystem = PosixFileSystem(),
    logID: LogID = testLogID, configure: (inout WriteAheadLog.Options) -> Void = { _ in }
) throws -> (log: WriteAheadLog, recovery: WriteAheadLog.Recovery, replayed: [UInt64]) {
    var options = WriteAheadLog.Options(logID: logID)
    configure(&options)
    var replayed: [UInt64] = []
    let (log, recovery) = unsafe try WriteAheadLog.open(
        fileSystem: fileSystem, directory: directory, after: SequenceNumber(after),
        options: options
    ) { lsn, bytes in
        #expect(unsafe Array(bytes) == batch(lsn.rawValue))
        replayed.append(lsn.rawValue)
    }
    #expect(recovery.replayedCount == replayed.count)
    return (log, recovery, replayed)
}

/// Appends the batches up to `last`, each synced before the next when `oneByOne`.
func appendBatches(_ log: WriteAheadLog, through last: UInt64, oneByOne: Bool = true) throws {
    while log.lastSequenceNumber.rawValue < last {
        let next = log.lastSequenceNumber.rawValue + 1
        #expect(try log.append(batch(next)).rawValue == next)
        if oneByOne { try log.waitUntilDurable(SequenceNumber(next)) }
    }
    try log.waitUntilDurable(SequenceNumber(last))
}

/// The bytes of a log of `count` batches as a crash leaves them: synced one by one, never closed.
/// The space that was allocated ahead is left out.
func crashedLog(count: UInt64) throws -> [UInt8] {
    let disk = LogDisk()
    let (log, _, _) = try openLog(disk)
    try appendBatches(log, through: count)
    let bytes = try disk.read(firstFile)
    let description = try disk.describe(firstFile)
    try log.close()
    return bytes.dropLast(description.tailByteCount)
}

/// As `crashedLog`, but closed in order.
func closedLog(count: UInt64) throws -> [UInt8] {
    let disk = LogDisk()
    let (log, _, _) = try openLog(disk)
    try appendBatches(log, through: count)
    try log.close()
    return try disk.read(firstFile)
}

let firstFile = FileName.wal(firstSequenceNumber: SequenceNumber(1))
