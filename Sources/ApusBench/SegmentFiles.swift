private import Foundation

/// The files of a database that hold its points: those of segments, and their deletion marks. Logs,
/// manifests and the space that is kept back for emergencies (`RESERVE`) are not what points cost.
enum SegmentFiles {
    static func byteCount(inDatabaseAt path: String) -> Int {
        let files = FileManager.default.enumerator(
            at: URL(fileURLWithPath: path), includingPropertiesForKeys: [.fileSizeKey])
        var bytes = 0
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "seg" || file.pathExtension.hasPrefix("del-") else {
                continue
            }
            bytes += (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
        }
        return bytes
    }
}
