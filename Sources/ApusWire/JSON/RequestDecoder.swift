package import ApusCore

/// Turns the body of a REST request into the values of `ApusCore`: one function for each kind of
/// body, all of one form.
///
///     let request = try RequestDecoder.query(buffer.readableBytesSpan)
///
/// Bodies are the whole body and nothing else. What is wrong with one comes back as a
/// `DatabaseError` that names the path: `.invalidArgument` for what is not the JSON that the
/// interface describes, `.validation` for values outside their limits, `.unimplemented` for
/// features of the interface that this server does not have. Fields that nobody knows are passed
/// over, except in filters. What only the engine can see (dimensions, names) is the engine's to
/// check.
package enum RequestDecoder {
    // MARK: Collections

    package static func createCollection(
        _ body: RawSpan
    ) throws(DatabaseError) -> NewCollection {
        try decode(body, NewCollection.init(reading:))
    }

    package static func updateCollection(
        _ body: RawSpan
    ) throws(DatabaseError) -> CollectionConfigurationChange {
        try decode(body, CollectionConfigurationChange.init(reading:))
    }

    package static func changeAliases(
        _ body: RawSpan
    ) throws(DatabaseError) -> [AliasAction] {
        try decode(body, AliasAction.list(reading:))
    }

    package static func createFieldIndex(
        _ body: RawSpan
    ) throws(DatabaseError) -> FieldIndexRequest {
        try decode(body, FieldIndexRequest.init(reading:))
    }

    package static func createVectorField(
        _ body: RawSpan
    ) throws(DatabaseError) -> NewVectorField {
        try decode(body, NewVectorField.init(reading:))
    }

    // MARK: Writing points

    package static func upsert(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.upsert(reading:))
    }

    package static func deletePoints(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.delete(reading:))
    }

    package static func updateVectors(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.updateVectors(reading:))
    }

    package static func deleteVectors(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.deleteVectors(reading:))
    }

    package static func setPayload(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.setPayload(reading:))
    }

    package static func overwritePayload(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.overwritePayload(reading:))
    }

    package static func deletePayload(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.deletePayload(reading:))
    }

    package static func clearPayload(
        _ body: RawSpan
    ) throws(DatabaseError) -> WriteOperation {
        try decode(body, WriteOperation.clearPayload(reading:))
    }

    /// The operations of a batch, in order.
    package static func batch(
        _ body: RawSpan
    ) throws(DatabaseError) -> [WriteOperation] {
        try decode(body) { (reader) throws(JSONError) in
            try readList(named: "operations", &reader, of: WriteOperation.init(readingBatchEntry:))
        }
    }

    // MARK: Reading points

    package static func retrieve(
        _ body: RawSpan
    ) throws(DatabaseError) -> RetrieveRequest {
        try decode(body, RetrieveRequest.init(reading:))
    }

    package static func scroll(
        _ body: RawSpan
    ) throws(DatabaseError) -> ScrollRequest {
        try decode(body, ScrollRequest.init(reading:))
    }

    package static func count(
        _ body: RawSpan
    ) throws(DatabaseError) -> CountRequest {
        try decode(body, CountRequest.init(reading:))
    }

    package static func query(
        _ body: RawSpan
    ) throws(DatabaseError) -> QueryRequest {
        try decode(body, QueryRequest.init(reading:))
    }

    package static func queryBatch(
        _ body: RawSpan
    ) throws(DatabaseError) -> [QueryRequest] {
        try decode(body) { (reader) throws(JSONError) in
            try readList(named: "searches", &reader, of: QueryRequest.init(reading:))
        }
    }

    package static func queryGroups(
        _ body: RawSpan
    ) throws(DatabaseError) -> GroupsRequest {
        try decode(body, GroupsRequest.init(reading:))
    }

    package static func search(
        _ body: RawSpan
    ) throws(DatabaseError) -> QueryRequest {
        try decode(body, QueryRequest.init(readingSearch:))
    }

    package static func searchBatch(
        _ body: RawSpan
    ) throws(DatabaseError) -> [QueryRequest] {
        try decode(body) { (reader) throws(JSONError) in
            try readList(named: "searches", &reader, of: QueryRequest.init(readingSearch:))
        }
    }

    package static func searchGroups(
        _ body: RawSpan
    ) throws(DatabaseError) -> GroupsRequest {
        try decode(body, GroupsRequest.init(readingSearch:))
    }

    package static func recommend(
        _ body: RawSpan
    ) throws(DatabaseError) -> QueryRequest {
        try decode(body, QueryRequest.init(readingRecommend:))
    }

    package static func recommendBatch(
        _ body: RawSpan
    ) throws(DatabaseError) -> [QueryRequest] {
        try decode(body) { (reader) throws(JSONError) in
            try readList(named: "searches", &reader, of: QueryRequest.init(readingRecommend:))
        }
    }

    package static func recommendGroups(
        _ body: RawSpan
    ) throws(DatabaseError) -> GroupsRequest {
        try decode(body, GroupsRequest.init(readingRecommend:))
    }

    package static func discover(
        _ body: RawSpan
    ) throws(DatabaseError) -> QueryRequest {
        try decode(body, QueryRequest.init(readingDiscover:))
    }

    package static func discoverBatch(
        _ body: RawSpan
    ) throws(DatabaseError) -> [QueryRequest] {
        try decode(body) { (reader) throws(JSONError) in
            try readList(named: "searches", &reader, of: QueryRequest.init(readingDiscover:))
        }
    }

    package static func facets(
        _ body: RawSpan
    ) throws(DatabaseError) -> FacetRequest {
        try decode(body, FacetRequest.init(reading:))
    }

    package static func matrix(
        _ body: RawSpan
    ) throws(DatabaseError) -> MatrixRequest {
        try decode(body, MatrixRequest.init(reading:))
    }

    // MARK: Shared

    /// Reads one value that is the whole body.
    package static func decode<Value>(
        _ body: RawSpan,
        _ read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(DatabaseError) -> Value {
        try unsafe body.withUnsafeBytes { (bytes) throws(DatabaseError) in
            var reader = unsafe JSONReader(bytes)
            do throws(JSONError) {
                let value = try read(&reader)
                try reader.finish()
                return value
            } catch {
                throw unsafe error.databaseError(in: bytes)
            }
        }
    }

    /// The elements of the list under the one key that counts.
    private static func readList<Element>(
        named name: String, _ reader: inout JSONReader,
        of read: (inout JSONReader) throws(JSONError) -> Element
    ) throws(JSONError) -> [Element] {
        let start = reader.position()
        var elements: [Element]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == name {
                elements = try reader.array(of: read)
            } else {
                try reader.skipValue()
            }
        }
        return try reader.require(elements, name, ofObjectAt: start)
    }
}
