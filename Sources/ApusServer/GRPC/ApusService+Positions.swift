import ApusCore
import ApusProto
import ApusWire

/// Positions of pipelines.
extension ApusService {
    func getPosition(
        _ request: Apus_V1_GetPositionRequest
    ) async throws -> Apus_V1_GetPositionResponse {
        let timer = CallTimer()
        let (position, version) = try await operations.position(
            of: request.pipeline, in: request.collectionName)
        return .with {
            $0.position = Apus_V1_PipelinePosition(position)
            $0.version = version.rawValue
            $0.time = timer.seconds
        }
    }

    func listPositions(
        _ request: Apus_V1_ListPositionsRequest
    ) async throws -> Apus_V1_ListPositionsResponse {
        let timer = CallTimer()
        let (positions, version) = try await operations.positions(in: request.collectionName)
        return .with {
            $0.positions = positions.map { Apus_V1_PipelinePosition($0) }
            $0.version = version.rawValue
            $0.time = timer.seconds
        }
    }

    func deletePosition(
        _ request: Apus_V1_DeletePositionRequest
    ) async throws -> Apus_V1_DeletePositionResponse {
        let timer = CallTimer()
        let existed = try await operations.deletePosition(
            of: request.pipeline, in: request.collectionName)
        return .with {
            $0.existed = existed
            $0.time = timer.seconds
        }
    }
}
