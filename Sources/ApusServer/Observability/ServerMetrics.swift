import Apus
import ApusCore
import Synchronization

/// Everything that a server tells about itself in numbers.
package struct ServerMetrics: Sendable {
    private let operations: Operations
    let requests: RequestMetrics
    private let tracer: Tracer?

    package init(
        operations: Operations, requests: RequestMetrics = RequestMetrics(), tracer: Tracer? = nil
    ) {
        self.operations = operations
        self.requests = requests
        self.tracer = tracer
    }

    /// The page that is scraped. Throws `permissionDenied`.
    func text() async throws -> String {
        try await operations.authorize(.observe, nil)
        return await page().text
    }

    func page() async -> MetricsPage {
        let collections = await collections()
        var page = MetricsPage()
        page.gauge(
            "apus_info", "The running release.",
            [([("version", ServerVersion.current.apus)], "1")])
        page.gauge(
            "apus_uptime_seconds", "Time since the server started.",
            String(requests.uptime.seconds))
        addProcess(to: &page)
        addRequests(to: &page)
        addEngine(to: &page)
        add(collections, to: &page)
        addRecall(of: collections, to: &page)
        addUsage(of: collections, to: &page)
        addArchives(to: &page)
        return page
    }

    private func addProcess(to page: inout MetricsPage) {
        guard let usage = ProcessUsage.now() else { return }
        page.gauge(
            "process_resident_memory_bytes",
            "Memory that the process has in use, mapped files too.",
            String(usage.residentBytes))
        page.counter(
            "process_cpu_seconds_total", "Time of processors that the process took.",
            String(usage.cpuSeconds))
        page.gauge(
            "process_open_fds", "Open files and connections.", String(usage.descriptorCount))
    }

    private func addRequests(to page: inout MetricsPage) {
        page.histogram(
            "apus_request_duration_seconds", "Finished requests, by how long they took.",
            requests.snapshot().map { ($0.key.labels, $0.durations) })
        page.histogram(
            "apus_search_stage_seconds",
            "Parts of searches: waiting for a thread, filters and searches in each segment, the rest.",
            operations.watch.stages.all.map { ([("stage", $0.name)], $0.histogram.snapshot) })
        let kinds = Admission.Kind.allCases.map { ($0.rawValue, operations.admission.counts($0)) }
        page.gauge(
            "apus_operations_open", "Reads and writes of points that run or wait.",
            kinds.map { ([("kind", $0.0)], String($0.1.open)) })
        page.counter(
            "apus_operations_refused_total", "Those refused because too many were under way.",
            kinds.map { ([("kind", $0.0)], String($0.1.refused)) })
        page.gauge(
            "apus_queue_depth_jobs", "Jobs that wait for one of the engine's threads.",
            operations.database.queuedJobs.map { ([("pool", $0.pool)], String($0.count)) })
        if let tracer, tracer.isOn {
            let counts = tracer.counts
            page.counter(
                "apus_spans_exported_total", "Spans that reached the collector.",
                String(counts.exported))
            page.counter(
                "apus_spans_dropped_total", "Spans that were lost.", String(counts.dropped))
        }
    }

    private func addEngine(to page: inout MetricsPage) {
        let meters = operations.database.meters
        page.histogram(
            "apus_wal_sync_seconds", "Syncs of the write-ahead logs.",
            [([], meters.walSync.snapshot)])
        page.counter(
            "apus_wal_written_bytes_total", "Bytes of records in the write-ahead logs.",
            String(meters.walBytes.load(ordering: .relaxed)))
        page.histogram(
            "apus_seal_seconds", "Growing segments that became files.",
            [([], meters.seal.snapshot)])
        page.histogram(
            "apus_compaction_seconds", "Merges of segment files.", [([], meters.merge.snapshot)])
        page.counter(
            "apus_compaction_failures_total", "Merges that failed and are tried again.",
            String(meters.mergeFailures.load(ordering: .relaxed)))
    }

    private struct CollectionState {
        var name: String
        /// nil: it could not be opened.
        var info: CollectionInfo?
        /// nil: no search was checked.
        var recall: ObservedRecall?
    }

    private func collections() async -> [CollectionState] {
        var states: [CollectionState] = []
        for name in operations.database.collectionNames() {
            do {
                let collection = try operations.database.collection(name)
                states.append(
                    CollectionState(
                        name: name,
                        info: try await operations.database.perform { collection.info() },
                        recall: collection.observedRecall))
            } catch {
                // Dropped meanwhile, or damaged.
                if (error as? DatabaseError)?.kind == .notFound { continue }
                states.append(CollectionState(name: name))
            }
        }
        return states
    }

    private func add(_ collections: [CollectionState], to page: inout MetricsPage) {
        page.gauge("apus_collections", "Collections in the database.", String(collections.count))
        let numbers: [(String, String, (CollectionInfo) -> Int)] = [
            ("apus_collection_points", "Points in the collection.", { $0.pointsCount }),
            (
                "apus_collection_indexed_vectors", "Vectors that are in a graph or in lists.",
                { $0.indexedVectorsCount }
            ),
            ("apus_collection_segments", "Segments of the collection.", { $0.segmentsCount }),
            (
                "apus_collection_pinned_versions", "Versions that are kept for readers.",
                { $0.pinnedVersions.count }
            ),
        ]
        for (name, help, number) in numbers {
            page.gauge(
                name, help,
                collections.compactMap { state in
                    state.info.map { ([("collection", state.name)], String(number($0))) }
                })
        }
        page.gauge(
            "apus_collection_degraded",
            "1 when files of the collection are damaged, so that points may be missing.",
            collections.map { state in
                let isDegraded = state.info.map { !$0.degradations.isEmpty } ?? true
                return ([("collection", state.name)], isDegraded ? "1" : "0")
            })
        page.gauge(
            "apus_collection_writable",
            "0 when the collection takes no writes until a restart.",
            collections.map { state in
                ([("collection", state.name)], state.info?.failure == nil ? "1" : "0")
            })
    }

    /// Of the last searches that were checked by a scan.
    private func addRecall(of collections: [CollectionState], to page: inout MetricsPage) {
        let recalls = collections.compactMap { state in
            state.recall.map { (labels: [(name: "collection", value: state.name)], recall: $0) }
        }
        page.counter(
            "apus_collection_recall_checks_total", "Searches that were checked by a scan.",
            recalls.map { ($0.labels, String($0.recall.checkedCount)) })
        let numbers: [(String, String, (ObservedRecall) -> Double)] = [
            ("mean", "Mean recall of the last of these.", { $0.mean }),
            ("p5", "What 95 % of them found at least.", { $0.p5 }),
            ("p1", "What 99 % of them found at least.", { $0.p1 }),
        ]
        for (name, help, number) in numbers {
            page.gauge(
                "apus_collection_recall_\(name)", help,
                recalls.map { ($0.labels, String(number($0.recall))) })
        }
    }

    /// Bytes by what they hold: the sum over `kind` is what a collection uses.
    private func addUsage(of collections: [CollectionState], to page: inout MetricsPage) {
        let parts = collections.flatMap { state in
            StorageUsage.Part.allCases.compactMap { part in
                state.info.map {
                    (
                        [(name: "collection", value: state.name), ("kind", part.rawValue)],
                        $0.usage[part]
                    )
                }
            }
        }
        let pinned = collections.compactMap { state in
            state.info.map {
                (
                    [(name: "collection", value: state.name), ("kind", "pinned_versions")],
                    String($0.pinnedMemoryBytes)
                )
            }
        }
        page.gauge(
            "apus_collection_memory_bytes", "Memory of the process's own.",
            parts.map { ($0.0, String($0.1.memory)) } + pinned)
        page.gauge(
            "apus_collection_disk_bytes", "Bytes in segment files.",
            parts.map { ($0.0, String($0.1.disk)) })
    }

    /// Only with an archive of the log.
    private func addArchives(to page: inout MetricsPage) {
        let states = operations.database.collectionNames().compactMap { name in
            (try? operations.database.collection(name))?.archiveState
                .map { (labels: [(name: "collection", value: name)], state: $0) }
        }
        page.gauge(
            "apus_log_archived_lsn", "Every batch up to this one is archived.",
            states.map { ($0.labels, String($0.state.archivedThrough.rawValue)) })
        page.gauge(
            "apus_log_archive_failing",
            "1 when the log could not be archived the last time; its files stay meanwhile.",
            states.map { ($0.labels, $0.state.failure == nil ? "0" : "1") })
    }
}

extension RequestMetrics.Key {
    fileprivate var labels: MetricsPage.Labels {
        [("door", door), ("route", route), ("method", method), ("status", String(status))]
    }
}
