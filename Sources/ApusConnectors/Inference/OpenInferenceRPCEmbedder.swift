private import ApusCore
package import ApusPipeline
private import Foundation
private import Synchronization

/// An embedder behind the Open Inference Protocol v2 over gRPC, as Triton, KServe, MLServer and others
/// have it: a tensor of texts (BYTES) goes in, one of vectors (FP32, FP16, BF16 or FP64) comes out.
///
/// Before its first request it asks whether the model is ready, and what its tensors are.
package final class OpenInferenceRPCEmbedder: Embedder {
    private let settings: OpenInferenceEmbedder.Settings
    private let client: InferenceClient
    private let tensors = Mutex<Tensors?>(nil)

    package let model: EmbeddingModel

    /// What the model's metadata says that requests need.
    private struct Tensors {
        var input: String
        /// Axes of the texts' tensor: some models take a batch of rows of one text.
        var inputRank = 1
        /// nil: the first of an answer.
        var output: String?
    }

    package init(_ settings: OpenInferenceEmbedder.Settings) throws(StageError) {
        self.settings = settings
        model = settings.server.embeddingModel
        client = try InferenceClient(settings.server)
    }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        let tensors = try await knownTensors()
        var input = Inference_ModelInferRequest.InferInputTensor()
        input.name = tensors.input
        input.datatype = "BYTES"
        input.shape = [Int64(texts.count)] + Array(repeating: 1, count: tensors.inputRank - 1)
        input.contents.bytesContents = texts.map { Data($0.utf8) }
        var request = Inference_ModelInferRequest()
        request.modelName = settings.server.model
        request.modelVersion = settings.server.version ?? ""
        request.inputs = [input]
        if let output = tensors.output {
            var wanted = Inference_ModelInferRequest.InferRequestedOutputTensor()
            wanted.name = output
            request.outputs = [wanted]
        }
        return try vectors(await client.call("ModelInfer", request), named: tensors.output)
    }

    // MARK: What the model is

    private func knownTensors() async throws(StageError) -> Tensors {
        if let known = tensors.withLock({ $0 }) { return known }
        var ready = Inference_ModelReadyRequest()
        ready.name = settings.server.model
        ready.version = settings.server.version ?? ""
        let answer: Inference_ModelReadyResponse = try await client.call("ModelReady", ready)
        guard answer.ready else {
            throw StageError(
                .transient(after: nil), stage: "embed",
                "\(client.place("ModelReady")): \(settings.server.model) is not ready")
        }
        var request = Inference_ModelMetadataRequest()
        request.name = settings.server.model
        request.version = settings.server.version ?? ""
        let known = try found(await client.call("ModelMetadata", request))
        tensors.withLock { $0 = known }
        return known
    }

    /// Metadata may be empty: it is as complete as who made the model said it.
    private func found(
        _ metadata: Inference_ModelMetadataResponse
    ) throws(StageError) -> Tensors {
        let inputs = metadata.inputs.filter { $0.datatype == "BYTES" }
        let input = inputs.first { settings.input == nil || $0.name == settings.input }
        guard input != nil || metadata.inputs.isEmpty else {
            throw contradiction("no input '\(settings.input ?? "")' of texts (BYTES)")
        }
        var tensors = Tensors(
            input: settings.input ?? input?.name ?? OpenInferenceEmbedder.Settings.usualInput,
            output: settings.output)
        if let input { tensors.inputRank = max(1, input.shape.count) }
        guard !metadata.outputs.isEmpty else { return tensors }
        let told = metadata.outputs.first { settings.output == nil || $0.name == settings.output }
        guard let told else { throw contradiction("no output '\(settings.output ?? "")'") }
        guard told.datatype.isEmpty || Self.element(told.datatype) != nil else {
            throw contradiction("an output '\(told.name)' of \(told.datatype)")
        }
        if let dimension = told.shape.last, dimension > 0, told.shape.count > 1,
            dimension != Int64(model.dimension)
        {
            throw contradiction(
                "vectors of \(dimension) numbers in '\(told.name)', expected \(model.dimension)")
        }
        tensors.output = told.name.isEmpty ? nil : told.name
        return tensors
    }

    private func contradiction(_ what: String) -> StageError {
        StageError(
            .fatal, stage: "embed",
            "\(client.place("ModelMetadata")): \(settings.server.model) has \(what)")
    }

    // MARK: Answers

    private static func element(_ datatype: String) -> LittleEndian.Element? {
        ["FP16": .float16, "BF16": .bfloat16, "FP32": .float32, "FP64": .float64][datatype]
    }

    private func vectors(
        _ answer: Inference_ModelInferResponse, named name: String?
    ) throws(StageError) -> [[Float]] {
        let index = answer.outputs.firstIndex { name == nil || $0.name == name }
        guard let index else { throw unusable("no output '\(name ?? "")'") }
        let output = answer.outputs[index]
        let numbers = try numbers(output, raw: answer.rawOutputContents, at: index)
        guard let first = output.shape.first, let rows = Int(exactly: first),
            (1...max(1, numbers.count)).contains(rows), numbers.count.isMultiple(of: rows)
        else { throw unusable("\(numbers.count) numbers in a shape of \(output.shape)") }
        let width = numbers.count / rows
        return (0..<rows).map { Array(numbers[($0 * width)..<(($0 + 1) * width)]) }
    }

    /// From bytes, of which each output has its own, or from the tensor itself.
    private func numbers(
        _ output: Inference_ModelInferResponse.InferOutputTensor, raw: [Data], at index: Int
    ) throws(StageError) -> [Float] {
        guard let element = Self.element(output.datatype) else {
            throw unusable("numbers of the type '\(output.datatype)'")
        }
        guard raw.isEmpty else {
            guard index < raw.count, raw[index].count.isMultiple(of: element.byteCount) else {
                throw unusable(
                    "\(raw.count) outputs as bytes, and none of whole \(output.datatype) for "
                        + "'\(output.name)'")
            }
            return LittleEndian.floats([UInt8](raw[index]), of: element)
        }
        return switch element {
        case .float64: output.contents.fp64Contents.map { Float($0) }
        case .float16, .bfloat16, .float32: output.contents.fp32Contents
        }
    }

    private func unusable(_ what: String) -> StageError { client.unusable("ModelInfer", what) }
}
