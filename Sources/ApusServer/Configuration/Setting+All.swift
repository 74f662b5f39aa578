package import Apus
private import ApusCore

extension Setting {
    /// Every setting, in the order in which the documentation has them.
    package static let all =
        storage + doors + tls + auth + audit + limits + engine + observability

    private static let storage: [Setting] = [
        .text("storage.data", \.dataPath, "directory", "Directory of the database. Required."),
        .optional(
            "storage.snapshots", \.snapshotPath, "directory",
            "Where snapshots are kept; unset: `snapshots.d` in the database's directory."),
        .optional(
            "storage.archive", \.archivePath, "directory",
            "Where log files are kept before they are removed, for `apus restore --to-time`."),
        .optional(
            "storage.segments", \.segmentsPath, "directory",
            "Below it lie segments that `apus build-segment` made, for collections to attach; "
                + "unset: none can be attached."),
        .choice(
            "storage.durability", \.engine.newCollectionDurability, ["sync", "async:MS"],
            "What an acknowledged write means in new collections that do not say it themselves: "
                + "on disk, or on disk at most MS milliseconds later.",
            Durability.init(settingText:), \.settingText),
        .optionalBytes(
            "storage.memory_limit", \.engine.memoryLimitBytes,
            "Memory that all collections together may use; a write that would pass it is refused. "
                + "Unset: no bound."),
        .seconds(
            "storage.version_keep", \.engine.versionKeepSeconds, 1...86_400,
            "Time without use after which a version that a reader pinned is let go."),
        .bytes(
            "storage.reserve", \.engine.reservedBytes, 0...(1 << 40),
            "Disk kept back so that deletes go on when it is full."),
        .bytes(
            "storage.upload_max", \.uploadBytesMax, (1 << 20)...(1 << 50),
            "Bytes of an uploaded or fetched snapshot at most."),
        .prefixes(
            "storage.recover_from", \.recovery.allowed,
            "Addresses below which snapshots may be recovered by their URL, as "
                + "`https://backups.example.com/apus/`; `*` as the host is any, `*.example.com` all "
                + "below that name. Unset: the server fetches nothing."),
        .duration(
            "storage.recover_timeout", \.recovery.timeout, .seconds(1)...(.seconds(86_400)),
            "A snapshot that is not fetched by then is given up."),
    ]

    private static let doors: [Setting] = [
        .text(
            "server.host", \.host, "address",
            "Address to listen on; `0.0.0.0` is every IPv4 address of the machine."),
        .integer(
            "server.http_port", \.httpPort, 0...65_535,
            "Port of the REST interface; 0: any free one."),
        .integer(
            "server.grpc_port", \.grpcPort, 0...65_535,
            "Port of the gRPC interface; 0: any free one."),
        .bytes(
            "server.request_max", \.requestBodyBytesMax, 1_024...(1 << 32),
            "Bytes of a REST request's body at most."),
        .bytes(
            "server.message_max", \.requestMessageBytesMax, 1_024...(Int(Int32.max)),
            "Bytes of a gRPC request's message at most."),
        .integer(
            "server.connections_max", \.connectionsMax, 1...1_000_000,
            "Open REST connections at most (gRPC: half as many); never more than half of the "
                + "process's file descriptors."),
        .duration(
            "server.idle_timeout", \.idleTimeout, .seconds(1)...(.seconds(86_400)),
            "Time of silence after which a REST connection is closed."),
        .duration(
            "server.shutdown_timeout", \.shutdownTimeout, .seconds(0)...(.seconds(3_600)),
            "Time that open calls have to end when the server is told to stop."),
    ]

    private static let tls: [Setting] = [
        .optional(
            "tls.certificate", \.tls.certificatePath, "PEM file",
            "Certificate chain of both ports, the server's own first; unset: plain text."),
        .optional("tls.key", \.tls.keyPath, "PEM file", "Its private key."),
        .optional(
            "tls.client_ca", \.tls.clientAuthoritiesPath, "PEM file",
            "Authorities of clients: with it, both ports refuse clients without a certificate of "
                + "theirs."),
    ]

