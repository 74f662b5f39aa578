/// Every route of the REST interface; `OpenAPIOperation.read` says how to read it.
let openAPIOperations = """
    # Service
    GET / -> bare Version
      Tells who answers.
    GET /healthz -> text
      Whether the process lives.
    GET /livez -> text
      Whether the process lives.
    GET /readyz -> text
      Whether it answers calls.
    GET /metrics -> text
      Metrics in Prometheus' text format.
    GET /telemetry -> Telemetry
      What runs here.
    GET /openapi.json -> bare object
      This description.
    # Collections
    GET /collections -> CollectionNames
      Names of the collections that the caller may read from.
    GET /collections/{collection} -> CollectionInfo
      Settings and state of a collection.
    PUT /collections/{collection} (timeout model) CreateCollection -> boolean
      Creates a collection.
    PATCH /collections/{collection} (timeout) UpdateCollection -> boolean
      Changes settings of a collection.
    DELETE /collections/{collection} (timeout) -> boolean
      Drops a collection; false: there was none.
    GET /collections/{collection}/exists -> CollectionExistence
      Whether there is a collection, or an alias, of this name.
    GET /collections/{collection}/optimizations -> Optimizations
      What waits to be indexed.
    PUT /collections/{collection}/index (wait ordering timeout) CreateFieldIndex -> UpdateResult
      Declares an index on a payload field.
    DELETE /collections/{collection}/index/{field} (wait ordering timeout) -> UpdateResult
      Forgets an index on a payload field.
    PUT /collections/{collection}/vectors/{name} (wait ordering timeout) NewVectorField -> UpdateResult
      Adds a vector field.
    DELETE /collections/{collection}/vectors/{name} (wait ordering timeout) -> UpdateResult
      Removes a vector field, with all its vectors.
    # Aliases
    GET /aliases -> Aliases
      All aliases.
    GET /collections/{collection}/aliases -> Aliases
      The aliases of a collection.
    POST /collections/aliases (timeout) ChangeAliases -> boolean
      Changes aliases, all at once.
    # Points
    GET /collections/{collection}/points/{id} (consistency version) -> Record
      One point.
    POST /collections/{collection}/points (consistency timeout version) RetrievePoints -> [Record]
      Points by their ids; unknown ones are left out.
    PUT /collections/{collection}/points (wait ordering timeout model) UpsertPoints -> UpdateResult
      Writes points; those of the same ids are replaced as a whole.
    POST /collections/{collection}/points/delete (wait ordering timeout) PointSelection -> UpdateResult
      Deletes points; an empty filter selects all.
    PUT /collections/{collection}/points/vectors (wait ordering timeout model) UpdateVectors -> UpdateResult
      Replaces vectors of points.
    POST /collections/{collection}/points/vectors/delete (wait ordering timeout) DeleteVectors -> UpdateResult
      Removes vectors of points.
    POST /collections/{collection}/points/payload (wait ordering timeout) SetPayload -> UpdateResult
      Adds to the payload of points.
    PUT /collections/{collection}/points/payload (wait ordering timeout) SetPayload -> UpdateResult
      Replaces the payload of points.
    POST /collections/{collection}/points/payload/delete (wait ordering timeout) DeletePayload -> UpdateResult
      Removes keys from the payload of points.
    POST /collections/{collection}/points/payload/clear (wait ordering timeout) PointSelection -> UpdateResult
      Removes the payload of points.
    POST /collections/{collection}/points/batch (wait ordering timeout model) UpdateBatch -> [UpdateResult]
      Several of these, in order and all or none.
    POST /collections/{collection}/points/scroll (consistency timeout version) ScrollPoints -> ScrollPage
      A page of the points that match, by id or by a payload field.
    POST /collections/{collection}/points/count (consistency timeout version) CountPoints -> Count
      How many points match.
    # Search
    POST /collections/{collection}/points/query (consistency timeout version recall time memory model) QueryPoints -> QueryResult
      The points that a query ranks highest.
    POST /collections/{collection}/points/query/batch (consistency timeout version recall time memory model) QueryBatch -> [QueryResult]
      Several queries that see the same version.
    POST /collections/{collection}/points/query/groups (consistency timeout version recall time memory model) QueryGroups -> Groups
      The best points for each value of a payload field.
    POST /apus/v1/collections/{collection}/query (consistency timeout version recall time memory least patience model) QueryPoints -> QueryAnswer
      A query, with the version that it read and the recall to expect.
    GET /apus/v1/collections/{collection}/version (at_least wait_seconds) -> CollectionVersion
      The newest version, once there is the one that is waited for.
    POST /apus/v1/collections/{collection}/explain (compare timeout version recall time memory model) QueryPoints -> ExplainedResult
      A query, and why it did what it did.
    GET /apus/v1/collections/{collection}/card -> CardAnswer
      Which models made the vectors, and the recall that was measured.
    PUT /apus/v1/collections/{collection}/card (if_empty) CollectionCard -> CollectionCard?
      Sets the card; requests that declare other models are refused from then on.
    DELETE /apus/v1/collections/{collection}/card -> boolean
      Takes the card away; false: there was none.
    GET /apus/v1/collections/{collection}/changes (after log follow) -> lines
      Every change after a version, and then those to come.
    GET /apus/v1/collections/{collection}/upsert (source pipeline model) -> UpsertPlace
      How far the batches of a source are on disk.
    POST /apus/v1/collections/{collection}/upsert (source pipeline model) lines -> UpsertPlace
      Points in bulk, a batch a line.
    GET /apus/v1/collections/{collection}/positions -> PipelinePositions
      How far the pipelines of a collection have read their sources.
    GET /apus/v1/collections/{collection}/positions/{pipeline} -> PipelinePlace
      How far one of them has.
    DELETE /apus/v1/collections/{collection}/positions/{pipeline} -> boolean
      Forgets it: the pipeline reads its source from the start; false: there was none.
    POST /apus/v1/collections/{collection}/segments/attach AttachSegments -> AttachedSegments
      Adds segments that were built elsewhere, all or none.
    POST /collections/{collection}/facet (consistency timeout version) FacetRequest -> Facets
      Values of a payload field, and how many points have each.
    POST /collections/{collection}/points/search/matrix/pairs (consistency timeout version) MatrixRequest -> MatrixPairs
      Distances between points drawn at random, as pairs.
    POST /collections/{collection}/points/search/matrix/offsets (consistency timeout version) MatrixRequest -> MatrixOffsets
      The same as a sparse matrix.
    # Older searches
    POST /collections/{collection}/points/search (consistency timeout version recall time memory model) SearchPoints -> [ScoredPoint]
      Nearest points.
    POST /collections/{collection}/points/search/batch (consistency timeout version recall time memory model) SearchBatch -> [[ScoredPoint]]
      Several of these.
    POST /collections/{collection}/points/search/groups (consistency timeout version recall time memory model) SearchGroups -> Groups
      The same in groups.
    POST /collections/{collection}/points/recommend (consistency timeout version recall time memory model) RecommendPoints -> [ScoredPoint]
      Points like some and unlike others.
    POST /collections/{collection}/points/recommend/batch (consistency timeout version recall time memory model) RecommendBatch -> [[ScoredPoint]]
      Several of these.
    POST /collections/{collection}/points/recommend/groups (consistency timeout version recall time memory model) RecommendGroups -> Groups
      The same in groups.
    POST /collections/{collection}/points/discover (consistency timeout version recall time memory model) DiscoverPoints -> [ScoredPoint]
      Points near a target, in the part of space that pairs of examples say.
    POST /collections/{collection}/points/discover/batch (consistency timeout version recall time memory model) DiscoverBatch -> [[ScoredPoint]]
      Several of these.
    # Snapshots
    GET /collections/{collection}/snapshots -> [Snapshot]
      Snapshots of a collection.
    POST /collections/{collection}/snapshots (wait) -> Snapshot later
      Makes a snapshot of a collection.
    GET /collections/{collection}/snapshots/{snapshot} -> file
      A snapshot as an archive.
    DELETE /collections/{collection}/snapshots/{snapshot} (wait) -> boolean later
      Deletes a snapshot.
    POST /collections/{collection}/snapshots/upload (wait priority checksum) form -> boolean later
      Makes the collection what an archive is.
    PUT /collections/{collection}/snapshots/recover (wait) RecoverSnapshot -> boolean later
      The same from a file that lies on the server.
    GET /snapshots -> [Snapshot]
      Snapshots of the whole database.
    POST /snapshots (wait) -> Snapshot later
      Makes a snapshot of the whole database.
    GET /snapshots/{snapshot} -> file
      A snapshot of the whole database as an archive.
    DELETE /snapshots/{snapshot} (wait) -> boolean later
      Deletes a snapshot of the whole database.
    # Clusters
    GET /cluster -> ClusterStatus
      Says that this server is alone.
    GET /cluster/telemetry -> ClusterTelemetry
      Says the same.
    POST /cluster/recover -> boolean
      Needs a cluster: 501.
    DELETE /cluster/peer/{peer} -> boolean
      Needs a cluster: 501.
    GET /collections/{collection}/cluster -> CollectionCluster
      The one shard of a collection.
    POST /collections/{collection}/cluster (timeout) object -> boolean
      Needs a cluster: 501.
    GET /collections/{collection}/shards -> ShardKeys
      Keys of shards: none.
    PUT /collections/{collection}/shards (timeout) object -> boolean
      Needs a cluster: 501.
    POST /collections/{collection}/shards/delete (timeout) object -> boolean
      Needs a cluster: 501.
    GET /collections/{collection}/shards/{shard}/snapshots -> [Snapshot]
      Snapshots of the collection, which is shard 0.
    POST /collections/{collection}/shards/{shard}/snapshots (wait) -> Snapshot later
      Makes a snapshot of the collection.
    GET /collections/{collection}/shards/{shard}/snapshots/{snapshot} -> file
      A snapshot of the collection as an archive.
    DELETE /collections/{collection}/shards/{shard}/snapshots/{snapshot} (wait) -> boolean later
      Deletes a snapshot of the collection.
    POST /collections/{collection}/shards/{shard}/snapshots/upload (wait priority checksum) form -> boolean later
      Makes the collection what an archive is.
    PUT /collections/{collection}/shards/{shard}/snapshots/recover (wait) RecoverSnapshot -> boolean later
      The same from a file that lies on the server.
    """
