import Testing

/// Rules of the house that a program can check.
@Suite struct TidyTests {
    /// Where pointers may be touched: arithmetic, index memory, files and mapped bytes, byte
    /// codecs, the engine's parts that hand such memory from one to the other, and single files
    /// with a system call, a loan of a buffer or a job of the concurrency runtime.
    private static let unsafeAllowed = [
        "Sources/ApusBench/Kernels/",
        "Sources/ApusKernels/",
        "Sources/ApusIndex/",
        "Sources/ApusQuery/CostModel+Measured.swift",
        "Sources/ApusStorage/",
        "Sources/ApusCore/Bytes/",
        "Sources/ApusCore/Concurrency/",
        "Sources/ApusCore/Filter/EncodedPayload.swift",
        "Sources/ApusCLI/Import/ImportedSettings.swift",
        "Sources/ApusConnectors/Kafka/KafkaClient.swift",
        "Sources/ApusConnectors/Kafka/KafkaConsumer.swift",
        "Sources/ApusConnectors/Kafka/KafkaPlaces.swift",
        "Sources/ApusConnectors/Kafka/KafkaProducer.swift",
        "Sources/ApusConnectors/Postgres/PostgresConnection.swift",
        "Sources/ApusConnectors/Redis/RedisConnection.swift",
        "Sources/ApusPipeline/Connectors/Files/",
        "Sources/ApusPipeline/Embedding/Static/StaticTable.swift",
        "Sources/ApusText/Stemmer.swift",
        "Sources/ApusWire/JSON/",
        "Sources/ApusWire/Protobuf/QueryCall.swift",
        "Sources/Apus/Collection/",
        "Sources/Apus/Repair/",
        "Sources/Apus/Segment/",
        "Sources/Apus/Snapshots/",
        "Sources/Apus/Write/",
        "Sources/ApusRPC/Calls/EventLoopExecutor.swift",
        "Sources/ApusRPC/Messages/",
        "Sources/ApusServer/FileDescriptorLimit.swift",
        "Sources/ApusServer/GRPC/ProtobufBytes.swift",
        "Sources/ApusServer/REST/JSONExchange.swift",
    ]

    @Test func unsafeCodeStaysWhereItIsAllowed() throws {
        for file in try SourceTree.swift(in: "Sources")
        where !Self.unsafeAllowed.contains(where: file.path.hasPrefix) {
            for (number, code) in file.codeLines where code.contains(/\bunsafe\b/) {
                Issue.record("\(file.path):\(number): unsafe code outside its folders: \(code)")
            }
        }
    }

    @Test func noCallTrapsOnInput() throws {
        for file in try SourceTree.swift(in: "Sources") {
            for (number, code) in file.codeLines
            where code.contains(/\btry!|\bfatalError\(|\bas!\s|\bassertionFailure\(/) {
                Issue.record("\(file.path):\(number): a call that traps: \(code)")
            }
        }
    }

    @Test func noFileOutgrowsOneIdea() throws {
        for folder in ["Sources", "Tests"] {
            for file in try SourceTree.files(in: folder, suffixes: [".swift", ".c", ".h", ".py"])
            where !file.isGenerated && file.lines.count > 600 {
                Issue.record("\(file.path) has \(file.lines.count) lines: look for the seam")
            }
        }
    }

    @Test func noWorkIsLeftUndoneInComments() throws {
        // Put together here, so that this file passes its own test.
        let marks = ["TO" + "DO", "FIX" + "ME"]
        for folder in ["Sources", "Tests", "Benchmarks"] {
            for file in try SourceTree.files(in: folder, suffixes: [".swift", ".c", ".h", ".py"])
            where !file.isGenerated {
                for (index, line) in file.lines.enumerated()
                where marks.contains(where: line.contains) {
                    Issue.record("\(file.path):\(index + 1): \(line)")
                }
            }
        }
    }

    @Test func noFileNamesAPrivatePath() throws {
        let homes = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/"]
        let suffixes = [".swift", ".c", ".h", ".py", ".sh", ".md", ".proto", ".txt", ".yaml"]
        var files = ["README.md", "CHANGELOG.md", "Makefile", "Package.swift", ".ci/run"]
            .compactMap(SourceTree.file)
        for folder in ["Sources", "Tests", "Benchmarks", "Fixtures", "docs", "tools"] {
            files += try SourceTree.files(in: folder, suffixes: suffixes)
        }
        for file in files {
            for (index, line) in file.lines.enumerated()
            where homes.contains(where: line.contains) {
                Issue.record("\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test func foldersHaveNoDumpingGrounds() throws {
        let names = ["Utils.swift", "Helpers.swift", "Types.swift", "Common.swift", "Misc.swift"]
        for file in try SourceTree.swift(in: "Sources") {
            let name = file.path.split(separator: "/").last.map(String.init) ?? ""
            #expect(!names.contains(name), "\(file.path): name the thing")
        }
    }
}
