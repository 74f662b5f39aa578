/// Filters. Members that nobody knows are refused here, and only here: a misspelt clause would match
/// every point.
let openAPIFilterSchemas = """
    Filter closed
      must Conditions?  // All of these.
      should Conditions?  // One of these.
      must_not Conditions?  // None of these.
      min_should MinShould?
    Conditions = Condition | [Condition]
    MinShould
      conditions! [Condition]
      min_count! integer(1..)
    Condition = FieldCondition | IsEmptyCondition | IsNullCondition | HasIDCondition | HasVectorCondition | NestedCondition | SliceCondition | Filter
    FieldCondition closed  // Several predicates of one field are alternatives.
      key! PayloadPath
      match Match?
      range Range | TimeRange | null
      geo_radius GeoRadius?
      geo_bounding_box GeoBoundingBox?
      geo_polygon GeoPolygon?
      values_count CountRange?
      is_empty boolean?
      is_null boolean?
    Match = MatchValue | MatchAny | MatchExcept | MatchText | MatchTextAny | MatchPhrase | MatchPrefix
    MatchValue
      value! string | integer | boolean
    MatchAny
      any! [string] | [integer]
    MatchExcept
      except! [string] | [integer]
    MatchText
      text! string
    MatchTextAny
      text_any! string
    MatchPhrase
      phrase! string
    MatchPrefix
      prefix! string
    Range closed
      lt number?
      lte number?
      gt number?
      gte number?
    TimeRange closed
      lt string<date-time>?
      lte string<date-time>?
      gt string<date-time>?
      gte string<date-time>?
    CountRange closed
      lt integer(0..)?
      lte integer(0..)?
      gt integer(0..)?
      gte integer(0..)?
    GeoPoint
      lon! number(-180..180)
      lat! number(-90..90)
    GeoRadius
      center! GeoPoint
      radius! number(0..)  // Metres.
    GeoBoundingBox
      top_left! GeoPoint
      bottom_right! GeoPoint
    GeoPolygon
      exterior! GeoRing
      interiors [GeoRing]?
    GeoRing  // Its last point is its first.
      points! [GeoPoint](4..)
    IsEmptyCondition closed
      is_empty! PayloadKey
    IsNullCondition closed
      is_null! PayloadKey
    PayloadKey
      key! PayloadPath
    HasIDCondition closed
      has_id! [PointID]
    HasVectorCondition closed
      has_vector! string
    NestedCondition closed
      nested! Nested
    Nested
      key! PayloadPath
      filter! Filter
    SliceCondition closed
      slice! Slice
    Slice  // One of `total` parts of all ids.
      total! integer(1..4294967295)
      index! integer(0..4294967294)
    """
