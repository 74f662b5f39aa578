/// How two dense vectors of one field are compared.
///
/// | metric | score | better |
/// |---|---|---|
/// | cosine | cosine of the angle; vectors are normalised when stored | higher |
/// | dot | inner product | higher |
/// | euclid | Euclidean distance (its square root is taken) | lower |
/// | manhattan | sum of absolute differences | lower |
public enum Metric: String, Hashable, Sendable, Codable, CaseIterable {
    case cosine
    case euclid
    case dot
    case manhattan

    /// Whether a higher score is a better match.
    public var higherIsBetter: Bool {
        switch self {
        case .cosine, .dot: true
        case .euclid, .manhattan: false
        }
    }
}
