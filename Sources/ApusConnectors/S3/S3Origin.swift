package import ApusCore
package import ApusPipeline

/// The objects of a bucket whose keys begin with a prefix: documents, or JSON objects a line, by the
/// ending of the key. Every run reads all of them.
package struct S3Origin: RecordOrigin {
    package struct Settings: Sendable {
        /// `https://s3.eu-central-1.amazonaws.com`
        package var endpoint: String
        package var region: String
        package var bucket: String
        package var prefix: String
        package var accessKey: Reference
        package var secretKey: Reference
        /// The field that names the record of a line; nil: object and line do.
        package var key: PayloadPath?
        /// A larger object is a malformed record.
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
            key = try values["key"]?.path()
            objectBytesMax = try values["objectSize"]?.byteCount() ?? 64 << 20
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "s3 \(settings.endpoint) \(settings.bucket) \(settings.prefix) "
            + "key=\(settings.key?.description ?? "")"
    }

    package var showsAll: Bool { true }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        S3Records(try S3Bucket(settings), settings, at: position)
    }

    package var explanation: String {
        "all objects \(settings.bucket)/\(settings.prefix)* of \(settings.endpoint), at every run; "
            + "those that are gone are deleted"
    }
}
