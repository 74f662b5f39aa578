/// Bodies about collections; `SchemaNotation` says how to read them.
let openAPICollectionSchemas = """
    CreateCollection
      vectors VectorParams | {VectorParams} | null  // The unnamed field, or fields by name.
      sparse_vectors {SparseVectorParams}?
      shard_number integer(1..)?  // Kept and given back.
      sharding_method "auto" | "custom" | null
      replication_factor integer(1..)?  // Kept and given back.
      write_consistency_factor integer(1..)?  // Kept and given back.
      on_disk_payload boolean?
      payload PayloadStorage?
      hnsw_config HNSWConfig?
      optimizers_config OptimizersConfig?
      wal_config WALConfig?
      quantization_config Quantization?
      strict_mode_config StrictMode?
      metadata Payload?
      card CollectionCard?  // Set with the collection, or neither is.
    UpdateCollection
      vectors {VectorParamsChange}?
      sparse_vectors {SparseVectorParams}?
      params CollectionParamsChange?
      hnsw_config HNSWConfig?
      optimizers_config OptimizersConfig?
      wal_config WALConfig?
      quantization_config Quantization | "Disabled" | null
      strict_mode_config StrictMode?
      metadata Payload?
    CollectionParamsChange
      replication_factor integer(1..)?
      write_consistency_factor integer(1..)?
      read_fan_out_factor integer(0..)?
      on_disk_payload boolean?
      payload PayloadStorage?
    VectorParams
      size! integer(1..65536)
      distance! Distance
      hnsw_config HNSWConfig?
      quantization_config Quantization?
      on_disk boolean?  // Vectors are read from the file instead of from memory.
      memory Memory?  // Says the same and wins.
      datatype Datatype?
      multivector_config MultiVectorConfig?
      ivf IVFConfig?  // Inverted lists with product codes instead of a graph.
    VectorParamsChange
      hnsw_config HNSWConfig?
      quantization_config Quantization | "Disabled" | null
      on_disk boolean?
      memory Memory?
    SparseVectorParams
      modifier Modifier?
      index SparseIndexParams?
      datatype Datatype?
    SparseIndexParams
      full_scan_threshold integer(0..)?
      on_disk boolean?
      memory Memory?
      datatype Datatype?
    NewVectorField = NewDenseField | NewSparseField
    NewDenseField
      dense! VectorParams
    NewSparseField
      sparse! SparseVectorParams
    CollectionCard  // Which models made the vectors, by vector field, and of what.
      models {ModelCard}?
      corpus Corpus?
    ModelCard
      id! string(1..)
      version string?
      dimension integer(1..65536)?  // The field's; what contradicts it is refused.
      metric Distance?
      normalized boolean?  // Whether vectors have length 1.
    Corpus
      name string?
      description string?
      license string?
    Distance = "Cosine" | "Euclid" | "Dot" | "Manhattan"
    Datatype = "float32" | "float16" | "uint8" | "turbo4"
    Modifier = "none" | "idf"
    Memory = "cold" | "cached" | "pinned"
    MultiVectorConfig
      comparator! "max_sim"
    PayloadStorage
      memory Memory?
    IVFConfig
      lists integer(1..65536)?
      parts integer(4..256)?
      bits integer(4..8)  // 4 or 8.
      probes integer(1..65536)?
    HNSWConfig
      m integer(0..512)?  // Links of a node; 0: no graph.
      ef_construct integer(4..10000)?
      full_scan_threshold integer(10..)?
      max_indexing_threads integer(0..)?
      on_disk boolean?
      memory Memory?
      payload_m integer(0..)?
      inline_storage boolean?
    OptimizersConfig
      deleted_threshold number(0..1)?
      vacuum_min_vector_number integer(100..)?
      default_segment_number integer(0..)?
      max_segment_size integer(1..)?
      memmap_threshold integer(0..)?
      indexing_threshold integer(0..)?
      flush_interval_sec integer(0..)?
      max_optimization_threads integer(0..) | "auto" | null
      prevent_unoptimized boolean?
      memory_budget_bytes integer(0..)?  // 0: no bound.
    WALConfig
      wal_capacity_mb integer(1..)?
      wal_segments_ahead integer(0..)?
      wal_retain_closed integer(0..)?
      durability Durability?
    Durability = "sync" | AsyncDurability
    AsyncDurability
      async_ms! integer(1..10000)
    Quantization = ScalarQuantization | ProductQuantization | BinaryQuantization | TurboQuantization
    ScalarQuantization
      scalar! ScalarQuantizationConfig
    ScalarQuantizationConfig
      type! "int8"
      quantile number(0.5..1)?
      always_ram boolean?
      memory Memory?
    ProductQuantization
      product! ProductQuantizationConfig
    ProductQuantizationConfig
      compression! "x4" | "x8" | "x16" | "x32" | "x64"
      always_ram boolean?
      memory Memory?
    BinaryQuantization
      binary! BinaryQuantizationConfig
    BinaryQuantizationConfig
      always_ram boolean?
      memory Memory?
      encoding "one_bit" | "two_bits" | "one_and_half_bits" | null
      query_encoding "default" | "binary" | "scalar4bits" | "scalar8bits" | null
    TurboQuantization
      turbo! TurboQuantizationConfig
    TurboQuantizationConfig
      always_ram boolean?
      memory Memory?
      bits "bits1" | "bits1_5" | "bits2" | "bits4" | null
    StrictMode  // Limits of requests; null: no limit.
      enabled boolean?
      max_query_limit integer(1..)?
      max_timeout integer(1..)?
      unindexed_filtering_retrieve boolean?
      unindexed_filtering_update boolean?
      search_max_hnsw_ef integer(0..)?
      search_allow_exact boolean?
      search_max_oversampling number?
      upsert_max_batchsize integer(0..)?
      search_max_batchsize integer(0..)?
      max_collection_vector_size_bytes integer(0..)?
      max_collection_payload_size_bytes integer(0..)?
      max_points_count integer(1..)?
      read_rate_limit integer(1..)?
      write_rate_limit integer(1..)?
      filter_max_conditions integer(0..)?
      condition_max_size integer(0..)?
      max_payload_index_count integer(0..)?
      multivector_config {MultiVectorLimit}?
      sparse_config {SparseLimit}?
    MultiVectorLimit
      max_vectors integer(1..)?
    SparseLimit
      max_length integer(1..)?
    CreateFieldIndex
      field_name! PayloadPath
      field_schema! FieldType | FieldIndex
    FieldType = "keyword" | "integer" | "float" | "geo" | "text" | "bool" | "datetime" | "uuid"
    FieldIndex  // A type with parameters; which of them mean something depends on the type.
      type! FieldType
      is_tenant boolean?
      is_principal boolean?
      on_disk boolean?
      lookup boolean?
      range boolean?
      prefix boolean?
      enable_hnsw boolean?
      tokenizer "prefix" | "whitespace" | "word" | "multilingual" | null
      min_token_len integer(0..)?
      max_token_len integer(0..)?
      lowercase boolean?
      ascii_folding boolean?
      phrase_matching boolean?
    ChangeAliases
      actions! [CreateAlias | DeleteAlias | RenameAlias]
    CreateAlias closed
      create_alias! AliasDescription
    DeleteAlias closed
      delete_alias! AliasName
    RenameAlias closed
      rename_alias! AliasNames
    AliasDescription
      alias_name! string
      collection_name! string
    AliasName
      alias_name! string
    AliasNames
      old_alias_name! string
      new_alias_name! string
    AttachSegments
      builds! [string]  // Folders below the server's directory for built segments.
      existing "replace" | "fail" | null
    RecoverSnapshot
      location! string  // A file:// URL below the directory of snapshots, or one that may be fetched.
      checksum string?
      priority "no_sync" | "snapshot" | "replica" | null
      api_key string?  // For the server that is fetched from.
    """
