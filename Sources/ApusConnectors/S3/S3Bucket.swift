internal import ApusPipeline
private import Foundation

/// A bucket of an S3 store, by path (`http://host/bucket/key`).
package struct S3Bucket: ObjectStore {
    private let service: HTTPService
    private let signature: AWSSignature
    private let host: String
    private let bucket: String
    private let prefix: String

    init(_ settings: S3Origin.Settings) throws(StageError) {
        var service = HTTPService(stage: "source", base: settings.endpoint)
        service.answerBytesMax = settings.objectBytesMax + (1 << 20)
        self.service = service
        bucket = settings.bucket
        prefix = settings.prefix
        signature = AWSSignature(
            accessKey: try settings.accessKey.value(), secretKey: try settings.secretKey.value(),
            region: settings.region, service: "s3")
        guard let url = URL(string: settings.endpoint), let host = url.host() else {
            throw StageError(.fatal, stage: "source", "'\(settings.endpoint)' is no address")
        }
        self.host = url.port.map { "\(host):\($0)" } ?? host
    }

    var name: String { bucket }

    /// A page of the objects whose keys begin with the prefix, in the order of their keys.
    func objects(behind key: String?) async throws -> [StoredObject] {
        var query = [
            (name: "encoding-type", value: "url"), (name: "list-type", value: "2"),
            (name: "prefix", value: prefix),
        ]
        if let key { query.append(("start-after", key)) }
        let answer = try await get("/\(AWSSignature.percentEncoded(bucket))", query)
        return Self.objects(in: String(decoding: answer, as: UTF8.self))
    }

    func content(of object: StoredObject) async throws -> [UInt8] {
        let path = AWSSignature.percentEncoded("/\(bucket)/\(object.key)", keepingSlashes: true)
        return try await get(path, [])
    }

    func content(of object: StoredObject, at offset: Int, count: Int) async throws -> [UInt8] {
        let path = AWSSignature.percentEncoded("/\(bucket)/\(object.key)", keepingSlashes: true)
        return try await get(
            path, [],
            headers: [
                ("range", "bytes=\(offset)-\(offset + count - 1)"),
                ("if-match", "\"\(object.etag)\""),
            ])
    }

    private func get(
        _ path: String, _ query: [(name: String, value: String)],
        headers more: [(name: String, value: String)] = []
    ) async throws(StageError) -> [UInt8] {
        let headers = signature.headers(host: host, path: path, query: query, now: Date())
        let suffix = query.isEmpty ? "" : "?" + AWSSignature.encoded(query)
        return try await service.call(.get, path + suffix, headers: headers + more).body
    }

    // MARK: Listings

    /// The objects of a ListBucketResult. Its keys are percent-encoded, so that no text in it has
    /// markup of its own.
    package static func objects(in xml: String) -> [StoredObject] {
        var objects: [StoredObject] = []
        var rest = xml[...]
        while let entry = element("Contents", in: &rest) {
            var inner = entry
            guard let encoded = element("Key", in: &inner),
                let key = encoded.replacing("+", with: "%20").removingPercentEncoding
            else { continue }
            var (sizes, etags, times) = (entry, entry, entry)
            let etag =
                element("ETag", in: &etags)?
                .replacing("&quot;", with: "").replacing("&#34;", with: "") ?? ""
            let modified = element("LastModified", in: &times).flatMap {
                try? Date(String($0), strategy: .iso8601)
            }
            objects.append(
                StoredObject(
                    key: key, size: element("Size", in: &sizes).flatMap { Int($0) } ?? 0,
                    etag: String(etag.replacing("\"", with: "")),
                    modified: modified.map { Int64($0.timeIntervalSince1970 * 1000) }))
        }
        return objects
    }

    /// The content of the next element of that name; `text` goes on behind it.
    private static func element(_ name: String, in text: inout Substring) -> Substring? {
        guard let start = text.firstRange(of: "<\(name)>"),
            let end = text[start.upperBound...].firstRange(of: "</\(name)>")
        else { return nil }
        let content = text[start.upperBound..<end.lowerBound]
        text = text[end.upperBound...]
        return content
    }
}
