private import Foundation

/// The text files below a folder.
package struct DocumentFolder: Sendable {
    package struct File: Hashable, Sendable {
        /// To open it by.
        package var path: String
        /// Relative to the folder.
        package var name: String
        package var format: DocumentReader.Format
    }

    /// In the order of their names.
    package let files: [File]
    /// Folders that could not be looked into.
    package let warnings: [DocumentWarning]

    /// Looks through a folder, or takes the single file that `path` names.
    ///
    /// Names that begin with a dot are passed over, and so are links to folders, which could lead
    /// around in a circle, and files that `format`, by default their ending's, takes for none. Throws
    /// where there is nothing at `path`, or nothing that can be looked into.
    package init(
        path: String,
        format: (String) -> DocumentReader.Format? = { DocumentReader.Format(path: $0) }
    ) throws(PipelineError) {
        var files: [File] = []
        var warnings: [DocumentWarning] = []
        guard let start = Self.kind(of: path, followingLinks: true) else {
            throw .unreadable(file: path, reason: "there is no such file or directory")
        }
        if start == .typeDirectory {
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
                throw .unreadable(file: path, reason: "the directory cannot be read")
            }
            Self.add(names, in: path, prefix: "", format, &files, &warnings)
        } else if let format = format(path) {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            files.append(File(path: path, name: name, format: format))
        }
        self.files = files
        self.warnings = warnings
    }

    private static func add(
        _ names: [String], in folder: String, prefix: String,
        _ format: (String) -> DocumentReader.Format?, _ files: inout [File],
        _ warnings: inout [DocumentWarning]
    ) {
        for name in names.sorted() where !name.hasPrefix(".") {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            switch kind(of: path) {
            case .typeDirectory:
                do {
                    let inner = try FileManager.default.contentsOfDirectory(atPath: path)
                    add(inner, in: path, prefix: "\(prefix)\(name)/", format, &files, &warnings)
                } catch {
                    warnings.append(
                        DocumentWarning(file: path, reason: "the directory cannot be read"))
                }
            case .typeRegular:
                guard let format = format(path) else { continue }
                files.append(File(path: path, name: prefix + name, format: format))
            default: continue
            }
        }
    }

    /// What a path is. A link to a file counts as that file; one to a folder only where links are
    /// followed.
    private static func kind(
        of path: String, followingLinks: Bool = false
    ) -> FileAttributeType? {
        let kind = typeOfItem(path)
        guard kind == .typeSymbolicLink else { return kind }
        let target = typeOfItem(URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
        return followingLinks || target == .typeRegular ? target : nil
    }

    private static func typeOfItem(_ path: String) -> FileAttributeType? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.type] as? FileAttributeType
    }
}
