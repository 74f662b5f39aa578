import ArgumentParser

/// `apus inspect`: what a database or one of its files holds.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a database or one of its files holds.",
        discussion: """
            PATH is a database's directory, a collection's directory in it, or a file: a segment \
            (.seg), a log (.wal), a manifest, a deletion file. Nothing is changed, and a server may \
            be running. docs/format.md explains the words.

            Examples:
              apus inspect ./data
              apus inspect ./data/docs/1.seg
              apus inspect --json ./data | python3 -m json.tool
            """)

    @Argument(help: "A directory or a file.")
    var path: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let outline = try DatabaseOutline.of(path)
        print(json ? outline.json() : outline.lines().joined(separator: "\n"))
    }
}
