internal import ApusPipeline

/// An object of a bucket, as it was listed, that is read in parts.
struct S3Object: RangedBytes {
    let bucket: S3Bucket
    let object: S3Bucket.Object
    let path: String

    var size: Int { object.size }
    var pieceSize: Int { 1 << 20 }

    func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
        try await bucket.content(of: object, at: offset, count: min(count, max(0, size - offset)))
    }
}
