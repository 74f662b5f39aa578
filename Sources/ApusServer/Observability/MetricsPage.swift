import Apus
import ApusCore

/// The text that a Prometheus server scrapes.
struct MetricsPage {
    private var lines: [String] = []

    init(operations: Operations, requests: RequestMetrics) async {
        family("apus_info", "gauge", "The running release.")
        sample("apus_info", [("version", ServerVersion.current.apus)], "1")
        family("apus_uptime_seconds", "gauge", "Time since the server started.")
        sample("apus_uptime_seconds", [], String(requests.uptime.seconds))
        await addCollections(operations)
        addRequests(requests.snapshot())
    }

    var text: String { lines.joined(separator: "\n") + "\n" }

    private mutating func addCollections(_ operations: Operations) async {
        let names = operations.collectionNames()
        family("apus_collections", "gauge", "Collections in the database.")
        sample("apus_collections", [], String(names.count))
        family("apus_collection_points", "gauge", "Points in the collection.")
        for name in names {
            // It may have been dropped since.
            guard let points = try? await operations.count(nil, in: name) else { continue }
            sample("apus_collection_points", [("collection", name)], String(points))
        }
        family(
            "apus_collection_degraded", "gauge",
            "1 when files of the collection are damaged, so that points may be missing.")
        for name in names {
            guard let isDegraded = await operations.isDegraded(name) else { continue }
            sample("apus_collection_degraded", [("collection", name)], isDegraded ? "1" : "0")
        }
        addArchive(of: names, operations)
        await addUsage(of: names, operations)
    }

    /// Only with an archive of the log.
    private mutating func addArchive(of names: [String], _ operations: Operations) {
        let states = names.compactMap { name in
            operations.archiveState(of: name).map { (name: name, state: $0) }
        }
        guard !states.isEmpty else { return }
        family("apus_log_archived_lsn", "gauge", "Every batch up to this one is archived.")
        for (name, state) in states {
            sample(
                "apus_log_archived_lsn", [("collection", name)],
                String(state.archivedThrough.rawValue))
        }
        family(
            "apus_log_archive_failing", "gauge",
            "1 when the log could not be archived the last time; its files stay meanwhile.")
        for (name, state) in states {
            sample(
                "apus_log_archive_failing", [("collection", name)],
                state.failure == nil ? "0" : "1")
        }
    }

    /// Bytes by what they hold: the sum over `kind` is what a collection uses.
    private mutating func addUsage(of names: [String], _ operations: Operations) async {
        var infos: [(name: String, usage: StorageUsage, pinned: Int)] = []
        for name in names {
            guard let usage = try? await operations.usage(of: name) else { continue }
            infos.append((name, usage.current, usage.pinned))
        }
        family("apus_collection_memory_bytes", "gauge", "Memory of the process's own.")
        for info in infos {
            for part in StorageUsage.Part.allCases {
                let labels = [("collection", info.name), ("kind", part.rawValue)]
                sample("apus_collection_memory_bytes", labels, String(info.usage[part].memory))
            }
            let labels = [("collection", info.name), ("kind", "pinned_versions")]
            sample("apus_collection_memory_bytes", labels, String(info.pinned))
        }
        family("apus_collection_disk_bytes", "gauge", "Bytes in segment files.")
        for info in infos {
            for part in StorageUsage.Part.allCases {
                let labels = [("collection", info.name), ("kind", part.rawValue)]
                sample("apus_collection_disk_bytes", labels, String(info.usage[part].disk))
            }
        }
    }

    private mutating func addRequests(_ totals: [RequestMetrics.Key: RequestMetrics.Total]) {
        let sorted = totals.sorted {
            ($0.key.door, $0.key.route, $0.key.method, $0.key.status)
                < ($1.key.door, $1.key.route, $1.key.method, $1.key.status)
        }
        family("apus_requests_total", "counter", "Finished requests.")
        for (key, total) in sorted {
            sample("apus_requests_total", key.labels, String(total.requests))
        }
        family("apus_request_duration_seconds_total", "counter", "Time spent in them.")
        for (key, total) in sorted {
            sample(
                "apus_request_duration_seconds_total", key.labels, String(total.duration.seconds))
        }
    }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        lines.append("# HELP \(name) \(help)")
        lines.append("# TYPE \(name) \(type)")
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let inside = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        lines.append(inside.isEmpty ? "\(name) \(value)" : "\(name){\(inside)} \(value)")
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

extension RequestMetrics.Key {
    fileprivate var labels: [(String, String)] {
        [("door", door), ("route", route), ("method", method), ("status", String(status))]
    }
}
