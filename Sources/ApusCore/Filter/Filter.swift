/// A condition tree over a point's payload, id and vectors.
///
/// A point matches when every `must` matches, no `mustNot` matches, at least one `should` matches
/// (if there is any), and at least `minShould.count` of its conditions match (if given). A filter
/// without conditions matches every point.
public struct Filter: Hashable, Sendable {
    public var must: [Condition]
    public var should: [Condition]
    public var mustNot: [Condition]
    public var minShould: MinShould?

    public init(
        must: [Condition] = [], should: [Condition] = [], mustNot: [Condition] = [],
        minShould: MinShould? = nil
    ) {
        self.must = must
        self.should = should
        self.mustNot = mustNot
        self.minShould = minShould
    }

    /// Whether there is no condition at all.
    public var isEmpty: Bool {
        must.isEmpty && should.isEmpty && mustNot.isEmpty && minShould == nil
    }

    public struct MinShould: Hashable, Sendable {
        public var conditions: [Condition]
        public var count: Int

        public init(conditions: [Condition], count: Int) {
            self.conditions = conditions
            self.count = count
        }
    }
}

/// One leaf or branch of a `Filter`.
public indirect enum Condition: Hashable, Sendable {
    /// Any value at the path satisfies the predicate.
    case field(PayloadPath, FieldPredicate)
    /// The value is missing, null, or an empty array.
    case isEmpty(PayloadPath)
    /// The value is null, or an array that holds a null.
    case isNull(PayloadPath)
    case hasID(Set<PointID>)
    /// The point has a vector in the named field.
    case hasVector(String)
    /// One element of the array of objects at the path satisfies the whole filter by itself.
    case nested(PayloadPath, Filter)
    /// The point belongs to slice `index` of `total`, by a hash of its id.
    case slice(total: UInt32, index: UInt32)
    case filter(Filter)
}

/// What a payload value has to satisfy. Arrays match when any element does.
public enum FieldPredicate: Hashable, Sendable {
    case matchKeyword(String)
    case matchInteger(Int64)
    case matchBool(Bool)
    /// All tokens of the text occur, in any order. Tokens are what the field's text index says;
    /// without one, lower-case words.
    case matchText(String)
    /// At least one token of the text occurs.
    case matchTextAny(String)
    /// The tokens occur one after the other.
    case matchPhrase(String)
    case matchPrefix(String)
    case matchAnyKeyword(Set<String>)
    case matchAnyInteger(Set<Int64>)
    /// Some value is none of these.
    case matchExceptKeyword(Set<String>)
    case matchExceptInteger(Set<Int64>)
    case range(NumericRange)
    case datetimeRange(DatetimeRange)
    case geoRadius(center: GeoPoint, metres: Double)
    case geoBoundingBox(topLeft: GeoPoint, bottomRight: GeoPoint)
    case geoPolygon(exterior: [GeoPoint], interiors: [[GeoPoint]])
    /// The number of values at the path lies in the range.
    case valuesCount(NumericRange)
}

/// Bounds on a number; nil means unbounded.
public struct NumericRange: Hashable, Sendable {
    public var lessThan: Double?
    public var greaterThan: Double?
    public var greaterOrEqual: Double?
    public var lessOrEqual: Double?

    public init(
        lessThan: Double? = nil, greaterThan: Double? = nil, greaterOrEqual: Double? = nil,
        lessOrEqual: Double? = nil
    ) {
        self.lessThan = lessThan
        self.greaterThan = greaterThan
        self.greaterOrEqual = greaterOrEqual
        self.lessOrEqual = lessOrEqual
    }
}

/// Bounds on a point in time; nil means unbounded.
public struct DatetimeRange: Hashable, Sendable {
    public var lessThan: Timestamp?
    public var greaterThan: Timestamp?
    public var greaterOrEqual: Timestamp?
    public var lessOrEqual: Timestamp?

    public init(
        lessThan: Timestamp? = nil, greaterThan: Timestamp? = nil,
        greaterOrEqual: Timestamp? = nil, lessOrEqual: Timestamp? = nil
    ) {
        self.lessThan = lessThan
        self.greaterThan = greaterThan
        self.greaterOrEqual = greaterOrEqual
        self.lessOrEqual = lessOrEqual
    }
}

/// Degrees on the WGS 84 ellipsoid.
public struct GeoPoint: Hashable, Sendable {
    public var longitude: Double
    public var latitude: Double

    public init(longitude: Double, latitude: Double) {
        self.longitude = longitude
        self.latitude = latitude
    }
}
