package import ApusPipeline

/// Where a pipeline's records come from.
package struct SourceDeclaration: Sendable {
    package private(set) var origin: any RecordOrigin
    /// For people: what is read, in which order, and what a run sees of changes and deletions.
    package let explanation: String

    init(_ declaration: Declaration, folder: String) throws(DeclarationProblem) {
        let (kind, settings) = try declaration.kind([
            "files", "postgres", "kafka", "redis", "s3", "webhdfs", "clickhouse", "trino",
        ])
        switch kind {
        case "postgres":
            let postgres = PostgresOrigin(try PostgresOrigin.Settings(settings))
            (origin, explanation) = (postgres, postgres.explanation)
        case "kafka":
            let kafka = KafkaOrigin(try KafkaOrigin.Settings(settings))
            (origin, explanation) = (kafka, kafka.explanation)
        case "redis":
            let redis = RedisOrigin(try RedisOrigin.Settings(settings))
            (origin, explanation) = (redis, redis.explanation)
        case "s3":
            let bucket = S3Origin(try S3Origin.Settings(settings))
            (origin, explanation) = (bucket, bucket.explanation)
        case "webhdfs":
            let files = WebHDFSOrigin(try WebHDFSOrigin.Settings(settings))
            (origin, explanation) = (files, files.explanation)
        case "trino":
            let table = TrinoOrigin(try TrinoOrigin.Settings(settings))
            (origin, explanation) = (table, table.explanation)
        case "clickhouse":
            let table = ClickHouseOrigin(try ClickHouseOrigin.Settings(settings))
            (origin, explanation) = (table, table.explanation)
        default: (origin, explanation) = try Self.files(settings, folder)
        }
    }

    /// What it reads where only these fields are looked at.
    mutating func read(only fields: Set<String>?) { origin = origin.reading(only: fields) }

    private static func files(
        _ settings: Declaration, _ folder: String
    ) throws(DeclarationProblem) -> (any RecordOrigin, String) {
        let values = try settings.members(["path", "key", "documentSize"])
        let path = try values.required("path", of: settings).text().relative(to: folder)
        var origin = FileOrigin(path: path, key: try values["key"]?.recordKey())
        if let size = values["documentSize"] {
            origin = FileOrigin(
                path: path, key: origin.key, documentBytesMax: try size.byteCount())
        }
        return (
            origin,
            "all files of \(path), in the order of their names; every run reads all of them, and "
                + "what is gone is deleted"
        )
    }
}
