internal import ApusCore
private import ApusKernels
internal import ApusStorage

/// Everything that can be wrong with a directory of snapshots: records, and the contents that they
/// name. Nothing is changed.
struct SnapshotStoreCheck {
    private(set) var faults: [String] = []
    private(set) var leftovers: [String] = []
    /// Of the records that can be read.
    private(set) var parts: [SnapshotRecord.Part] = []
    private(set) var snapshotCount = 0

    private let blobs: LocalBlobStore

    init(directory: String, fileSystem: any FileSystem) throws {
        blobs = LocalBlobStore(fileSystem: fileSystem, directory: directory)
        let listing = try SnapshotStore(blobs: blobs).listing()
        snapshotCount = listing.entries.count
        parts = listing.records.flatMap(\.collections)
        faults = listing.unreadable.map(\.reason.message)
        var users = try Self.users(listing)
        for key in try blobs.list(prefix: "blobs/") {
            let user = users.removeValue(forKey: key)
            check(key, user)
            // What a damaged record names is not known.
            if user == nil, listing.unreadable.isEmpty {
                leftovers.append("\(blobs.place(of: key)): in no snapshot")
            }
        }
        for (key, user) in users.sorted(by: { $0.key < $1.key }) {
            faults.append("\(blobs.place(of: key)): the file is missing; it is \(user.text)")
        }
    }

    /// Who needs a content.
    private struct User {
        var files: Set<SnapshotRecord.File>
        /// The first of them.
        var text: String
    }

    private static func users(_ listing: SnapshotListing) throws -> [RelativePath: User] {
        var users: [RelativePath: User] = [:]
        for entry in listing.entries {
            for part in entry.record.collections {
                for var file in part.files {
                    guard let key = RelativePath("blobs/\(file.sha256)") else { continue }
                    let text = "`\(part.directory)/\(file.name)` of the snapshot \(entry.key)"
                    // Equal contents may have several names.
                    file.name = ""
                    users[key, default: User(files: [], text: text)].files.insert(file)
                }
            }
        }
        return users
    }

    private mutating func check(_ key: RelativePath, _ user: User?) {
        var hash = SHA256()
        var checksum: UInt32 = 0
        var size: UInt64 = 0
        do {
            size = try blobs.size(of: key) ?? 0
            var offset: UInt64 = 0
            while offset < size {
                let piece = try blobs.read(key, offset..<min(size, offset + 1 << 20))
                hash.update(piece)
                checksum = CRC32C.checksum(of: piece, seed: checksum)
                offset += UInt64(piece.count)
            }
        } catch {
            faults.append(error.description)
            return
        }
        let digest = hash.digest().description
        let use = user.map { "; it is \($0.text)" } ?? ""
        guard digest == key.name else {
            faults.append(
                "\(blobs.place(of: key)): expected SHA-256 \(key.name), found \(size) bytes with "
                    + "\(digest)\(use)")
            return
        }
        for file in user?.files ?? [] where file.byteCount != size || file.crc32c != checksum {
            faults.append(
                "\(blobs.place(of: key)): found \(size) bytes with CRC32C "
                    + "\(hexadecimal(checksum)), a record expects \(file.byteCount) bytes with "
                    + "\(hexadecimal(file.crc32c))\(use)")
        }
    }
}
