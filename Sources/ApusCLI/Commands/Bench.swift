import ArgumentParser

/// `apus bench`: measures what the engine can do on this machine.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure recall and speed.",
        subcommands: [
            BenchANN.self, BenchFilters.self, BenchPlanner.self, BenchStorage.self,
            BenchChurn.self, BenchKernels.self, BenchRetrieval.self, BenchSparse.self,
        ])
}
