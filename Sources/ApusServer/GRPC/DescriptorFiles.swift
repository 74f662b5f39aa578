import ApusProto
import ApusRPC
import SwiftProtobuf

/// The .proto files of all services, as reflection hands them out.
struct DescriptorFiles: Sendable {
    /// Those that the program was built with.
    static let all = DescriptorFiles(base64: ServerDescriptors.base64)

    private var files: [String: (bytes: [UInt8], imports: [String])] = [:]
    /// The file that declares a service, method, message, field, enumeration or value.
    private var places: [String: String] = [:]

    /// What is no descriptor set counts as an empty one; a test sees to it that it is one.
    init(base64: String) {
        let bytes = Base64.decode(base64.utf8) ?? []
        let set = try? Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        for file in set?.file ?? [] {
            guard let bytes: [UInt8] = try? file.serializedBytes() else { continue }
            files[file.name] = (bytes, file.dependency)
            let scope = file.package.isEmpty ? "" : file.package + "."
            for service in file.service {
                places[scope + service.name] = file.name
                for method in service.method {
                    places["\(scope)\(service.name).\(method.name)"] = file.name
                }
            }
            add(file.enumType, in: scope, of: file.name)
            add(file.messageType, in: scope, of: file.name)
        }
    }

    func file(of symbol: String) -> String? { places[symbol] }

    /// A file, and behind it those that it imports, each once; nil: there is none of that name.
    func closure(of name: String) -> [[UInt8]]? {
        guard files[name] != nil else { return nil }
        var names = [name]
        var seen: Set<String> = [name]
        var index = 0
        while index < names.count {
            for name in files[names[index]]?.imports ?? [] where seen.insert(name).inserted {
                names.append(name)
            }
            index += 1
        }
        return names.compactMap { files[$0]?.bytes }
    }

    private mutating func add(
        _ messages: [Google_Protobuf_DescriptorProto], in scope: String, of file: String
    ) {
        for message in messages {
            let name = scope + message.name
            places[name] = file
            for field in message.field { places["\(name).\(field.name)"] = file }
            add(message.enumType, in: name + ".", of: file)
            add(message.nestedType, in: name + ".", of: file)
        }
    }

    private mutating func add(
        _ enumerations: [Google_Protobuf_EnumDescriptorProto], in scope: String, of file: String
    ) {
        for enumeration in enumerations {
            places[scope + enumeration.name] = file
            // Values stand beside their enumeration, not in it.
            for value in enumeration.value { places[scope + value.name] = file }
        }
    }
}
