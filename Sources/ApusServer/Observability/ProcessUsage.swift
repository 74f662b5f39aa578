private import Foundation

/// What the process takes of the machine, as Linux tells it.
struct ProcessUsage {
    var residentBytes: Int
    var cpuSeconds: Double
    var descriptorCount: Int

    /// nil: this system does not tell, or not in this way.
    static func now() -> ProcessUsage? {
        guard let memory = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = memory.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            // The program's name, in parentheses, may hold anything.
            let rest = stat.lastIndex(of: ")").map({ stat[$0...].split(separator: " ") }),
            rest.count > 13, let user = Double(rest[12]), let system = Double(rest[13]),
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        else { return nil }
        // The kernel counts in hundredths of a second for programs, whatever its own clock does.
        return ProcessUsage(
            residentBytes: pages * Int(sysconf(Int32(_SC_PAGESIZE))),
            cpuSeconds: (user + system) / 100, descriptorCount: descriptors.count)
    }
}
