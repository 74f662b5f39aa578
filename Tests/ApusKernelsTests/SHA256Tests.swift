import ApusKernels
import TestSupport
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-2, appendix B, and the empty text.
    @Test(
        "The examples of the standard come out",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func standard(text: String, digest: String) {
        #expect(SHA256.digest(of: Array(text.utf8)).description == digest)
        #expect(SHA256.Digest(text: digest) == SHA256.digest(of: Array(text.utf8)))
    }

    @Test("Both versions agree for every length, in pieces and as a whole")
    func versionsAgree() {
        var generator = SeededGenerator(seed: 256)
        for length in 0...300 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var scalar = SHA256(scalar: ())
            scalar.update(bytes)
            var pieces = SHA256()
            var start = 0
            while start < length {
                let end = Int.random(in: start...length, using: &generator)
                pieces.update(Array(bytes[start..<end]))
                start = end
            }
            #expect(scalar.digest() == SHA256.digest(of: bytes))
            #expect(pieces.digest() == scalar.digest())
        }
    }

    @Test("A copy goes on by itself, and its words are the bytes")
    func copies() {
        for length in [0, 1, 55, 56, 63, 64, 65, 200] {
            let start = (0..<length).map { UInt8($0) }
            var begun = SHA256()
            begun.update(start)
            var copy = begun
            copy.update([1, 2, 3])
            #expect(copy.digest() == SHA256.digest(of: start + [1, 2, 3]))
            let digest = begun.digest()
            #expect(digest == SHA256.digest(of: start) && digest == begun.digest())
            #expect(digest.bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) } == digest.words[0])
            #expect(SHA256.Digest(bytes: digest.bytes) == digest)
        }
    }

    @Test("What is no digest is refused", arguments: ["", "00", String(repeating: "g", count: 64)])
    func refused(text: String) { #expect(SHA256.Digest(text: text) == nil) }
}
