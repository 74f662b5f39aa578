import Foundation
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What the environment asks for.
///
/// Executions are counted in nominal ones: a decoder with a share of 0.1 gets one input for ten of
/// them. So runs that go on one from another give every decoder new inputs, and its share of them.
///
/// | variable | meaning |
/// |---|---|
/// | `APUS_FUZZ_EXECUTIONS` | nominal executions; also turns the guards of long runs on |
/// | `APUS_FUZZ_SEED` | another sequence of inputs |
/// | `APUS_FUZZ_FIRST` | nominal executions of earlier runs, to go on where they ended |
/// | `APUS_FUZZ_REPLAY` | `decoder:seed:index`: that input alone; the index is the decoder's own |
/// | `APUS_FUZZ_SAVE` | with a replay: the folder to write the input to |
/// | `APUS_FUZZ_JOURNALS` | where the file lies that names the input under way |
/// | `APUS_FUZZ_WRITE_CORPUS` | write the valid samples to `Fixtures/fuzz` |
struct FuzzSettings {
    static let defaultExecutions = 10_000

    /// Nominal ones, of this run and of those before it.
    let executions: Int
    let first: Int
    let isLong: Bool
    let seed: UInt64
    let replay: (target: String, seed: UInt64, index: Int)?
    let saveFolder: String?
    let journals: String
    let writesCorpus: Bool

    /// A replay says why an input is refused.
    static func tell(_ error: some Error) { if isReplay { print(error) } }

    private static let isReplay = ProcessInfo.processInfo.environment["APUS_FUZZ_REPLAY"] != nil

    init(_ environment: [String: String]) {
        let asked = environment["APUS_FUZZ_EXECUTIONS"].flatMap(Int.init)
        executions = asked ?? Self.defaultExecutions
        isLong = asked != nil
        seed = environment["APUS_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
        first = environment["APUS_FUZZ_FIRST"].flatMap(Int.init) ?? 0
        let parts = (environment["APUS_FUZZ_REPLAY"] ?? "").split(separator: ":").map(String.init)
        if parts.count == 3, let seed = UInt64(parts[1]), let index = Int(parts[2]) {
            replay = (parts[0], seed, index)
        } else {
            replay = nil
        }
        saveFolder = environment["APUS_FUZZ_SAVE"]
        journals = environment["APUS_FUZZ_JOURNALS"] ?? NSTemporaryDirectory()
        writesCorpus = environment["APUS_FUZZ_WRITE_CORPUS"] != nil
    }

    /// The inputs of a decoder with a share of the work; those of the next run follow on them.
    func inputs(share: Double) -> Range<Int> {
        Int(Double(first) * share)..<Int(Double(first + executions) * share)
    }
}

/// Feeds a decoder its corpus and as many changed inputs as were asked for.
func fuzz(_ target: FuzzTarget) async throws {
    let settings = FuzzSettings(ProcessInfo.processInfo.environment)
    if settings.writesCorpus { try FuzzCorpus.write(try target.samples(), of: target.name) }
    let corpus = try target.fixtures() + FuzzCorpus.inputs(of: target.name)
    try #require(!corpus.isEmpty, "no corpus for \(target.name)")
    if let replay = settings.replay {
        guard replay.target == target.name else { return }
        let mutator = FuzzMutator(target, corpus: corpus, seed: replay.seed)
        let input = mutator.input(at: replay.index)
        if let folder = settings.saveFolder {
            try Data(input.bytes).write(
                to: URL(filePath: "\(folder)/\(input.purpose)~\(replay.seed)-\(replay.index)"))
        }
        print("\(target.name): \(input.bytes.count) bytes for \(input.name)")
        print("\(target.name): \(try await target.run(input))")
        return
    }
    let inputs = settings.inputs(share: target.share)
    let mutator = FuzzMutator(target, corpus: corpus, seed: settings.seed)
    let journal = try FuzzJournal(
        path: "\(settings.journals)/apus-fuzz-\(target.name)",
        title: "\(target.name):\(settings.seed):")
    var guards = FuzzGuards(isOn: settings.isLong)
    var executions = 0
    var accepted = 0
    var failures = 0
    for index in inputs {
        journal.note(index)
        let input = mutator.input(at: index)
        executions += 1
        do {
            if try await target.run(input) == .accepted { accepted += 1 }
            try guards.check(after: index)
        } catch {
            Issue.record("APUS_FUZZ_REPLAY=\(target.name):\(settings.seed):\(index): \(error)")
            failures += 1
            if failures == 10 { break }
        }
    }
    journal.remove()
    guards.end()
    if settings.isLong {
        let refused = executions - accepted - failures
        print(
            "fuzz \(target.name): \(executions) executions for \(settings.executions) nominal, "
                + "\(accepted) accepted, \(refused) refused, \(failures) failures")
    }
    // The first inputs are the corpus as it is.
    #expect(accepted > 0 || !inputs.contains(0), "nothing valid in the corpus of \(target.name)")
}

/// Names the input under way in a file, which outlives a trap.
@safe private final class FuzzJournal {
    private let path: String
    private let digits: UnsafeMutablePointer<UInt8>
    private let size = 4096

