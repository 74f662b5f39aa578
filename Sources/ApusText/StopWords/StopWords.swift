/// Words that say nothing of what a text is about. The lists are those that NLTK has.
enum StopWords {
    /// The languages that there is a list of.
    static let languages: Set<String> = Set(lists.keys)

    /// The words of a language, in lower case; nil: there is no list of it.
    static func words(of language: String) -> Set<String>? { lists[language] }

    private static let lists: [String: Set<String>] = {
        var lists: [String: Set<String>] = [:]
        for group in [germanic, romance, european, asian] {
            for (language, words) in group {
                lists[language] = Set(words.split(separator: " ").map(String.init))
            }
        }
        return lists
    }()
}
