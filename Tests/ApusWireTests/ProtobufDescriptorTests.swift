import Foundation
import SwiftProtobuf
import Testing

/// The compiled .proto files against the table of facts about the interface, which lies outside the
/// repository: in the folder that APUS_SHARED names, or in `../shared` beside the checkout.
@Suite struct ProtobufDescriptorTests {
    private static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static let facts: URL? = {
        let shared =
            ProcessInfo.processInfo.environment["APUS_SHARED"].map { URL(filePath: $0) }
            ?? repository.appending(path: "../shared")
        let file = shared.appending(path: "wire/qdrant-grpc.txt")
        if FileManager.default.fileExists(atPath: file.path()) { return file }
        print("SKIPPED: the facts about the gRPC interface are not at \(file.path())")
        return nil
    }()

    @Test(.enabled(if: facts != nil, "the facts about the gRPC interface are absent"))
    func compiledDescriptorEqualsTheFacts() throws {
        let facts = try #require(Self.facts)
        let expected = try Set(
            InterfaceFacts(parsing: String(contentsOf: facts, encoding: .utf8)).lines)
        let fixture = Self.repository.appending(
            path: "Tests/ApusWireTests/Fixtures/qdrant.descriptor")
        let files = try Google_Protobuf_FileDescriptorSet(
            serializedBytes: Data(contentsOf: fixture))
        let found = Set(files.file.flatMap { InterfaceFacts.lines(of: $0) })
        #expect(expected.count > 1000)
        #expect(expected.subtracting(found).sorted() == [])
        #expect(found.subtracting(expected).sorted() == [])
    }
}

/// One line per service method, message, field and enumeration value, so that differences read
/// well: `qdrant.Points/Upsert: UpsertPoints -> …`, `qdrant.Filter.must = 2 repeated Condition`.
private struct InterfaceFacts {
    private(set) var lines: [String] = []

    /// Reads the table: sections `# file … package …`, unindented declarations, indented members.
    init(parsing text: String) {
        var package = ""
        var scope: [String] = []
        for line in text.split(separator: "\n") {
            let indent = line.prefix { $0 == " " }.count / 2
            let words = line.split(separator: " ").map(String.init)
            switch words[0] {
            case "#":
                package = words[words.count - 1]
            case "service":
                scope = [words[1]]
            case "rpc":
                lines.append(
                    "\(scope[0])/\(words[1].dropLast()): \(words[2]) -> \(words[4])")
            case "message":
                scope = Array((scope.isEmpty ? [package] : scope).prefix(indent + 1))
                if indent == 0 { scope = [package] }
                scope.append(words[1])
                lines.append(scope.joined(separator: "."))
            case "enum":
                let owner = indent == 0 ? package : scope.prefix(indent + 1).joined(separator: ".")
                let name = "\(owner).\(words[1].dropLast())"
                for value in words.dropFirst(2) {
                    let pair = value.filter { $0 != "," }.split(separator: "=")
                    lines.append("\(name).\(pair[0]) = \(pair[1])")
                }
            default:
                let message = scope.prefix(indent + 1).joined(separator: ".")
                lines.append(Self.field(message, words, package))
            }
        }
    }

    /// `1 optional uint64 limit (deprecated)` or `2 oneof kind: string text`.
    private static func field(_ message: String, _ words: [String], _ package: String) -> String {
        var words = words
        let deprecated = words.last == "(deprecated)"
        if deprecated { words.removeLast() }
        let number = words.removeFirst()
        let name = words.removeLast()
        if let type = words.last, type.hasPrefix(package + ".") {
            words[words.count - 1] = String(type.dropFirst(package.count + 1))
        }
        return "\(message).\(name) = \(number) \(words.joined(separator: " "))"
            + (deprecated ? " deprecated" : "")
    }

    static func lines(of file: Google_Protobuf_FileDescriptorProto) -> [String] {
        var lines: [String] = []
        for service in file.service {
            for method in service.method {
                lines.append(
                    "\(file.package).\(service.name)/\(method.name): "
                        + "\(short(method.inputType, file.package)) -> "
                        + short(method.outputType, file.package))
            }
        }
        for message in file.messageType { add(message, in: file.package, file.package, &lines) }
        for type in file.enumType { add(type, in: file.package, &lines) }
        return lines
    }

    private static func add(
        _ message: Google_Protobuf_DescriptorProto, in scope: String, _ package: String,
        _ lines: inout [String]
    ) {
        guard !message.options.mapEntry else { return }
        let name = "\(scope).\(message.name)"
        lines.append(name)
        for field in message.field {
            var words = [String(field.number)]
            if field.proto3Optional {
                words.append("optional")
            } else if field.hasOneofIndex {
                words += ["oneof", message.oneofDecl[Int(field.oneofIndex)].name + ":"]
            }
            words.append(type(of: field, in: message, package))
            if field.options.deprecated { words.append("deprecated") }
            lines.append("\(name).\(field.name) = \(words.joined(separator: " "))")
        }
        for nested in message.nestedType { add(nested, in: name, package, &lines) }
        for type in message.enumType { add(type, in: name, &lines) }
    }

    private static func add(
        _ type: Google_Protobuf_EnumDescriptorProto, in scope: String, _ lines: inout [String]
    ) {
        for value in type.value {
            lines.append("\(scope).\(type.name).\(value.name) = \(value.number)")
        }
    }

    private static func type(
        of field: Google_Protobuf_FieldDescriptorProto,
        in message: Google_Protobuf_DescriptorProto, _ package: String
    ) -> String {
        let map = message.nestedType.first {
            $0.options.mapEntry && field.typeName.hasSuffix(".\(message.name).\($0.name)")
        }
        if let map, map.field.count == 2 {
            return "map<\(single(map.field[0], package)),\(single(map.field[1], package))>"
        }
        return (field.label == .repeated ? "repeated " : "") + single(field, package)
    }

    private static func single(
        _ field: Google_Protobuf_FieldDescriptorProto, _ package: String
    ) -> String {
        switch field.type {
        case .message, .enum: short(field.typeName, package)
        case .double: "double"
        case .float: "float"
        case .int64: "int64"
        case .uint64: "uint64"
        case .uint32: "uint32"
        case .bool: "bool"
        case .string: "string"
        default: "unexpected(\(field.type))"
        }
    }

    /// `.qdrant.Filter` as the table writes it within its package: `Filter`.
    private static func short(_ typeName: String, _ package: String) -> String {
        let full = typeName.drop { $0 == "." }
        return full.hasPrefix(package + ".")
            ? String(full.dropFirst(package.count + 1)) : String(full)
    }
}
