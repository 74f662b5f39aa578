import ApusKernels

/// The encoder of BERT (Devlin et al., 2018): embeddings, then layers of attention and two linear
/// maps, each with its residual and normalization.
///
/// All sequences of a batch lie packed, without padding: the large products run over all tokens at
/// once and attention over one sequence at a time.
struct BERTEncoder: Sendable {
    /// The weights of one layer.
    private struct Layer: Sendable {
        /// Queries, keys and values of all heads side by side: `[3 · width × width]`.
        var projection: EncoderKernel.Linear
        var attentionOutput: EncoderKernel.Linear
        var attentionNorm: EncoderKernel.LayerNorm
        var inner: EncoderKernel.Linear
        var output: EncoderKernel.Linear
        var outputNorm: EncoderKernel.LayerNorm
    }

    private let configuration: BERTConfiguration
    private let kernel = EncoderKernel()
    /// `[vocabulary × width]`, `[positions × width]`, `[1 × width]`: the type of single texts.
    private let words: FloatMatrix
    private let positions: FloatMatrix
    private let tokenType: FloatMatrix
    private let embeddingNorm: EncoderKernel.LayerNorm
    private let layers: [Layer]

    init(_ configuration: BERTConfiguration, _ file: SafetensorsFile) throws(PipelineError) {
        let weights = BERTWeights(file, configuration)
        let width = configuration.width
        self.configuration = configuration
        words = try weights.matrix(
            "embeddings.word_embeddings.weight", configuration.vocabularySize, width)
        positions = try weights.matrix(
            "embeddings.position_embeddings.weight", configuration.positionCount, width)
        tokenType = FloatMatrix(
            rows: 1, columns: width,
            values: try weights.matrix(
                "embeddings.token_type_embeddings.weight", configuration.tokenTypeCount, width
            ).values(ofRow: 0))
        embeddingNorm = try weights.norm("embeddings.LayerNorm")
        var layers: [Layer] = []
        for number in 0..<configuration.layerCount {
            let layer = "encoder.layer.\(number)"
            layers.append(
                Layer(
                    projection: try weights.joined(
                        ["query", "key", "value"].map { "\(layer).attention.self.\($0)" }),
                    attentionOutput: try weights.linear(
                        "\(layer).attention.output.dense", width, width),
                    attentionNorm: try weights.norm("\(layer).attention.output.LayerNorm"),
                    inner: try weights.linear(
                        "\(layer).intermediate.dense", configuration.innerWidth, width),
                    output: try weights.linear(
                        "\(layer).output.dense", width, configuration.innerWidth),
                    outputNorm: try weights.norm("\(layer).output.LayerNorm")))
        }
        self.layers = layers
    }

    /// One pooled vector for each sequence, in their order.
    ///
    /// Sequences are not empty, not longer than the positions, and of tokens of the vocabulary.
    /// O(tokens · width²) for each layer, and the squares of the lengths.
    func vectors(of sequences: [[UInt32]]) -> [[Float]] {
        var rows: [Range<Int>] = []
        for sequence in sequences {
            let start = rows.last?.upperBound ?? 0
            rows.append(start..<(start + sequence.count))
        }
        let hidden = run(sequences, rows)
        return rows.map { rows in
            switch configuration.pooling {
            case .mean: hidden.mean(ofRows: rows)
            case .first: hidden.values(ofRow: rows.lowerBound)
            }
        }
    }

    private func run(_ sequences: [[UInt32]], _ rows: [Range<Int>]) -> FloatMatrix {
        let width = configuration.width
        let count = rows.last?.upperBound ?? 0
        let longest = rows.map(\.count).max() ?? 0
        let hidden = FloatMatrix(rows: count, columns: width)
        let attended = FloatMatrix(rows: count, columns: width)
        let context = FloatMatrix(rows: count, columns: width)
        let projections = FloatMatrix(rows: count, columns: 3 * width)
        let inner = FloatMatrix(rows: count, columns: configuration.innerWidth)
        let scores = FloatMatrix(rows: longest, columns: longest)
        for (sequence, rows) in zip(sequences, rows) {
            for (token, row) in zip(sequence, rows) {
                hidden.copyRow(Int(token), of: words, to: row)
            }
            kernel.addNormalize(hidden, rows, positions, tokenType, embeddingNorm)
        }
        for layer in layers {
            kernel.apply(layer.projection, to: hidden, count: count, into: projections)
            for rows in rows {
                kernel.attend(
                    projections, rows: rows, headCount: configuration.headCount, scores: scores,
                    into: context)
            }
            kernel.apply(
                layer.attentionOutput, to: context, adding: hidden, layer.attentionNorm,
                count: count, into: attended)
            kernel.applyGELU(layer.inner, to: attended, count: count, into: inner)
            kernel.apply(
                layer.output, to: inner, adding: attended, layer.outputNorm, count: count,
                into: hidden)
        }
        return hidden
    }
}

/// A model's tensors, by the names that the reference implementation gives them.
private struct BERTWeights {
    private let file: SafetensorsFile
    private let configuration: BERTConfiguration
    /// Models with a task on top keep the encoder's tensors under a name of their own.
    private let prefix: String

    init(_ file: SafetensorsFile, _ configuration: BERTConfiguration) {
        self.file = file
        self.configuration = configuration
        prefix = file.hasTensor("bert.embeddings.word_embeddings.weight") ? "bert." : ""
    }

    func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(PipelineError) -> FloatMatrix {
        FloatMatrix(
            rows: rows, columns: columns, values: try floats(name, shape: [rows, columns]))
    }

    func vector(_ name: String, _ width: Int) throws(PipelineError) -> FloatMatrix {
        FloatMatrix(rows: 1, columns: width, values: try floats(name, shape: [width]))
    }

    func linear(
        _ name: String, _ outputs: Int, _ inputs: Int
    ) throws(PipelineError) -> EncoderKernel.Linear {
        EncoderKernel.Linear(
            weight: try matrix("\(name).weight", outputs, inputs),
            bias: try vector("\(name).bias", outputs))
    }

    /// Several maps of width to width as one.
    func joined(_ names: [String]) throws(PipelineError) -> EncoderKernel.Linear {
        let width = configuration.width
        let weight = FloatMatrix(rows: names.count * width, columns: width)
        var biases: [Float] = []
        for (number, name) in names.enumerated() {
            weight.fill(
                fromRow: number * width,
                with: try floats("\(name).weight", shape: [width, width]))
            biases += try floats("\(name).bias", shape: [width])
        }
        return EncoderKernel.Linear(
            weight: weight, bias: FloatMatrix(rows: 1, columns: biases.count, values: biases))
    }

    func norm(_ name: String) throws(PipelineError) -> EncoderKernel.LayerNorm {
        EncoderKernel.LayerNorm(
            gain: try vector("\(name).weight", configuration.width),
            shift: try vector("\(name).bias", configuration.width),
            epsilon: configuration.normEpsilon)
    }

    /// Numbers that are not finite would make every vector useless, and scans of them slow.
    private func floats(_ name: String, shape: [Int]) throws(PipelineError) -> [Float] {
        let values = try file.floats(prefix + name, shape: shape)
        guard values.allSatisfy(\.isFinite) else {
            throw .unsupported(
                file: file.file.path, expected: "finite numbers in \(prefix + name)",
                found: "others")
        }
        return values
    }
}
