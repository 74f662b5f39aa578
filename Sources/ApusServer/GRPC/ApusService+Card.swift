import ApusCore
import ApusProto
import ApusWire

/// Collection cards.
extension ApusService {
    func getCard(_ request: Apus_V1_GetCardRequest) async throws -> Apus_V1_GetCardResponse {
        let timer = CallTimer()
        let (card, recall) = try await operations.card(of: request.collectionName)
        return .with {
            if let card { $0.card = Apus_V1_CollectionCard(card) }
            $0.recall = Apus_V1_MeasuredRecall(recall)
            $0.time = timer.seconds
        }
    }

    func setCard(_ request: Apus_V1_SetCardRequest) async throws -> Apus_V1_SetCardResponse {
        let timer = CallTimer()
        guard request.hasCard else { throw DatabaseError.badRequest("`card` is missing") }
        let card = try await operations.setCard(
            CollectionCard(request.card), ifEmpty: request.ifEmpty, of: request.collectionName)
        return .with {
            if let card { $0.card = Apus_V1_CollectionCard(card) }
            $0.time = timer.seconds
        }
    }

    func deleteCard(
        _ request: Apus_V1_DeleteCardRequest
    ) async throws -> Apus_V1_DeleteCardResponse {
        let timer = CallTimer()
        let existed = try await operations.deleteCard(of: request.collectionName)
        return .with {
            $0.existed = existed
            $0.time = timer.seconds
        }
    }
}
