import ApusConnectors
import ArgumentParser

/// Where `apus changes` carries changes to, as its `--to` says.
enum ChangeDestination: ExpressibleByArgument {
    case kafka(brokers: String, topic: String)
    case lines(folder: String)
    case parquet(folder: String)

    init?(argument: String) {
        guard let colon = argument.firstIndex(of: ":") else { return nil }
        let rest = String(argument[argument.index(after: colon)...])
        guard !rest.isEmpty else { return nil }
        switch argument[..<colon] {
        case "jsonl": self = .lines(folder: rest)
        case "parquet": self = .parquet(folder: rest)
        case "kafka":
            let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
            self = .kafka(brokers: String(parts[0]), topic: String(parts[1]))
        default: return nil
        }
    }

    var description: String {
        switch self {
        case .kafka(let brokers, let topic): "kafka:\(brokers)/\(topic)"
        case .lines(let folder): "jsonl:\(folder)"
        case .parquet(let folder): "parquet:\(folder)"
        }
    }
}