    private static let auth: [Setting] = [
        .optional(
            "auth.api_key", \.auth.apiKey, "text", "Key that allows everything.", isSecret: true,
            olderVariable: "APUS_API_KEY"),
        .optional(
            "auth.api_key_file", \.auth.apiKeyPath, "file",
            "The same, read from a file and again when that changes."),
        .optional(
            "auth.read_only_api_key", \.auth.readOnlyKey, "text", "Key that allows reading.",
            isSecret: true),
        .optional(
            "auth.read_only_api_key_file", \.auth.readOnlyKeyPath, "file",
            "The same, read from a file and again when that changes."),
        .optional(
            "auth.jwt.secret", \.auth.jwt.secret, "text",
            "Secret of HS256 tokens, at least 32 bytes.",
            isSecret: true),
        .optional(
            "auth.jwt.secret_file", \.auth.jwt.secretPath, "file",
            "The same, read from a file and again when that changes."),
        .optional(
            "auth.jwt.jwks_file", \.auth.jwt.keySetPath, "JWKS file",
            "Keys of RS256, ES256, HS256 and like tokens by their `kid`, read again when the file "
                + "changes."),
        .optional(
            "auth.jwt.issuer", \.auth.jwt.issuer, "text", "Tokens must carry this `iss`."),
        .optional(
            "auth.jwt.audience", \.auth.jwt.audience, "text",
            "Tokens must carry this among their `aud`."),
        .duration(
            "auth.jwt.leeway", \.auth.jwt.leeway, .seconds(0)...(.seconds(600)),
            "How far the clocks of issuer and server may differ."),
        .optional(
            "auth.opa.url", \.auth.opa.url, "URL",
            "A policy decision point that is asked about every operation (`POST /v1/data/…`)."),
        .text(
            "auth.opa.document", \.auth.opa.document, "path", "The document that it is asked for."),
        .duration(
            "auth.opa.timeout", \.auth.opa.timeout, .milliseconds(10)...(.seconds(60)),
            "Without an answer by then, the operation is refused."),
        .duration(
            "auth.opa.cache", \.auth.opa.cacheDuration, .seconds(0)...(.seconds(3_600)),
            "How long a decision holds; 0s: it is asked for each time."),
        .integer(
            "auth.opa.cache_entries_max", \.auth.opa.cacheEntriesMax, 1...1_000_000,
            "Decisions remembered at most."),
    ]

    private static let audit: [Setting] = [
        .optional(
            "audit.log", \.audit.path, "file, -",
            "Where one line of JSON goes for each write and each refusal; `-`: standard error."),
        .flag("audit.reads", \.audit.includesReads, "Reads go there too."),
    ]

    private static let limits: [Setting] = [
        .integer(
            "limits.reads_max", \.limits.readsMax, 1...1_000_000,
            "Reads that run or wait at most; further ones are refused with 429 and "
                + "`RESOURCE_EXHAUSTED`."),
        .integer(
            "limits.writes_max", \.limits.writesMax, 1...1_000_000,
            "Writes that run or wait at most; further ones are refused likewise."),
        .integer(
            "limits.streams_max", \.limits.streamsMax, 1...1_000_000,
            "Bulk upserts and readers of changes that are open at most; further ones are refused "
                + "likewise."),
        .duration(
            "limits.read_timeout", \.limits.readTimeout, .milliseconds(1)...(.seconds(86_400)),
            "A read that is not answered by then ends; calls may ask for less."),
    ]

