import ArgumentParser

/// `apus model`: models for `apus demo` and `apus embed`.
struct Model: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch models that turn texts into vectors.",
        subcommands: [FetchModel.self])
}
