private import CStemmer

/// Cuts words to their stems by one of the Snowball algorithms (Porter, "Snowball: a language for
/// stemming algorithms", 2001). One thread at a time may use it.
@safe
final class Stemmer {
    /// The languages of the wire API that there is an algorithm for.
    static let languages: Set<String> = [
        "arabic", "armenian", "danish", "dutch", "english", "finnish", "french", "german", "greek",
        "hungarian", "italian", "norwegian", "portuguese", "romanian", "russian", "spanish",
        "swedish", "tamil", "turkish",
    ]

    private let handle: OpaquePointer

    /// nil: there is no algorithm for the language.
    init?(language: String) {
        guard Self.languages.contains(language),
            let handle = unsafe sb_stemmer_new(language, "UTF_8")
        else { return nil }
        unsafe self.handle = handle
    }

    deinit { unsafe sb_stemmer_delete(handle) }

    /// The stem of a word in lower case.
    func stem(_ word: String) -> String {
        let utf8 = Array(word.utf8)
        guard let size = Int32(exactly: utf8.count),
            let stem = unsafe sb_stemmer_stem(handle, utf8, size)
        else { return word }
        // The bytes are the stemmer's, until it is used again.
        let count = Int(unsafe sb_stemmer_length(handle))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: stem, count: count), as: UTF8.self)
    }
}
