package import ApusCore
package import ApusPipeline

/// The objects of a bucket whose keys begin with a prefix: documents, JSON objects a line, or the
/// rows of Parquet files, by the ending of the key. Every run reads all of them; of Parquet files
/// only the parts that it needs.
package struct S3Origin: ObjectOrigin {
    package struct Settings: Sendable {
        /// `https://s3.eu-central-1.amazonaws.com`
        package var endpoint: String
        package var region: String
        package var bucket: String
        package var prefix: String
        package var accessKey: Reference
        package var secretKey: Reference
        /// The field that names the record of a line; nil: object and line do.
        package var key: RecordKey?
        /// A larger object is a malformed record. Parquet files may be larger; nothing that is
        /// read of them at a time is.
        package var objectBytesMax: Int

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "endpoint", "region", "bucket", "prefix", "accessKey", "secretKey", "key",
                "objectSize",
            ])
            endpoint = try values.required("endpoint", of: declaration).text()
            region = try values["region"]?.text() ?? "us-east-1"
            bucket = try values.required("bucket", of: declaration).text()
            prefix = try values["prefix"]?.text() ?? ""
            accessKey = try Reference(secret: try values.required("accessKey", of: declaration))
            secretKey = try Reference(secret: try values.required("secretKey", of: declaration))
            key = try values["key"]?.recordKey()
            objectBytesMax = try values["objectSize"]?.byteCount() ?? 64 << 20
        }
    }

    package let settings: Settings
    package var columns: Set<String>?

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "s3 \(settings.endpoint) \(settings.bucket) \(settings.prefix) "
            + "key=\(settings.key?.description ?? "")"
    }

    package func records(
        of columns: Set<String>?, at position: JSONValue?
    ) throws -> any RecordSource {
        ObjectRecords(
            try S3Bucket(settings), key: settings.key, objectBytesMax: settings.objectBytesMax,
            columns: columns, at: position)
    }

    package var explanation: String {
        "all objects \(settings.bucket)/\(settings.prefix)* of \(settings.endpoint), at every run; "
            + "those that are gone are deleted"
    }
}
