import ApusCore
import ApusWire
private import Foundation
package import Logging

/// Log lines on standard error, as text or as JSON, with the number of the trace that they belong to.
package struct ServerLogHandler: LogHandler {
    private let label: String
    private let format: ServerConfiguration.Log.Format
    private var text: StreamLogHandler
    package var logLevel: Logger.Level
    package var metadata = Logger.Metadata() {
        didSet { text.metadata = metadata }
    }

    package init(label: String, _ settings: ServerConfiguration.Log) {
        self.label = label
        format = settings.format
        logLevel = Logger.Level(rawValue: settings.level) ?? .info
        text = StreamLogHandler.standardError(label: label)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var event = event
        if let span = CallContext.current?.span {
            var metadata = event.metadata ?? [:]
            metadata["trace_id"] = "\(span.place.traceID)"
            event.metadata = metadata
        }
        switch format {
        case .text: text.log(event: event)
        case .json: FileHandle.standardError.write(Data(Self.line(event, label, metadata)))
        }
    }

    static func line(_ event: LogEvent, _ label: String, _ base: Logger.Metadata) -> [UInt8] {
        var members: [String: JSONValue] = [
            "time": .string(Timestamp.now.description),
            "level": .string(event.level.rawValue),
            "logger": .string(label),
            "message": .string(event.message.description),
        ]
        for (key, value) in base.merging(event.metadata ?? [:], uniquingKeysWith: { _, new in new })
        {
            members[key] = .string(value.description)
        }
        return JSONValue.object(members).jsonBytes + [0x0A]
    }
}

extension Timestamp {
    /// Of the system's clock.
    static var now: Timestamp {
        Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
    }
}
