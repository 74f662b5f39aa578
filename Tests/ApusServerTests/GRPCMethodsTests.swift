import Apus
import ApusProto
import ApusRPC
import ApusServer
import Foundation
import SwiftProtobuf
import Testing

/// The table of methods against the services of the compiled .proto files.
@Suite struct GRPCMethodsTests {
    @Test func everyMethodOfTheInterfaceHasAHandlerAndNoOther() throws {
        let bytes = try #require(Base64.decode(ServerDescriptors.base64.utf8))
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        let expected = files.file.flatMap { file in
            file.service.flatMap { service in
                service.method.map { "/\(file.package).\(service.name)/\($0.name)" }
            }
        }
        let path = FileManager.default.temporaryDirectory
            .appending(path: "apus-methods-\(UUID().uuidString)").path
        let database = try Database.open(at: path)
        defer {
            try? database.close()
            try? FileManager.default.removeItem(atPath: path)
        }
        let table = try GRPCMethods.table(Operations(database: database), .open())
        #expect(expected.count > 40)
        #expect(table.paths == expected.sorted())
    }
}