    init(path: String, title: String) throws {
        self.path = path
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
        try #require(descriptor >= 0, "cannot write \(path)")
        defer { close(descriptor) }
        try #require(ftruncate(descriptor, off_t(size)) == 0)
        let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        let bytes = unsafe try #require(memory).assumingMemoryBound(to: UInt8.self)
        for (place, byte) in title.utf8.enumerated() { unsafe bytes[place] = byte }
        unsafe digits = bytes + title.utf8.count
    }

    /// Twenty digits and a newline.
    func note(_ index: Int) {
        var rest = index
        for place in (0..<20).reversed() {
            unsafe digits[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        unsafe digits[20] = UInt8(ascii: "\n")
    }

    func remove() { _ = unsafe unlink(path) }
}

/// In long runs, which have the process for themselves: an input that takes two minutes ends the
/// process, as soon as no other decoder is under way, and one that takes much more memory than any
/// before is a failure.
private struct FuzzGuards {
    private static let growthMax = 128 << 20
    /// Decoders under way: the process has one alarm, which ends with the last of them.
    private static let running = Mutex(0)
    private let isOn: Bool
    private var peak = 0

    init(isOn: Bool) {
        self.isOn = isOn
        peak = Self.peakByteCount
        Self.running.withLock { $0 += 1 }
    }

    mutating func check(after index: Int) throws(FuzzFailure) {
        guard isOn else { return }
        if index % 64 == 0 { alarm(120) }
        let before = peak
        peak = Self.peakByteCount
        guard peak - before <= Self.growthMax else {
            throw FuzzFailure("memory grew by \((peak - before) >> 20) MiB")
        }
    }

    func end() {
        let isLast = Self.running.withLock { count in
            count -= 1
            return count == 0
        }
        if isOn, isLast { alarm(0) }
    }

    private static var peakByteCount: Int {
        var usage = rusage()
        // RUSAGE_SELF: 0 on every system, though not of one type.
        unsafe getrusage(0, &usage)
        return Int(usage.ru_maxrss) * 1024
    }
}

/// The inputs kept in the repository: valid samples, and every input that ever did harm.
enum FuzzCorpus {
    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

    static func inputs(of target: String) throws -> [FuzzInput] {
        let folder = fixtures.appending(path: "fuzz/\(target)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return try names.sorted().map { name in
            FuzzInput(
                name: name, bytes: Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    static func write(_ inputs: [FuzzInput], of target: String) throws {
        let folder = fixtures.appending(path: "fuzz/\(target)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for input in inputs {
            try Data(input.bytes).write(to: folder.appending(path: input.name))
        }
    }
}
