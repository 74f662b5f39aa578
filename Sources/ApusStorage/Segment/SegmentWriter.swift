import ApusCore
import ApusKernels

/// Writes a segment file: sections one after the other, then the footer that lists them.
///
/// Until `finish()` the file has the suffix `.tmp`; a writer that goes without it removes the file.
/// Used by one thread at a time. After an error the writer is of no further use.
package final class SegmentWriter {
    /// Chunks smaller than this are gathered; larger ones go to the file as they are.
    private static let bufferByteCount = 1 << 20

    /// How a file is written in the background, so that others come to the disk as well.
    package struct Pacing: Sendable {
        /// Called before each write with its size in bytes, at most `writeByteCountMax`. It may
        /// wait, and ends the writing by throwing.
        package var beforeWrite: @Sendable (Int) throws(StorageError) -> Void
        /// After so many bytes the file is synced, so that its end does not have to sync them all
        /// while the log waits for its turn.
        package var syncByteCount: Int

        package init(
            syncByteCount: Int = 32 << 20,
            beforeWrite: @escaping @Sendable (Int) throws(StorageError) -> Void
        ) {
            self.syncByteCount = syncByteCount
            self.beforeWrite = beforeWrite
        }
    }

    /// The most that one write to the file has.
    package static let writeByteCountMax = 8 << 20

    package let path: String
    private let pacing: Pacing?
    private var unsyncedByteCount = 0
    private let fileSystem: any FileSystem
    private let temporaryPath: String
    private let file: any File
    private let expectedByteCount: UInt64
    private var buffer: [UInt8] = []
    /// Bytes in the file, without the buffer.
    private var writtenByteCount: UInt64 = 0
    private var sections: [SectionDescriptor] = []
    private var isFinished = false

    /// Space for `expectedByteCount` is taken at once, so that a disk without it says so before
    /// much is written; what is not needed is given back at the end.
    package init(
        fileSystem: any FileSystem = PosixFileSystem(), path: String,
        expectedByteCount: UInt64 = 0, pacing: Pacing? = nil
    ) throws(StorageError) {
        self.fileSystem = fileSystem
        self.path = path
        self.pacing = pacing
        self.expectedByteCount = expectedByteCount
        temporaryPath = path + FileName.temporarySuffix
        file = try fileSystem.open(temporaryPath, .createEmpty)
        do throws(StorageError) {
            try file.allocate(upTo: expectedByteCount)
        } catch {
            // Best effort: a stray temporary file is removed at the next open.
            try? fileSystem.remove(temporaryPath)
            throw error
        }
        buffer.reserveCapacity(Self.bufferByteCount)
        buffer.append(contentsOf: SegmentFormat.encodedHeader())
    }

    // Best effort: a stray temporary file is removed at the next open.
    deinit { if !isFinished { try? fileSystem.remove(temporaryPath) } }

    /// Adds a section whose bytes `body` appends to the sink; it starts at a multiple of 4,096.
    /// Throws what `body` throws, and errors of the system.
    package func addSection(
        name: String, encoding: SectionEncoding, _ body: (inout SectionSink) throws -> Void
    ) throws {
        precondition(!isFinished, "a section after finish()")
        precondition(!sections.contains { $0.name == name }, "a second section \(name)")
        try pad(toMultipleOf: SegmentFormat.alignment)
        let start = byteCount
        var sink = SectionSink(writer: self)
        try body(&sink)
        sections.append(
            SectionDescriptor(
                name: name, encoding: encoding, offset: Int(start),
                byteCount: Int(byteCount - start), checksum: sink.checksum))
    }

    /// Adds a section with these bytes.
    package func addSection(
        name: String, encoding: SectionEncoding, bytes: [UInt8]
    ) throws {
        try addSection(name: name, encoding: encoding) { try $0.append(bytes) }
    }

    /// Makes the sections so far durable, so that `finish()` has little left to sync.
    package func synchronize() throws(StorageError) {
        try writeBuffer()
        try file.synchronize()
        unsyncedByteCount = 0
    }

    /// Writes the footer, makes the file durable and gives it its name. Returns the file's size in
    /// bytes.
    @discardableResult
    package func finish() throws(StorageError) -> UInt64 {
        precondition(!isFinished, "finish() twice")
        try pad(toMultipleOf: 8)
        let footer = SegmentFormat.encodedFooter(sections)
        let trailer = SegmentFormat.encodedTrailer(footerOffset: byteCount, footer: footer)
        buffer.append(contentsOf: footer)
        buffer.append(contentsOf: trailer)
        try writeBuffer()
        if expectedByteCount > writtenByteCount { try file.truncate(to: writtenByteCount) }
        try file.synchronize()
        try fileSystem.rename(temporaryPath, to: path)
        isFinished = true
        try fileSystem.synchronizeDirectory(directory)
        return writtenByteCount
    }

    /// Bytes of the file so far.
    private var byteCount: UInt64 { writtenByteCount + UInt64(buffer.count) }

    private var directory: String { FileName.parent(of: path) }

    fileprivate func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        if buffer.count + bytes.count > Self.bufferByteCount { try writeBuffer() }
        if bytes.count >= Self.bufferByteCount {
            unsafe try write(bytes)
        } else {
            unsafe buffer.append(contentsOf: bytes)
        }
    }

    private func pad(toMultipleOf alignment: Int) throws(StorageError) {
        let rest = Int(byteCount % UInt64(alignment))
        guard rest != 0 else { return }
        buffer.append(contentsOf: repeatElement(0, count: alignment - rest))
        if buffer.count >= Self.bufferByteCount { try writeBuffer() }
    }

    private func writeBuffer() throws(StorageError) {
        guard !buffer.isEmpty else { return }
        var gathered: [UInt8] = []
        Swift.swap(&gathered, &buffer)
        try unsafe gathered.span.withUnsafeBytes { (bytes) throws(StorageError) in
            unsafe try write(bytes)
        }
        gathered.removeAll(keepingCapacity: true)
        Swift.swap(&gathered, &buffer)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Self.writeByteCountMax)
            try pacing?.beforeWrite(end - start)
            unsafe try file.write(bytes.part(start..<end), at: writtenByteCount)
            writtenByteCount += UInt64(end - start)
            unsyncedByteCount += end - start
            start = end
            if let pacing, unsyncedByteCount >= pacing.syncByteCount {
                try file.synchronize()
                unsyncedByteCount = 0
            }
        }
    }
}

/// Where the bytes of a section go. Valid only during `addSection`.
package struct SectionSink {
    private let writer: SegmentWriter
    /// Of what was appended so far.
    package private(set) var checksum: UInt32 = 0
    package private(set) var byteCount = 0

    fileprivate init(writer: SegmentWriter) { self.writer = writer }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        checksum = unsafe CRC32C.checksum(bytes, seed: checksum)
        byteCount += bytes.count
        unsafe try writer.append(bytes)
    }

    package mutating func append(_ bytes: [UInt8]) throws(StorageError) {
        unsafe try bytes.span.withUnsafeBytes { (buffer) throws(StorageError) in
            unsafe try append(buffer)
        }
    }

    /// Zero bytes up to the next multiple of `alignment` within the section.
    package mutating func pad(toMultipleOf alignment: Int) throws(StorageError) {
        let rest = byteCount % alignment
        if rest != 0 { try append([UInt8](repeating: 0, count: alignment - rest)) }
    }
}
