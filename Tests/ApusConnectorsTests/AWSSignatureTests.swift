import ApusConnectors
import ApusKernels
import Foundation
import Testing

@Suite struct AWSSignatureTests {
    @Test("HMAC-SHA-256 of RFC 4231, test cases 1, 2 and 6")
    func hmac() {
        func hmac(_ key: [UInt8], _ text: String) -> String {
            AWSSignature.hmac(key, Array(text.utf8)).description
        }
        #expect(
            hmac(Array(repeating: 0x0b, count: 20), "Hi There")
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hmac(Array("Jefe".utf8), "what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hmac(
                Array(repeating: 0xaa, count: 131),
                "Test Using Larger Than Block-Size Key - Hash Key First")
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("Paths and queries are encoded as the signature wants them")
    func encoding() {
        #expect(AWSSignature.percentEncoded("a b/ü~+") == "a%20b%2F%C3%BC~%2B")
        #expect(AWSSignature.percentEncoded("/a b/c", keepingSlashes: true) == "/a%20b/c")
        #expect(
            AWSSignature.encoded([("prefix", "x/"), ("list-type", "2")])
                == "list-type=2&prefix=x%2F")
    }
}

@Suite struct S3ListingTests {
    @Test("A listing is read, with keys that are percent-encoded")
    func objects() {
        let xml = """
            <?xml version="1.0"?><ListBucketResult><Name>b</Name><EncodingType>url</EncodingType>
            <Contents><Key>docs/part+1%2B%C3%BC.jsonl</Key><Size>17</Size>
            <ETag>&quot;abc&quot;</ETag><LastModified>2026-01-31T10:00:00Z</LastModified></Contents>
            <Contents><ETag>&#34;def&#34;</ETag><Key>z</Key></Contents></ListBucketResult>
            """
        let objects = S3Bucket.objects(in: xml)
        #expect(objects.map(\.key) == ["docs/part 1+ü.jsonl", "z"])
        #expect(objects.map(\.size) == [17, 0])
        #expect(objects.map(\.etag) == ["abc", "def"])
        #expect(objects[0].modified == 1_769_853_600_000)
    }

    @Test("What is no listing has no objects")
    func hostile() {
        for text in ["", "<Contents>", "<Contents><Key></Contents>", "</Key><Contents></Contents>"]
        {
            #expect(S3Bucket.objects(in: text).isEmpty)
        }
    }
}
