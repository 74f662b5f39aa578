/// Points, vectors, and bodies that write or read them by id.
let openAPIPointSchemas = """
    PointID = integer(0..) | string<uuid>
    Payload = {any}
    PayloadPath = string(1..)  // A path into a payload: `a.b[].c`.
    Vector = DenseVector | [DenseVector](1..) | SparseVector | Document
    DenseVector = [number](1..)
    SparseVector
      indices! [integer(0..4294967295)]
      values! [number]
    Document  // A text that the server makes a vector.
      text! string
      model! string(1..)  // `qdrant/bm25`, or `apus-static`.
      options object?
    Vectors = DenseVector | [DenseVector](1..) | Document | {Vector}
    Point
      id! PointID
      vector! Vectors
      payload Payload?
    PointVectors
      id! PointID
      vector! Vectors
    PointColumns
      ids! [PointID]
      vectors! [Vector] | {[Vector]}
      payloads [Payload | null]?
    UpsertPoints = UpsertList | UpsertColumns
    UpsertList
      points! [Point]
      update_filter Filter?  // Of points that exist, only those that match are written.
      update_mode UpdateMode?
    UpsertColumns
      batch! PointColumns
      update_filter Filter?
      update_mode UpdateMode?
    UpdateMode = "upsert" | "insert_only" | "update_only"
    PointSelection = PointsByID | PointsByFilter
    PointsByID
      points! [PointID]
    PointsByFilter
      filter! Filter
    UpdateVectors
      points! [PointVectors]
      update_filter Filter?
    DeleteVectors = DeleteVectorsByID | DeleteVectorsByFilter
    DeleteVectorsByID
      vector! [string]
      points! [PointID]
    DeleteVectorsByFilter
      vector! [string]
      filter! Filter
    SetPayload = SetPayloadByID | SetPayloadByFilter
    SetPayloadByID
      payload! Payload
      key PayloadPath?
      points! [PointID]
    SetPayloadByFilter
      payload! Payload
      key PayloadPath?
      filter! Filter
    DeletePayload = DeletePayloadByID | DeletePayloadByFilter
    DeletePayloadByID
      keys! [PayloadPath]
      points! [PointID]
    DeletePayloadByFilter
      keys! [PayloadPath]
      filter! Filter
    UpdateBatch
      operations! [UpsertStep | DeleteStep | SetPayloadStep | OverwritePayloadStep | DeletePayloadStep | ClearPayloadStep | UpdateVectorsStep | DeleteVectorsStep]
    UpsertStep closed
      upsert! UpsertPoints
    DeleteStep closed
      delete! PointSelection
    SetPayloadStep closed
      set_payload! SetPayload
    OverwritePayloadStep closed
      overwrite_payload! SetPayload
    DeletePayloadStep closed
      delete_payload! DeletePayload
    ClearPayloadStep closed
      clear_payload! PointSelection
    UpdateVectorsStep closed
      update_vectors! UpdateVectors
    DeleteVectorsStep closed
      delete_vectors! DeleteVectors
    RetrievePoints
      ids! [PointID]
      with_payload PayloadSelector?
      with_vector VectorSelector?
    ScrollPoints
      offset PointID?  // The first id of the page.
      limit integer(1..)?  // 10 when it is not said.
      filter Filter?
      with_payload PayloadSelector?
      with_vector VectorSelector?
      order_by OrderBy?
      version integer(0..) | "pin" | null
    CountPoints
      filter Filter?
      exact boolean?  // true when it is not said; false: rows may be sampled.
    PayloadSelector = boolean | [PayloadPath] | IncludedPayload | ExcludedPayload
    IncludedPayload
      include! [PayloadPath]
    ExcludedPayload
      exclude! [PayloadPath]
    VectorSelector = boolean | [string]
    OrderBy = PayloadPath | OrderByField
    OrderByField
      key! PayloadPath
      direction "asc" | "desc" | null
      start_from number | string<date-time> | null
    """
