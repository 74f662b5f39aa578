package import ApusCore
package import ApusPipeline

/// The files below a folder of HDFS, over WebHDFS: documents, JSON objects a line, or the rows of
/// Parquet files, by the ending of the name. Every run reads all of them; of Parquet files only the
/// parts that it needs. Names that begin with `_` or a dot are passed over.
package struct WebHDFSOrigin: ObjectOrigin {
    package struct Settings: Sendable {
        /// Of the name node, without `/webhdfs`: `http://namenode:9870`.
        package var url: String
        package var path: String
        /// Who asks, where the cluster believes it.
        package var user: String?
        /// A delegation token.
        package var token: Reference?
        /// The field that names the record of a line or row; nil: file and line do.
        package var key: RecordKey?
        /// A larger file is a malformed record. Parquet files may be larger.
        package var fileBytesMax: Int

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "url", "path", "user", "token", "key", "fileSize",
            ])
            url = try values.required("url", of: declaration).text()
            path = try values.required("path", of: declaration).text()
            user = try values["user"]?.text()
            if let token = values["token"] { self.token = try Reference(secret: token) }
            key = try values["key"]?.recordKey()
            fileBytesMax = try values["fileSize"]?.byteCount() ?? 64 << 20
        }
    }

    package let settings: Settings
    package var columns: Set<String>?

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "webhdfs \(settings.url) \(settings.path) key=\(settings.key?.description ?? "")"
    }

    package func records(
        of columns: Set<String>?, at position: JSONValue?
    ) throws -> any RecordSource {
        ObjectRecords(
            try WebHDFS(settings), key: settings.key, objectBytesMax: settings.fileBytesMax,
            columns: columns, at: position)
    }

    package var explanation: String {
        "all files below \(settings.path) of HDFS at \(settings.url), at every run; those that are "
            + "gone are deleted"
    }
}
