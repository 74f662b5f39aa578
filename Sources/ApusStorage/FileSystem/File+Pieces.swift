extension File {
    /// `count` bytes from `offset` on. Throws `.corrupt` when the file ends before.
    package func bytes(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let read = try unsafe span.withUnsafeMutableBytes { (buffer) throws(StorageError) in
            unsafe try self.read(into: buffer, at: offset)
        }
        guard read == count else {
            throw StorageError(
                .corrupt, path: path, offset: offset,
                "expected \(count) bytes here, found \(read)")
        }
        return bytes
    }

    /// Reads the file from its start to its end, in pieces of at most so many bytes.
    package func forEachPiece(
        of byteCount: Int, _ body: ([UInt8], UInt64) throws(StorageError) -> Void
    ) throws(StorageError) {
        let size = try size()
        var offset: UInt64 = 0
        while offset < size {
            let count = Int(min(UInt64(byteCount), size - offset))
            try body(try bytes(at: offset, count: count), offset)
            offset += UInt64(count)
        }
    }
}
