import Apus
import ApusStorage
import TestSupport
import Testing

/// One file of the database of `DatabaseFuzzTests` is changed; then it is checked, repaired and, if
/// the repair says that nothing is left to do, checked and used again.
@Suite("Fuzzing check and repair") struct RepairFuzzTests {
    private static let root = DatabaseFuzzTests.root

    @Test("Check and repair of a database with one changed file") func repair() async throws {
        let disk = try DatabaseFuzzTests.disk()
        try await fuzz(
            FuzzTarget(
                name: "repair", share: 0.002, tokens: DatabaseFuzzTests.tokens,
                repair: { input in ChecksumRepair(path: input.path)?.apply(to: &input.bytes) },
                fixtures: { try FuzzCorpus.inputs(of: "database") }, samples: { [] },
                run: { input in
                    let changed = disk.afterKill()
                    try changed.put(input.bytes, at: DatabaseFuzzTests.path(of: input))
                    return try Self.repair(changed)
                }))
    }

    private static func repair(_ disk: SimulatedFileSystem) throws -> FuzzOutcome {
        let found = disk.afterKill()
        do {
            let files = contents(disk)
            let faults = try check(disk)
            var options = RepairOptions()
            options.truncatesLog = true
            let report = try Database.repair(at: root, options: options, fileSystem: disk)
            try expect(report.hasFaults == !faults.isEmpty, "check and repair disagree")
            try expect(
                report.hasFaults || contents(disk) == files,
                "without faults something was changed")
            guard report.isComplete else { return .refused }
            let left = try check(disk)
            guard left.isEmpty else {
                // What was written on purpose, under right checksums, may be more than a repair
                // can mend.
                try expect(!isDamaged(found), "after the repair there is \(left)")
                return .refused
            }
        } catch let error as DatabaseError {
            try DatabaseFuzzTests.check(error)
            return .refused
        }
        // A check does not look into payloads that are in the log, beyond their checksums.
        let outcome = try DatabaseFuzzTests.use(disk)
        try expect(
            outcome == .accepted || !isDamaged(found), "a database without faults cannot be used")
        return outcome
    }

    private static func check(_ disk: SimulatedFileSystem) throws -> [String] {
        try Database.check(at: root, fileSystem: disk).faults
    }

    /// Whether bytes are not those that a checksum is of.
    private static func isDamaged(_ disk: SimulatedFileSystem) -> Bool {
        ["dense", "mixed"].contains { name in
            !StorageCheck.collection(fileSystem: disk, directory: "\(root)/\(name)").isEmpty
        }
    }

    /// Sizes of files but the one that says who looks.
    private static func contents(_ disk: SimulatedFileSystem) -> [String: Int] {
        disk.files.filter { !$0.key.hasSuffix("/LOCK") }
    }
}
