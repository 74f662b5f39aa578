import Apus
import ApusCore
import ApusWire
import ArgumentParser
import Foundation

/// `apus card`: which models made the vectors of a collection.
struct Card: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show, set or clear a collection's card: the models of its vectors, its corpus.",
        discussion: """
            Prints the card and the recall that was measured, as JSON. A collection with a card \
            refuses vectors of other models. FILE has a card, or what was printed:

              {"models": {"": {"id": "all-MiniLM-L6-v2", "version": "1"}},
               "corpus": {"name": "Handbook", "license": "CC-BY-4.0"}}

            Examples:
              apus card docs --data ./data
              apus card docs --url grpc://localhost:6334 --set card.json
            """)

    @Argument(help: "Name of the collection.")
    var collection: String

    @OptionGroup
    var place: DatabasePlace

    @Option(
        help: ArgumentHelp("Put this card in the place of the one there is.", valueName: "file"))
    var set: String?

    @Flag(help: "Take the card away.")
    var clear = false

    func validate() throws {
        guard set == nil || !clear else { throw ValidationError("Give --set or --clear, not both") }
    }

    func run() async throws {
        let card = try set.map(Self.card(inFile:))
        if let data = place.data {
            guard FileManager.default.fileExists(atPath: "\(data)/APUS") else {
                throw Failure("\(data): not a database", exitCode: 2)
            }
            let database = try Database.open(at: data)
            defer { try? database.close() }
            let found = try database.collection(collection)
            if card != nil || clear { try found.setCard(card) }
            Self.show(found.card, try found.measuredRecall())
        } else if let address = place.address {
            let (found, recall) = try await RemoteTarget.withConnection(
                to: address, collection: collection, apiKey: place.key
            ) { target in
                if card != nil || clear { try await target.setCard(card) }
                guard let answer = try await target.card() else {
                    throw Failure("\(address) knows no cards")
                }
                return answer
            }
            Self.show(found, recall)
        }
    }

    private static func card(inFile path: String) throws -> CollectionCard {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure("\(path): no such file", exitCode: 2)
        }
        do throws(DatabaseError) {
            return try RequestDecoder.card([UInt8](data))
        } catch {
            throw Failure("\(path): \(error.message)", exitCode: 2)
        }
    }

    private static func show(_ card: CollectionCard?, _ recall: MeasuredRecall) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("card")
        writer.write(card)
        writer.key("recall")
        writer.write(recall)
        writer.endObject()
        print(String(decoding: writer.bytes, as: UTF8.self))
    }
}
