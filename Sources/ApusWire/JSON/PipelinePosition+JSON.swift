package import ApusCore

/// How far a pipeline has read its source.
package struct PipelinePosition: Hashable, Sendable {
    package var pipeline: String
    /// What the pipeline wrote, which means something to it alone; empty: there is none.
    package var position: String

    package init(pipeline: String, position: String) {
        self.pipeline = pipeline
        self.position = position
    }
}

extension ResponseEncoder {
    /// Where one pipeline is.
    package static func position(
        _ position: PipelinePosition, version: SequenceNumber, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.writeMembers(of: position)
            $0.key("version")
            $0.write(version.rawValue)
            $0.endObject()
        }
    }

    /// Where all of them are.
    package static func positions(
        _ positions: [PipelinePosition], version: SequenceNumber, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("positions")
            $0.array(positions) { writer, position in
                writer.beginObject()
                writer.writeMembers(of: position)
                writer.endObject()
            }
            $0.key("version")
            $0.write(version.rawValue)
            $0.endObject()
        }
    }
}

extension JSONWriter {
    mutating func writeMembers(of position: PipelinePosition) {
        member("pipeline", position.pipeline)
        key("position")
        if position.position.isEmpty { writeNull() } else { write(position.position) }
    }
}
