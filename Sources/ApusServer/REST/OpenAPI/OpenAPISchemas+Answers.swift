/// What answers hold.
let openAPIAnswerSchemas = """
    Failure
      status! ErrorText
      time! number
    ErrorText
      error! string
    Accepted
      status! "accepted"
      time! number
    Version
      title! string
      version! string  // The level of the interface that clients compare with their own.
      apus_version! string
      commit string?
    Telemetry
      id! string
      app! AppTelemetry
      collections! CollectionsTelemetry
    AppTelemetry
      name! string
      version! string
    CollectionsTelemetry
      number_of_collections! integer(0..)
    CollectionNames
      collections! [CollectionName]
    CollectionName
      name! string
    CollectionExistence
      exists! boolean
    Aliases
      aliases! [AliasDescription]
    CollectionInfo
      status! "green" | "yellow" | "grey" | "red"
      optimizer_status! "ok" | OptimizerError
      points_count! integer(0..)
      indexed_vectors_count! integer(0..)
      segments_count! integer(0..)
      config! CollectionConfig
      payload_schema! {FieldIndexInfo}
      apus CollectionDetails
    OptimizerError
      error! string
    CollectionConfig
      params! CollectionParams
      hnsw_config! HNSWConfig
      optimizer_config! OptimizersConfig
      wal_config! WALConfig
      quantization_config! Quantization?
      strict_mode_config StrictMode
      metadata Payload
    CollectionParams
      vectors! VectorParams | {VectorParams}
      sparse_vectors {SparseVectorParams}
      shard_number! integer(1..)
      sharding_method "auto" | "custom"
      replication_factor! integer(1..)
      write_consistency_factor! integer(1..)
      read_fan_out_factor integer(0..)
      on_disk_payload! boolean
    FieldIndexInfo
      data_type! FieldType
      params object
      points! integer(0..)
    CollectionDetails
      version! integer(0..)
      durability! Durability
      memory_bytes! integer(0..)
      disk_bytes! integer(0..)
      memory_budget_bytes integer(0..)
      bytes_per_vector! {StorageBytes}
      pinned_versions! [integer(0..)]
      pinned_memory_bytes! integer(0..)
      kept_mapped! [string]
      card CollectionCard
    CardAnswer
      card! CollectionCard?
      recall! MeasuredRecall
    MeasuredRecall
      expected! {number(0..1)}  // Recall@10 to expect, by vector field.
      observed! ObservedRecall?
    ObservedRecall
      checked! integer(0..)
      mean! number(0..1)
      p5! number(0..1)
      p1! number(0..1)
    StorageBytes
      memory! number
      disk! number
    Optimizations
      summary! OptimizationsSummary
      running! [object]
    OptimizationsSummary
      queued_optimizations! integer(0..)
      queued_segments! integer(0..)
      queued_points! integer(0..)
      idle_segments! integer(0..)
    UpdateResult
      operation_id! integer(0..)  // The version that the write made.
      status! "acknowledged" | "completed"
    Record
      id! PointID
      payload Payload
      vector StoredVectors
      order_value number
    StoredVectors = DenseVector | [DenseVector] | {StoredVector}
    StoredVector = DenseVector | [DenseVector] | SparseVector
    ScoredPoint
      id! PointID
      version! integer(0..)
      score! number
      payload Payload
      vector StoredVectors
      order_value number
    QueryResult
      points! [ScoredPoint]
    Groups
      groups! [PointGroup]
    PointGroup
      id! string | integer
      hits! [ScoredPoint]
      lookup Record
    ScrollPage
      points! [Record]
      next_page_offset! PointID?
      version integer(0..)
    Count
      count! integer(0..)
    Facets
      hits! [FacetHit]
    FacetHit
      value! string | integer | boolean
      count! integer(0..)
    MatrixPairs
      pairs! [MatrixPair]
    MatrixPair
      a! PointID
      b! PointID
      score! number
    MatrixOffsets
      offsets_row! [integer(0..)]
      offsets_col! [integer(0..)]
      scores! [number]
      ids! [PointID]
    QueryAnswer
      points! [ScoredPoint]
      recall_expected! number?
      version! integer(0..)
    UpsertPlace
      sequence! integer(0..)
      version! integer(0..)
      pipeline string  // At its start, of a pipeline.
      position string?
    PipelinePositions
      positions! [PipelinePosition]
      version! integer(0..)
    PipelinePosition
      pipeline! string(1..)
      position! string?
    PipelinePlace
      pipeline! string(1..)
      position! string?  // As the pipeline wrote it; null: there is none.
      version! integer(0..)
    CollectionVersion
      version! integer(0..)
    AttachedSegments
      attached! [string]
      skipped! [string]
      segments! integer(0..)
      points! integer(0..)
      replaced! integer(0..)
      duplicates! integer(0..)
      version! integer(0..)
    ExplainedResult
      points! [ScoredPoint]
      recall_expected! number?
      version! integer(0..)
      explanation! Explanation?
    Explanation
      seconds! number
      searches! [SearchExplanation]
    SearchExplanation  // One vector field of one segment.
      vector! string
      segment! integer(0..)
      rows! integer(0..)
      indexed_rows! integer(0..)
      filter! FilterExplanation?
      plan! PlanExplanation
      others! [PlanExplanation]
      recall_expected! number?
      measured! integer(0..)
      rescored! integer(0..)
      found! integer(0..)
      seconds! number
    FilterExplanation
      matching_rows! integer(0..)
      source! "remembered" | "evaluated"
      rows_read integer(0..)
      seconds! number
    PlanExplanation
      plan! string
      cost! number
      measured integer(0..)
      recall number
      seconds number
    Snapshot
      name! string
      creation_time! string
      size! integer(0..)
      checksum! string
    ClusterStatus
      status! "disabled"
    ClusterTelemetry
      collections! {any}
      cluster! ClusterSummary
    ClusterSummary
      enabled! boolean
      peers! {any}
    CollectionCluster
      peer_id! integer(0..)
      shard_count! integer(0..)
      local_shards! [LocalShard]
      remote_shards! [object]
      shard_transfers! [object]
    LocalShard
      shard_id! integer(0..)
      points_count! integer(0..)
      state! string
    ShardKeys
      shard_keys! [object]
    """
