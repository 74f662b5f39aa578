import ArgumentParser

/// `apus pipeline`: from where data lives into a collection.
struct Pipeline: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep a collection in step with files, a database or a stream.",
        discussion: """
            A pipeline is a YAML file: a source, what of its records becomes text and payload, how \
            that is cut and embedded, and the collection. docs/pipelines.md has all of it.

              pipeline: articles
              source:
                files: {path: articles.jsonl, key: id}
              map:
                text: "{title}\\n\\n{body}"
                payload: [title, year]
              chunk: {rule: sentences, tokens: 200}
              embed: static
              collection: {name: articles, data: ./data}

            A run that was cut off, at whatever moment, goes on where it stopped when it is \
            started again: nothing is lost, and nothing is there twice.
            """,
        subcommands: [PipelineRunCommand.self, PipelineCheck.self, PipelineStatusCommand.self])
}
