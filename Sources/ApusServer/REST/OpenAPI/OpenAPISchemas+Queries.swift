/// Queries in their present and their older form, facets and matrices.
let openAPIQuerySchemas = """
    QueryPoints
      query Query?  // None: points in the order of their ids.
      prefetch Prefetch | [Prefetch] | null
      using string?  // The vector field; the unnamed one when it is not said.
      filter Filter?
      params SearchParams?
      score_threshold number?
      limit integer(1..)?  // 10 when it is not said.
      offset integer(0..)?
      with_payload PayloadSelector?
      with_vector VectorSelector?
      lookup_from LookupFrom?
      budget Budget?
    QueryBatch
      searches! [QueryPoints]
    QueryGroups
      group_by! PayloadPath
      group_size integer(1..)?  // 3 when it is not said.
      with_lookup string | GroupLookup | null
      query Query?
      prefetch Prefetch | [Prefetch] | null
      using string?
      filter Filter?
      params SearchParams?
      score_threshold number?
      limit integer(1..)?
      with_payload PayloadSelector?
      with_vector VectorSelector?
      lookup_from LookupFrom?
      budget Budget?
    Budget  // What a query may cost, its prefetches included; goes before the headers.
      time_ms number(0..)?  // Milliseconds for its searches, by what they are estimated to take.
      memory_bytes integer(1..)?  // For rankings and for the points of the answer.
    Prefetch  // A search whose results the outer query ranks.
      query Query?
      prefetch Prefetch | [Prefetch] | null
      using string?
      filter Filter?
      params SearchParams?
      score_threshold number?
      limit integer(1..)?
      lookup_from LookupFrom?
    Query = VectorInput | NearestQuery | RecommendQuery | DiscoverQuery | ContextQuery | FeedbackQuery | OrderByQuery | FusionQuery | RRFQuery | FormulaQuery | SampleQuery
    VectorInput = PointID | DenseVector | [DenseVector](1..) | SparseVector | Document
    NearestQuery
      nearest! VectorInput
      mmr MMR?
    MMR  // Maximal marginal relevance.
      diversity number(0..1)?
      candidates_limit integer(0..)?
    RecommendQuery
      recommend! Recommendation
    Recommendation
      positive [VectorInput]?
      negative [VectorInput]?
      strategy RecommendStrategy?
    RecommendStrategy = "average_vector" | "best_score" | "sum_scores"
    DiscoverQuery
      discover! Discovery
    Discovery
      target! VectorInput
      context! ContextPair | [ContextPair] | null
    ContextQuery
      context! ContextPair | [ContextPair] | null
    ContextPair
      positive! VectorInput
      negative! VectorInput
    FeedbackQuery
      relevance_feedback! Feedback
    Feedback
      target! VectorInput
      feedback! [FeedbackItem]
      strategy! FeedbackStrategy
    FeedbackItem
      example! VectorInput
      score! number
    FeedbackStrategy
      naive! FeedbackWeights
    FeedbackWeights
      a! number
      b! number(0..)
      c! number
    OrderByQuery
      order_by! OrderBy
    FusionQuery
      fusion! "rrf" | "dbsf"
    RRFQuery
      rrf! RRF
    RRF  // Reciprocal rank fusion.
      k integer(1..)?
      weights [number]?
    SampleQuery
      sample! "random"
    FormulaQuery
      formula! Expression
      defaults {any}?  // Values of variables that a point lacks.
    Expression = number | string | Condition | Sum | Product | Quotient | Power | Negation | Absolute | SquareRoot | Exponential | Log10 | Logarithm | GeoDistance | Time | TimeValue | LinearDecay | ExponentialDecay | GaussianDecay
    Sum closed
      sum! [Expression]
    Product closed
      mult! [Expression]
    Quotient closed
      div! QuotientOf
    QuotientOf
      left! Expression
      right! Expression
      by_zero_default number?
    Power closed
      pow! PowerOf
    PowerOf
      base! Expression
      exponent! Expression
    Negation closed
      neg! Expression
    Absolute closed
      abs! Expression
    SquareRoot closed
      sqrt! Expression
    Exponential closed
      exp! Expression
    Log10 closed
      log10! Expression
    Logarithm closed
      ln! Expression
    GeoDistance closed
      geo_distance! GeoDistanceOf
    GeoDistanceOf
      origin! GeoPoint
      to! PayloadPath
    Time closed
      datetime! string<date-time>
    TimeValue closed
      datetime_key! PayloadPath
    LinearDecay closed
      lin_decay! Decay
    ExponentialDecay closed
      exp_decay! Decay
    GaussianDecay closed
      gauss_decay! Decay
    Decay
      x! Expression
      target Expression?
      scale number?
      midpoint number?
    SearchParams
      hnsw_ef integer(1..)?
      exact boolean?
      indexed_only boolean?
      target_recall number(0..1)?
      ivf_probes integer(1..)?
      quantization QuantizationSearch?
      idf "global" | null
    QuantizationSearch
      ignore boolean?
      rescore boolean?
      oversampling number(1..)?
    LookupFrom
      collection! string
      vector string?
    GroupLookup
      collection! string
      with_payload PayloadSelector?
      with_vectors VectorSelector?
    FacetRequest
      key! PayloadPath
      filter Filter?
      limit integer(1..)?
      exact boolean?  // Facets are always exact.
    MatrixRequest
      filter Filter?
      sample integer(1..)?
      limit integer(1..)?
      using string?
    SearchPoints
      vector! DenseVector | NamedVector
      limit! integer(1..)
      offset integer(0..)?
      filter Filter?
      params SearchParams?
      score_threshold number?
      with_payload PayloadSelector?
      with_vector VectorSelector?
    NamedVector
      name! string
      vector! DenseVector | SparseVector
    SearchBatch
      searches! [SearchPoints]
    SearchGroups
      vector! DenseVector | NamedVector
      limit! integer(1..)
      group_by! PayloadPath
      group_size integer(1..)?
      with_lookup string | GroupLookup | null
      filter Filter?
      params SearchParams?
      score_threshold number?
      with_payload PayloadSelector?
      with_vector VectorSelector?
    RecommendPoints
      positive [VectorInput]?
      negative [VectorInput]?
      strategy RecommendStrategy?
      using string?
      limit integer(1..)?
      offset integer(0..)?
      filter Filter?
      params SearchParams?
      score_threshold number?
      lookup_from LookupFrom?
      with_payload PayloadSelector?
      with_vector VectorSelector?
    RecommendBatch
      searches! [RecommendPoints]
    RecommendGroups
      positive [VectorInput]?
      negative [VectorInput]?
      strategy RecommendStrategy?
      using string?
      limit integer(1..)?
      group_by! PayloadPath
      group_size integer(1..)?
      with_lookup string | GroupLookup | null
      filter Filter?
      params SearchParams?
      score_threshold number?
      lookup_from LookupFrom?
      with_payload PayloadSelector?
      with_vector VectorSelector?
    DiscoverPoints  // With a target, with context, or with both.
      target VectorInput?
      context ContextPair | [ContextPair] | null
      using string?
      limit integer(1..)?
      offset integer(0..)?
      filter Filter?
      params SearchParams?
      lookup_from LookupFrom?
      with_payload PayloadSelector?
      with_vector VectorSelector?
    DiscoverBatch
      searches! [DiscoverPoints]
    """
