"""Records the REST bodies that qdrant-client sends, one file each, for the tests of the JSON decoders.

A small HTTP server keeps each body under the name of the step that caused it and answers with the
shape that the client expects, or with an error that the step passes over.

    pip install 'qdrant-client==1.18.*'
    python3 capture.py
"""

import datetime
import http.server
import json
import pathlib
import threading

from qdrant_client import QdrantClient, models as m

FOLDER = pathlib.Path(__file__).parent
step = ""


class Recorder(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if length and step:
            (FOLDER / f"{step}.json").write_bytes(body)
        reply = json.dumps({"result": True, "status": "ok", "time": 0}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


def record(name, call):
    global step
    step = name
    try:
        call()
    except Exception as error:  # the answers have no real results in them
        if not (FOLDER / f"{name}.json").exists():
            raise RuntimeError(f"{name} sent nothing") from error
    step = ""


def main():
    server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = QdrantClient(port=server.server_port, check_compatibility=False)
    c = "c"
    uuid = "550e8400-e29b-41d4-a716-446655440000"
    sparse = m.SparseVector(indices=[7, 1, 4_000_000_000], values=[0.5, -1.25, 3.0])

    record("createCollection-unnamed", lambda: client.create_collection(
        c, vectors_config=m.VectorParams(size=4, distance=m.Distance.COSINE)))
    record("createCollection-full", lambda: client.create_collection(
        c,
        vectors_config={
            "text": m.VectorParams(
                size=384, distance=m.Distance.DOT, on_disk=True,
                hnsw_config=m.HnswConfigDiff(m=32, ef_construct=64),
                quantization_config=m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(
                    type=m.ScalarType.INT8, quantile=0.99, always_ram=True)),
                datatype=m.Datatype.FLOAT16),
            "colbert": m.VectorParams(
                size=128, distance=m.Distance.EUCLID,
                multivector_config=m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)),
        },
        sparse_vectors_config={"bm25": m.SparseVectorParams(
            index=m.SparseIndexParams(on_disk=False, full_scan_threshold=100),
            modifier=m.Modifier.IDF)},
        hnsw_config=m.HnswConfigDiff(m=0, payload_m=16, full_scan_threshold=10, on_disk=False),
        optimizers_config=m.OptimizersConfigDiff(
            indexing_threshold=0, memmap_threshold=20000, deleted_threshold=0.25,
            max_optimization_threads=m.MaxOptimizationThreadsSetting.AUTO),
        wal_config=m.WalConfigDiff(wal_capacity_mb=64),
        quantization_config=m.ProductQuantization(product=m.ProductQuantizationConfig(
            compression=m.CompressionRatio.X16)),
        shard_number=2, replication_factor=1, on_disk_payload=False,
        strict_mode_config=m.StrictModeConfig(enabled=True, max_query_limit=100),
        metadata={"owner": "tests"}))
    record("updateCollection", lambda: client.update_collection(
        c, optimizers_config=m.OptimizersConfigDiff(indexing_threshold=0),
        vectors_config={"": m.VectorParamsDiff(on_disk=True)},
        quantization_config=m.Disabled.DISABLED,
        collection_params=m.CollectionParamsDiff(replication_factor=2)))
    record("changeAliases", lambda: client.update_collection_aliases([
        m.CreateAliasOperation(create_alias=m.CreateAlias(collection_name=c, alias_name="a")),
        m.RenameAliasOperation(rename_alias=m.RenameAlias(old_alias_name="a", new_alias_name="b")),
        m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name="b"))]))
    record("createFieldIndex-name", lambda: client.create_payload_index(
        c, "city", m.PayloadSchemaType.KEYWORD))
    record("createFieldIndex-params", lambda: client.create_payload_index(
        c, "meta.text", m.TextIndexParams(
            type=m.TextIndexType.TEXT, tokenizer=m.TokenizerType.MULTILINGUAL, min_token_len=2,
            lowercase=True)))

    payload = {
        "city": "Köln", "n": 7, "price": 11.25, "big": 9007199254740993, "none": None,
        "tags": ["a", "b\n\"quoted\""], "nested": {"deep": [{"x": 1.0}, []]}, "emoji": "🦅"}
    record("upsert-points", lambda: client.upsert(c, [
        m.PointStruct(id=1, vector=[0.05, 0.61, 0.76, 0.74], payload=payload),
        m.PointStruct(id=uuid, vector=[1, -2.5e-8, 3e20, 0]),
        m.PointStruct(id=18446744073709551615, vector={"text": [0.1, 0.2], "bm25": sparse,
            "colbert": [[1.0, 2.0], [3.0, 4.0]]}),
        m.PointStruct(id=4, vector=[[0.5, 0.25], [0.125, 0.0625]], payload={})]))
    record("upsert-batch", lambda: client.upsert(c, m.Batch(
        ids=[1, 2, uuid], vectors=[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]],
        payloads=[{"a": 1}, {}, {"b": [True, False]}])))
    record("upsert-batchNamed", lambda: client.upsert(c, m.Batch(
        ids=[1, 2], vectors={"text": [[0.1, 0.2], [0.3, 0.4]], "bm25": [sparse, sparse]})))
    record("deletePoints-ids", lambda: client.delete(c, [1, uuid]))
    record("deletePoints-filter", lambda: client.delete(
        c, m.Filter(must=[m.FieldCondition(key="city", match=m.MatchValue(value="Köln"))])))
    record("deletePoints-all", lambda: client.delete(c, m.FilterSelector(filter=m.Filter())))
    record("updateVectors", lambda: client.update_vectors(c, [
        m.PointVectors(id=1, vector=[0.1, 0.2]),
        m.PointVectors(id=2, vector={"bm25": sparse})]))
    record("deleteVectors", lambda: client.delete_vectors(c, ["text", "bm25"], [1, 2]))
    record("setPayload", lambda: client.set_payload(
        c, {"x": 1}, points=[1, 2], key="nested.part"))
    record("overwritePayload", lambda: client.overwrite_payload(
        c, {"x": {"y": None}}, points=m.Filter(must_not=[
            m.IsEmptyCondition(is_empty=m.PayloadField(key="x"))])))
    record("deletePayload", lambda: client.delete_payload(c, ["a", "b.c"], points=[1]))
    record("clearPayload", lambda: client.clear_payload(c, points_selector=[1, uuid]))
    record("batch", lambda: client.batch_update_points(c, [
        m.UpsertOperation(upsert=m.PointsList(points=[m.PointStruct(id=1, vector=[1.0, 2.0])])),
        m.SetPayloadOperation(set_payload=m.SetPayload(payload={"a": 1}, points=[1])),
        m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(
            payload={"b": 1}, filter=m.Filter(must=[m.HasIdCondition(has_id=[1])]))),
        m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["b"], points=[1])),
        m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[1])),
        m.UpdateVectorsOperation(update_vectors=m.UpdateVectors(
            points=[m.PointVectors(id=1, vector=[2.0, 1.0])])),
        m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(vector=["text"], points=[1])),
        m.DeleteOperation(delete=m.PointIdsList(points=[1]))]))

    everything = m.Filter(
        must=[
            m.FieldCondition(key="city", match=m.MatchAny(any=["Köln", "Bonn"])),
            m.FieldCondition(key="n", match=m.MatchExcept(**{"except": [1, 2]})),
            m.FieldCondition(key="title", match=m.MatchText(text="swift birds")),
            m.FieldCondition(key="flag", match=m.MatchValue(value=True)),
            m.FieldCondition(key="price", range=m.Range(gte=1.5, lt=100)),
            m.FieldCondition(key="at", range=m.DatetimeRange(
                gt=datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc))),
            m.FieldCondition(key="tags[]", values_count=m.ValuesCount(gte=1)),
            m.Filter(should=[m.IsNullCondition(is_null=m.PayloadField(key="x"))]),
        ],
        should=[
            m.FieldCondition(key="where", geo_radius=m.GeoRadius(
                center=m.GeoPoint(lon=6.95, lat=50.93), radius=1000)),
            m.FieldCondition(key="where", geo_bounding_box=m.GeoBoundingBox(
                top_left=m.GeoPoint(lon=6, lat=51), bottom_right=m.GeoPoint(lon=7, lat=50))),
            m.FieldCondition(key="where", geo_polygon=m.GeoPolygon(exterior=m.GeoLineString(points=[
                m.GeoPoint(lon=x, lat=y) for x, y in [(0, 0), (1, 0), (1, 1), (0, 0)]]))),
        ],
        must_not=[
            m.HasIdCondition(has_id=[1, uuid]),
            m.HasVectorCondition(has_vector="text"),
            m.NestedCondition(nested=m.Nested(key="items", filter=m.Filter(must=[
                m.FieldCondition(key="n", match=m.MatchValue(value=5))]))),
        ],
        min_should=m.MinShould(min_count=1, conditions=[
            m.IsEmptyCondition(is_empty=m.PayloadField(key="y"))]))
    record("scroll", lambda: client.scroll(
        c, scroll_filter=everything, limit=999999999, offset=uuid, with_vectors=["text"],
        order_by=m.OrderBy(key="n", direction=m.Direction.DESC, start_from=5)))
    record("count", lambda: client.count(c, count_filter=everything, exact=True))
    record("retrieve", lambda: client.retrieve(
        c, [1, uuid], with_payload=["a", "b.c"], with_vectors=True))
    record("query-vector", lambda: client.query_points(
        c, query=[0.2, 0.1, 0.9], limit=3, offset=2, score_threshold=0.5, using="text",
        query_filter=everything, with_payload=True,
        search_params=m.SearchParams(hnsw_ef=128, exact=True, indexed_only=True,
            quantization=m.QuantizationSearchParams(rescore=True, oversampling=2.0)),
        lookup_from=m.LookupLocation(collection="other", vector="text")))
    record("query-id", lambda: client.query_points(c, query=uuid))
    record("query-sparse", lambda: client.query_points(c, query=sparse, using="bm25"))
    record("query-nothing", lambda: client.query_points(c))
    record("query-fusion", lambda: client.query_points(
        c, query=m.FusionQuery(fusion=m.Fusion.RRF), limit=5,
        prefetch=[
            m.Prefetch(query=[0.1, 0.2], using="text", limit=50, score_threshold=0.1),
            m.Prefetch(query=sparse, using="bm25", limit=50, prefetch=m.Prefetch(query=7)),
        ],
        with_payload=m.PayloadSelectorExclude(exclude=["secret"]), with_vectors=["text"]))
    record("query-rrf", lambda: client.query_points(
        c, query=m.RrfQuery(rrf=m.Rrf(k=60, weights=[1.0, 0.5])),
        prefetch=[m.Prefetch(query=[0.1, 0.2])]))
    record("query-recommend", lambda: client.query_points(
        c, query=m.RecommendQuery(recommend=m.RecommendInput(
            positive=[1, [0.1, 0.2]], negative=[uuid],
            strategy=m.RecommendStrategy.BEST_SCORE))))
    record("query-orderBy", lambda: client.query_points(
        c, query=m.OrderByQuery(order_by=m.OrderBy(
            key="at", start_from=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)))))
    record("query-sample", lambda: client.query_points(
        c, query=m.SampleQuery(sample=m.Sample.RANDOM)))
    record("query-multi", lambda: client.query_points(
        c, query=[[0.1, 0.2], [0.3, 0.4]], using="colbert"))
    record("queryBatch", lambda: client.query_batch_points(c, [
        m.QueryRequest(query=[0.1, 0.2], limit=1, with_payload=True),
        m.QueryRequest(query=m.NearestQuery(nearest=5), limit=2)]))
    record("queryGroups", lambda: client.query_points_groups(
        c, group_by="city", query=[0.1, 0.2], limit=4, group_size=2, with_lookup="other"))
    server.shutdown()


main()