    private static let engine: [Setting] = [
        .integer(
            "engine.search_threads", \.engine.searchThreads, 1...1_024,
            "Threads that run searches and other reads."),
        .integer(
            "engine.index_threads", \.engine.indexThreads, 1...1_024,
            "Threads that insert vectors into graphs."),
        .integer(
            "engine.write_threads", \.engine.writeThreads, 1...1_024,
            "Threads that validate and apply writes."),
        .integer(
            "engine.index_niceness", \.engine.indexNiceness, 0...19,
            "How far index threads stand back when searches want the cores."),
        .integer(
            "engine.segment_rows_max", \.engine.segmentRowsMax, 1_024...(1 << 31),
            "Rows after which a segment becomes a file."),
        .bytes(
            "engine.segment_bytes_max", \.engine.segmentBytesMax, (1 << 20)...(1 << 36),
            "Bytes of vectors after which a segment becomes a file."),
        .ratio(
            "engine.recall_checks", \.engine.recallObservation.share,
            "Share of searches that is done again by a scan, to know the recall that they had."),
        .ratio(
            "engine.recall_processor_share", \.engine.recallObservation.processorShare,
            "What that may take of one processor."),
        .ratio(
            "engine.recall_target", \.engine.recallObservation.target,
            "Below this mean of the recall, a warning is logged."),
        .bytes(
            "engine.merge_rate", \.engine.compactionBytesPerSecond, 0...(1 << 40),
            "Bytes that merges write in a second; 0B: as fast as it goes."),
        .bytes(
            "engine.log_retention", \.engine.logRetentionBytes, 0...(1 << 44),
            "Log that each collection keeps for readers of changes, although nothing else needs it."
        ),
        .bytes(
            "engine.unread_log_max", \.engine.unreadLogBytesMax, 0...(1 << 44),
            "Log that a collection keeps at most for readers of changes who are behind."),
    ]

    private static let observability: [Setting] = [
        .choice(
            "log.level", \.log.level,
            ["trace", "debug", "info", "notice", "warning", "error", "critical"],
            "Lowest level of log lines.",
            {
                ["trace", "debug", "info", "notice", "warning", "error", "critical"].contains($0)
                    ? $0 : nil
            }, { $0 }),
        .choice(
            "log.format", \.log.format, ["text", "json"], "How log lines look.",
            { ServerConfiguration.Log.Format(rawValue: $0) }, \.rawValue),
        .duration(
            "log.slow_search", \.log.slowSearch, .seconds(0)...(.seconds(3_600)),
            "Searches that take longer are logged with their plan; 0s: none."),
        .optional(
            "metrics.endpoint", \.metrics.otlp.endpoint, "URL",
            "Where the numbers of `/metrics` go by OTLP, too, as "
                + "`http://127.0.0.1:4318/v1/metrics`, or over gRPC `http://127.0.0.1:4317`; unset: "
                + "nowhere."),
        .transport("metrics.protocol", \.metrics.otlp.transport),
        .optional(
            "metrics.headers", \.metrics.otlp.headers, "name=value, …",
            "Further headers of the export, for what authenticates it.", isSecret: true),
        .duration(
            "metrics.export_interval", \.metrics.exportInterval,
            .milliseconds(10)...(.seconds(3_600)), "Time between two exports."),
        .optional(
            "traces.endpoint", \.traces.otlp.endpoint, "URL",
            "Where spans go by OTLP, as `http://127.0.0.1:4318/v1/traces`, or over gRPC "
                + "`http://127.0.0.1:4317`; unset: nowhere."),
        .transport("traces.protocol", \.traces.otlp.transport),
        .optional(
            "traces.headers", \.traces.otlp.headers, "name=value, …",
            "Further headers of the export, for what authenticates it.", isSecret: true),
        .text(
            "traces.service_name", \.traces.serviceName, "text",
            "`service.name` of spans and numbers."),
        .ratio(
            "traces.sample_ratio", \.traces.sampleRatio,
            "Share of the calls that is traced, of those whose caller does not say."),
        .integer(
            "traces.queue_max", \.traces.queueMax, 1...1_000_000,
            "Spans that wait for their export at most; further ones are dropped."),
        .duration(
            "traces.export_interval", \.traces.exportInterval,
            .milliseconds(10)...(.seconds(60)), "Time between two exports."),
    ]
}

extension Durability {
    /// As settings write it: `sync`, or `async:200` in milliseconds.
    package init?(settingText text: String) {
        if text == "sync" {
            self = .sync
        } else if text.hasPrefix("async:"), let delay = Int(text.dropFirst(6)),
            Durability.delayMillisecondsBounds.contains(delay)
        {
            self = .async(maxDelayMilliseconds: delay)
        } else {
            return nil
        }
    }

    package var settingText: String {
        switch self {
        case .sync: "sync"
        case .async(let delay): "async:\(delay)"
        }
    }
}
