import ApusBench
import ApusKernels
import ArgumentParser
import Foundation

/// `apus bench kernels`: what a distance costs, beside what memory gives.
struct BenchKernels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Nanoseconds a distance and the share of memory bandwidth.",
        discussion: """
            Measures one query against rows of random vectors, for every metric, element type and \
            instruction set: rows in the cache, one behind the other through the working set, and \
            at random places in it, in calls of 32 ids. Beside them a plain loop reads the same \
            memory from front to back. One thread. Cosine uses the kernels of dot.

            Standard error gets a table, standard output one JSON object a line for each figure:

              bench element metric isa dimension access ns_per_distance gb_per_s
              memory_gb_per_s share_of_memory working_set_bytes
            """)

    @Option(help: ArgumentHelp("Numbers of a vector.", valueName: "list"))
    var dimensions = NumberList([128, 384, 768, 1536])

    @Option(
        help: ArgumentHelp(
            "Instruction sets: scalar, avx2, avx512, neon (default: all that there are).",
            valueName: "list"))
    var isa: String?

    @Option(
        help: ArgumentHelp(
            "Working set, many times the cache (default: 512MiB).", valueName: "size"))
    var memory: ByteCountArgument?

    @Option(help: ArgumentHelp("Time for each figure.", valueName: "ms"))
    var milliseconds = 100

    func validate() throws {
        for dimension in dimensions.numbers {
            try Checked.inRange("--dimensions", dimension, 1...65_536)
        }
        try Checked.inRange("--milliseconds", milliseconds, 1...60_000)
        if let memory { try Checked.inRange("--memory", memory.bytes, 1 << 20...1 << 40) }
        _ = try levels()
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the kernels run on this very thread.
    private func measure() throws {
        var settings = KernelBench.Settings()
        settings.dimensions = dimensions.numbers
        settings.levels = try levels()
        settings.workingSetByteCount = memory?.bytes ?? settings.workingSetByteCount
        settings.duration = .milliseconds(milliseconds)
        let byteCount = settings.workingSetByteCount
        StandardError.write(line: KernelReport.heading)
        var row: [KernelBench.Figure] = []
        try KernelBench(settings).run { figure in
            print(KernelReport.line(figure, workingSetByteCount: byteCount))
            fflush(nil)
            row.append(figure)
            guard row.count == KernelBench.Access.allCases.count else { return }
            StandardError.write(line: KernelReport.row(row))
            row = []
        }
    }

    private func levels() throws -> [SIMDLevel] {
        guard let isa else { return SIMDLevel.allCases.filter(\.isSupported) }
        return try isa.split(separator: ",").map { name in
            guard let level = SIMDLevel(rawValue: String(name)), level.isSupported else {
                let known = SIMDLevel.allCases.filter(\.isSupported).map(\.rawValue)
                throw ValidationError(
                    "--isa: expected \(known.joined(separator: ", ")), found '\(name)'")
            }
            return level
        }
    }
}
