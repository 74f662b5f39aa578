import ApusProto
import ApusRPC
import SwiftProtobuf

/// Tells which services there are and how their messages look, so that clients need no .proto files.
/// The two versions of the protocol have the same messages.
struct ReflectionService {
    private static let names = [
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    ]

    /// Of all services, these included.
    private let services: [String]
    private let files = DescriptorFiles.all

    init(besides methods: [RPCMethod]) {
        services = Set(methods.map(\.service) + Self.names).sorted()
    }

    var methods: [RPCMethod] {
        Self.names.map { name in
            ServiceMethods(service: name).streaming("ServerReflectionInfo", answer)
        }
    }

    private func answer(
        _ questions: IncomingMessages<Grpc_Reflection_V1_ServerReflectionRequest>,
        _ answers: OutgoingMessages<Grpc_Reflection_V1_ServerReflectionResponse>
    ) async throws {
        while let question = try await questions.next() {
            try await answers.write(
                .with {
                    $0.validHost = question.host
                    $0.originalRequest = question
                    $0.messageResponse = answer(to: question)
                })
        }
    }

    private func answer(
        to question: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        switch question.messageRequest {
        case .listServices:
            return .listServicesResponse(
                .with { $0.service = services.map { name in .with { $0.name = name } } })
        case .fileByFilename(let name):
            return found(files.closure(of: name), "file \(name)")
        case .fileContainingSymbol(let symbol):
            return found(files.file(of: symbol).flatMap(files.closure), "symbol \(symbol)")
        case .fileContainingExtension(let place):
            return found(
                nil, "extension \(place.extensionNumber) of \(place.containingType)")
        case .allExtensionNumbersOfType(let type):
            guard files.file(of: type) != nil else { return found(nil, "type \(type)") }
            return .allExtensionNumbersResponse(.with { $0.baseTypeName = type })
        case nil:
            return failure(.invalidArgument, "the question is empty")
        }
    }

    private func found(
        _ files: [[UInt8]]?, _ what: String
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        guard let files else { return failure(.notFound, "there is no \(what)") }
        return .fileDescriptorResponse(.with { $0.fileDescriptorProto = files.map { .init($0) } })
    }

    private func failure(
        _ code: RPCStatusCode, _ text: String
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        .errorResponse(
            .with {
                $0.errorCode = Int32(code.rawValue)
                $0.errorMessage = text
            })
    }
}
