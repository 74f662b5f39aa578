package import ApusCore

/// Turns results into the bodies of REST answers: one function for each kind of answer, all of one
/// form. Every answer stands in the envelope `{"result", "status": "ok", "time", "usage"}`.
///
/// `seconds` is how long the request took.
package enum ResponseEncoder {
    // MARK: Points

    package static func queryResult(_ points: [ScoredPoint], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.writeQueryResult(points) }
    }

    package static func queryBatchResult(_ results: [[ScoredPoint]], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.array(results) { $0.writeQueryResult($1) } }
    }

    /// The older searches answer the points without the object around them.
    package static func searchResult(_ points: [ScoredPoint], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.array(points) { $0.write($1) } }
    }

    package static func searchBatchResult(
        _ results: [[ScoredPoint]], seconds: Double
    ) -> [UInt8] {
        envelope(seconds) { $0.array(results) { $0.array($1) { $0.write($1) } } }
    }

    package static func groupsResult(_ groups: [PointGroup], seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("groups")
            $0.array(groups) { $0.write($1) }
            $0.endObject()
        }
    }

    package static func record(_ record: Record, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(record) }
    }

    package static func records(_ records: [Record], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.array(records) { $0.write($1) } }
    }

    /// `tellsVersion` is for requests that named or pinned one: other clients do not know the field.
    package static func scrollPage(
        _ page: ScrollPage, tellsVersion: Bool = false, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("points")
            $0.array(page.points) { $0.write($1) }
            $0.key("next_page_offset")
            if let next = page.nextOffset { $0.write(next) } else { $0.writeNull() }
            if tellsVersion {
                $0.key("version")
                $0.write(page.version.rawValue)
            }
            $0.endObject()
        }
    }

    package static func count(_ count: Int, seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.member("count", count)
            $0.endObject()
        }
    }

    package static func facets(_ hits: [FacetHit], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(hits) }
    }

    package static func matrixPairs(_ matrix: DistanceMatrix, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.writePairs(of: matrix) }
    }

    package static func matrixOffsets(_ matrix: DistanceMatrix, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.writeOffsets(of: matrix) }
    }

    package static func updateResult(_ result: WriteResult, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(result) }
    }

    package static func updateResults(_ results: [WriteResult], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.array(results) { $0.write($1) } }
    }

    // MARK: Collections

    /// Creating, updating and deleting collections and changing aliases answer true or false.
    package static func bool(_ value: Bool, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(value) }
    }

    package static func collection(
        _ description: CollectionDescription, seconds: Double
    ) -> [UInt8] {
        envelope(seconds) { $0.write(description) }
    }

    package static func collectionExists(_ exists: Bool, seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.member("exists", exists)
            $0.endObject()
        }
    }

    package static func collectionNames(_ names: [String], seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("collections")
            $0.array(names) {
                $0.beginObject()
                $0.member("name", $1)
                $0.endObject()
            }
            $0.endObject()
        }
    }

    package static func aliases(
        _ aliases: [(alias: String, collection: String)], seconds: Double
    ) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.key("aliases")
            $0.array(aliases) {
                $0.beginObject()
                $0.member("alias_name", $1.alias)
                $0.member("collection_name", $1.collection)
                $0.endObject()
            }
            $0.endObject()
        }
    }

    // MARK: Service

    /// The answer of `/`, which has no envelope. `version` is the interface level, because clients
    /// compare it with their own.
    package static func version(
        title: String, version: String, productVersion: String, commit: String?
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("title", title)
        writer.member("version", version)
        writer.member("apus_version", productVersion)
        writer.member("commit", commit)
        writer.endObject()
        return writer.bytes
    }

    package static func clusterDisabled(seconds: Double) -> [UInt8] {
        envelope(seconds) {
            $0.beginObject()
            $0.member("status", "disabled")
            $0.endObject()
        }
    }

    // MARK: Envelopes

    /// Any result in its envelope.
    package static func envelope(
        _ seconds: Double, result: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("result")
        result(&writer)
        writer.member("status", "ok")
        writer.member("time", seconds)
        writer.key("usage")
        writer.writeNull()
        writer.endObject()
        return writer.bytes
    }

    /// `{"status": {"error": text}, "time"}`; the status code is in `ErrorStatus`.
    package static func error(_ error: DatabaseError, seconds: Double) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.beginObject()
        writer.member("error", error.message)
        writer.endObject()
        writer.member("time", seconds)
        writer.endObject()
        return writer.bytes
    }
}
