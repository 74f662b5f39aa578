"""`apus import` from Weaviate, Pinecone, Elasticsearch and OpenSearch, by their published protocols:
the servers are those of `vector_services.py`."""

from __future__ import annotations

import json
import random
import uuid

import numpy as np
import pytest
from qdrant_client import models

import apus_server
from conftest import connect
from imports import command, everything, imported, refusal
from imports import run as process
from vector_services import Elasticsearch, Pinecone, Weaviate, packed

RANDOM = np.random.default_rng(12)
KEYS = {"W_KEY": "w-key", "P_KEY": "p-key", "E_KEY": "e-key", "WRONG": "hidden-word"}
SLOW = packed({"message": "slow down"}, 429, **{"retry-after": "0.01"})


def run(folder, kind: str, server, *more: str, succeeds: bool = True, key: str | None = None):
    key = key or {"weaviate": "W_KEY", "pinecone": "P_KEY", "elasticsearch": "E_KEY"}[kind]
    arguments = ("import", kind, "--from", server.url, "--data", str(folder / "data"),
                 "--key-from", key, *more)
    if succeeds:
        return command(folder, *arguments, more=KEYS).stdout
    said = refusal(folder, *arguments, more=KEYS)
    assert not any(secret in said for secret in KEYS.values()), "a key is never shown"
    return said


def same(vector, row) -> bool:
    return np.allclose(vector, row / np.linalg.norm(row), atol=1e-5)


# Weaviate

def weaviate(count: int = 330, named: bool = False) -> Weaviate:
    index = {"distance": "dot", "maxConnections": 20, "efConstruction": 99, "sq": {"enabled": True}}
    schema = {"class": "Docs", "properties": [
        {"name": "title", "dataType": ["text"], "indexFilterable": True},
        {"name": "year", "dataType": ["int"], "indexFilterable": True},
        {"name": "tags", "dataType": ["text[]"], "indexFilterable": True},
        {"name": "hidden", "dataType": ["text"], "indexFilterable": False},
        {"name": "ref", "dataType": ["Docs"]}]}
    if named:
        schema["vectorConfig"] = {
            "text": {"vectorIndexType": "hnsw", "vectorIndexConfig": {"distance": "cosine"}},
            "rows": {"vectorIndexType": "hnsw", "vectorIndexConfig": {
                "distance": "dot", "multivector": {"enabled": True}}},
            "never": {"vectorIndexType": "flat", "vectorIndexConfig": {"distance": "dot"}}}
    else:
        schema |= {"vectorIndexType": "hnsw", "vectorIndexConfig": index}
    objects = []
    for n in range(count):
        one = {"class": "Docs", "id": str(uuid.UUID(int=n * 7919)), "creationTimeUnix": 1,
               "properties": {"title": f"ü {n}", "year": n, "tags": ["a", "b"],
                              "ref": [{"beacon": "weaviate://localhost/Docs/1"}]}}
        if named:
            one["vectors"] = {"text": RANDOM.normal(size=4).tolist()} if n % 5 else {}
            if n > 150:
                one["vectors"]["rows"] = RANDOM.normal(size=(2, 3)).tolist()
        else:
            one["vector"] = RANDOM.normal(size=6).tolist()
        objects.append(one)
    return Weaviate(schema, objects)


def test_a_collection_of_weaviate_is_taken_over(tmp_path):
    with weaviate() as server:
        server.failures = {2: SLOW, 4: (503, b"starting", {}), 6: (200, b"{", {})}
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", "--batch-size", "50")
        assert "has 330 points, as the source has" in said
        assert "100 sampled points are as the source has them" in said
        assert not server.failures
        found, settings = imported(tmp_path / "data", "Docs")
        params = settings.config.params.vectors
        assert (params.size, params.distance) == (6, models.Distance.DOT)
        assert (params.hnsw_config.m, params.hnsw_config.ef_construct) == (20, 99)
        assert params.quantization_config.scalar.type == models.ScalarType.INT8
        assert {name: str(field.data_type) for name, field in settings.payload_schema.items()} == {
            "title": "keyword", "year": "integer", "tags": "keyword"}
        assert len(found) == 330
        for one in server.objects:
            payload, vector = found[one["id"]]
            assert payload == one["properties"]
            assert np.allclose(vector, one["vector"], atol=1e-6)


def test_named_vectors_of_weaviate_keep_their_names(tmp_path):
    with weaviate(200, named=True) as server:
        run(tmp_path, "weaviate", server, "--collection", "Docs", "--into", "docs")
        found, settings = imported(tmp_path / "data", "docs")
        params = settings.config.params.vectors
        assert set(params) == {"text", "rows"}
        assert params["rows"].multivector_config.comparator == models.MultiVectorComparator.MAX_SIM
        for one in server.objects:
            vectors = found[one["id"]][1] or {}
            assert set(vectors) == set(one["vectors"])
            assert "text" not in vectors or same(vectors["text"], np.array(one["vectors"]["text"]))
            assert "rows" not in vectors or np.allclose(vectors["rows"], one["vectors"]["rows"])


def test_a_tenant_of_weaviate_is_taken_alone(tmp_path):
    with weaviate(40) as server:
        for n, one in enumerate(server.objects):
            one["tenant"] = "a" if n % 4 else "b"
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", "--tenant", "b")
        assert "has 10 points" in said


def test_a_server_that_gives_one_page_for_ever_is_told(tmp_path):
    with weaviate(20) as server:
        usual = server.reply
        server.reply = lambda method, path, query, body, headers: usual(
            method, path, {**query, "after": ""} if "after" in query else query, body, headers)
        assert "goes round in circles" in run(
            tmp_path, "weaviate", server, "--collection", "Docs", succeeds=False)


def test_what_weaviate_refuses_is_named(tmp_path):
    with weaviate(10) as server:
        at = ("weaviate", server, "--collection")
        assert "answered 401" in run(tmp_path, *at, "Docs", succeeds=False, key="WRONG")
        assert len(server.calls) == 1, "what is refused is not asked again"
        assert "answered 404" in run(tmp_path, *at, "Nobody", succeeds=False)
        server.schema["vectorIndexConfig"]["distance"] = "hamming"
        assert "'hamming'" in run(tmp_path, *at, "Docs", succeeds=False)
        server.schema["vectorIndexConfig"]["distance"] = "cosine"
        server.objects[3]["vector"] = ["x"]
        assert server.objects[3]["id"] in run(tmp_path, *at, "Docs", succeeds=False)


# Pinecone

def pinecone(metric: str = "dotproduct", **more) -> Pinecone:
    def vector(n: int) -> dict:
        one = {"values": RANDOM.normal(size=5).astype(np.float32).tolist(),
               "metadata": {"n": n, "genre": "drama", "tags": ["x", "y"]}}
        if metric == "dotproduct" and n % 2:
            one["sparseValues"] = {"indices": [4_000_000_000, n], "values": [0.5, -1.5]}
        return one

    return Pinecone({"dimension": 5, "metric": metric, "vectorType": "dense", **more}, {
        "": {f"doc#{n}" if n % 2 else str(n): vector(n) for n in range(250)},
        "long": {f"{n}" + "x" * 200: vector(n) for n in range(120)},
        "ü/&": {str(n): vector(n) for n in range(30)}})


def test_all_namespaces_of_pinecone_are_taken_over(tmp_path):
    with pinecone() as server:
        server.failures = {3: SLOW, "fetch": (500, b"oops", {}), "paginationToken": SLOW}
        said = run(tmp_path, "pinecone", server, "--into", "docs")
        assert "has 400 points, as the source has" in said and not server.failures
        assert server.versions == {"2025-01"}
        found, settings = imported(tmp_path / "data", "docs")
        params = settings.config.params
        assert (params.vectors.size, params.vectors.distance) == (5, models.Distance.DOT)
        assert set(params.sparse_vectors) == {"sparse"}
        assert len(found) == 400
        for key, (payload, vectors) in found.items():
            space = payload.pop("pinecone_namespace", "")
            name = payload.pop("pinecone_id", key)
            expected = server.namespaces[space].pop(name)
            # Of one namespace numbers stay; two may have the same.
            assert (key == name) == (space == "" and name.isdigit())
            assert payload == expected["metadata"]
            dense = vectors[""] if isinstance(vectors, dict) else vectors
            assert np.array_equal(np.array(dense, np.float32), np.array(expected["values"], np.float32))
            if "sparseValues" in expected:
                sparse = vectors["sparse"]
                assert dict(zip(sparse.indices, sparse.values)) == dict(zip(
                    expected["sparseValues"]["indices"], expected["sparseValues"]["values"]))
            else:
                assert not isinstance(vectors, dict) or "sparse" not in vectors
        assert not any(server.namespaces.values())


def test_one_namespace_of_pinecone_keeps_its_ids(tmp_path):
    with pinecone("cosine") as server:
        run(tmp_path, "pinecone", server, "--into", "docs", "--namespace", "ü/&")
        found, settings = imported(tmp_path / "data", "docs")
        assert set(found) == {str(n) for n in range(30)}
        assert not settings.config.params.sparse_vectors
        for key, (payload, vector) in found.items():
            expected = server.namespaces["ü/&"][key]
            assert payload == {**expected["metadata"], "pinecone_namespace": "ü/&"}
            assert same(vector, np.array(expected["values"]))
        assert "no namespace 'nobody'" in run(
            tmp_path, "pinecone", server, "--into", "x", "--namespace", "nobody", succeeds=False)


def test_an_index_of_pinecone_with_sparse_values_only(tmp_path):
    space = {str(n): {"values": [], "sparseValues": {"indices": [n, 9999], "values": [1.5, 2]}}
             for n in range(20)}
    with Pinecone({"metric": "dotproduct", "vectorType": "sparse"}, {"__default__": space}) as server:
        assert "has 20 points" in run(tmp_path, "pinecone", server, "--into", "docs")
    found, _ = imported(tmp_path / "data", "docs")
    assert found["7"][0] == {} and found["7"][1]["sparse"].indices == [7, 9999]


def test_an_import_from_pinecone_goes_on_where_it_failed(tmp_path):
    with pinecone("euclidean") as server:
        run(tmp_path, "pinecone", server, "--into", "docs", succeeds=False, key="WRONG")
        # The third page is refused: what came before it stays, and is not asked for again.
        last = "paginationToken=MjAw"
        server.failures = {last: packed({"code": 7, "message": "forbidden"}, 403)}
        assert "answered 403" in run(tmp_path, "pinecone", server, "--into", "docs", succeeds=False)
        server.calls.clear()
        assert "has 400 points" in run(tmp_path, "pinecone", server, "--into", "docs")
        lists = [call for call in server.calls if call.startswith("/vectors/list")]
        assert last in lists[0] and len(lists) == 4


def test_an_index_of_pinecone_that_does_not_say_its_metric(tmp_path):
    with pinecone("cosine") as server:
        del server.facts["metric"]
        assert "--metric" in run(tmp_path, "pinecone", server, "--into", "docs", succeeds=False)
        run(tmp_path, "pinecone", server, "--into", "docs", "--metric", "l2")
        assert imported(tmp_path / "data", "docs")[1].config.params.vectors.distance == (
            models.Distance.EUCLID)


# Elasticsearch and OpenSearch

def elasticsearch(is_open: bool = False, **more) -> Elasticsearch:
    if is_open:
        vector = {"type": "knn_vector", "dimension": 6, "method": {
            "name": "hnsw", "engine": "faiss", "space_type": "innerproduct",
            "parameters": {"m": 24, "ef_construction": 111}}}
    else:
        vector = {"type": "dense_vector", "dims": 6, "index": True,
                  "similarity": "max_inner_product",
                  "index_options": {"type": "int8_hnsw", "m": 24, "ef_construction": 111}}
    mapping = {"properties": {
        "v": vector, "title": {"type": "text"}, "year": {"type": "long"},
        "deep": {"properties": {"tag": {"type": "keyword"}}},
        "parts": {"type": "nested", "properties": {"w": {**vector}}},
        "stored": {"type": "keyword", "index": False}}}
    documents = [(str(n) if n % 2 else f"doc/{n}", {
        "v": RANDOM.normal(size=6).astype(np.float32).tolist(), "title": f"t {n}", "year": n,
        "deep": {"tag": "x", "list": [1, None]}} | ({} if n % 10 else {"v": None}))
        for n in range(330)]
    return Elasticsearch(mapping, documents, is_open, **more)


def assert_documents(folder, server) -> None:
    found, settings = imported(folder / "data", "docs")
    params = settings.config.params.vectors
    assert (params.size, params.distance) == (6, models.Distance.DOT)
    assert (params.hnsw_config.m, params.hnsw_config.ef_construct) == (24, 111)
    assert (params.quantization_config is None) == server.is_open
    assert {name: str(field.data_type) for name, field in settings.payload_schema.items()} == {
        "title": "text", "year": "integer", "deep.tag": "keyword"}
    assert len(found) == len(server.documents)
    by_year = {payload["year"]: (key, payload, vector) for key, (payload, vector) in found.items()}
    for name, source in server.documents:
        key, payload, vector = by_year[source["year"]]
        kept = {} if name.isdigit() else {"elasticsearch_id": name}
        assert (key == name) == name.isdigit()
        assert payload == {k: v for k, v in source.items() if k != "v"} | kept
        if source["v"] is None:
            assert not vector
        else:
            assert np.array_equal(np.array(vector, np.float32), np.array(source["v"], np.float32))


@pytest.mark.parametrize("more", [{}, {"hides": ("v",)}, {"is_open": True}])
def test_an_index_of_elasticsearch_or_opensearch_is_taken_over(tmp_path, more):
    with elasticsearch(**more) as server:
        busy = server.error(429, "es_rejected_execution_exception", "rejected execution")
        server.failures = {3: busy, "_count": SLOW, 7: (503, b"", {})}
        said = run(tmp_path, "elasticsearch", server, "--index", "docs", "--batch-size", "50")
        assert "has 330 points, as the source has" in said and not server.failures
        assert not server.contexts, "points in time are given back"
        assert_documents(tmp_path, server)


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("expires", [False, True])
def test_an_import_from_elasticsearch_goes_on_where_it_failed(tmp_path, is_open, expires):
    with elasticsearch(is_open) as server:
        arguments = ("elasticsearch", server, "--index", "docs", "--batch-size", "50")
        server.failures = {9: server.error(403, "security_exception", "revoked")}
        assert "answered 403" in run(tmp_path, *arguments, succeeds=False)
        assert server.opened == 1
        if expires:
            server.contexts.clear()
        server.calls.clear()
        assert "has 330 points" in run(tmp_path, *arguments)
        searches = server.calls.count("/_search")
        # What an expired point in time had ordered by itself begins anew.
        assert server.opened == (2 if expires else 1)
        whole = 8
        assert searches == whole + 1 if expires and not is_open else searches < whole
        assert_documents(tmp_path, server)


def test_several_fields_of_vectors_keep_their_names_or_are_chosen(tmp_path):
    with elasticsearch() as server:
        server.mapping["properties"]["deep"]["properties"]["w"] = {
            "type": "dense_vector", "dims": 2, "element_type": "byte", "similarity": "l2_norm"}
        for n, (_, source) in enumerate(server.documents):
            source["deep"]["w"] = [n % 100, -3]
        run(tmp_path, "elasticsearch", server, "--index", "docs")
        found, settings = imported(tmp_path / "data", "docs")
        params = settings.config.params.vectors
        assert set(params) == {"v", "deep.w"}
        assert params["deep.w"].distance == models.Distance.EUCLID
        payload, vectors = found["7"]
        assert payload["deep"] == {"tag": "x", "list": [1, None]} and vectors["deep.w"] == [7, -3]
        run(tmp_path, "elasticsearch", server, "--index", "docs", "--vector", "v", "--into", "one")
        found, _ = imported(tmp_path / "data", "one")
        assert found["7"][0]["deep"]["w"] == [7, -3] and len(found["7"][1]) == 6


def test_what_elasticsearch_refuses_or_apus_cannot_is_named(tmp_path):
    with elasticsearch() as server:
        at = ("elasticsearch", server, "--index")
        assert "answered 401" in run(tmp_path, *at, "docs", succeeds=False, key="WRONG")
        assert len(server.calls) == 1
        assert "answered 404" in run(tmp_path, *at, "nobody", succeeds=False)
        assert "import each by its name" in run(tmp_path, *at, "both", succeeds=False)
        assert "no field 'w'" in run(tmp_path, *at, "docs", "--vector", "w", succeeds=False)
        server.mapping["properties"]["v"]["element_type"] = "bit"
        assert "'v', whose vectors are not known here" in run(tmp_path, *at, "docs", succeeds=False)
        del server.mapping["properties"]["v"]
        assert "no field of vectors" in run(tmp_path, *at, "docs", succeeds=False)


def test_a_user_and_a_password(tmp_path):
    with elasticsearch() as server:
        server.accepts = "Basic ZWxhc3RpYzplLWtleQ=="
        assert "has 330 points" in run(
            tmp_path, "elasticsearch", server, "--index", "docs", "--user", "elastic")


# Answers of anybody

STRANGE = [None, True, 0, -1, 2**63 - 1, -2**63, 2**64, 1e308, 0.5, "", "x", "\u0000", [], [[]], {},
           [None], [1e39], {"": {}}, "99999999999999999999"]


def changed(value, generator):
    """The value with one of its parts replaced, or left out, or twice."""
    value = json.loads(json.dumps(value))
    places = []

    def walk(part):
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                walk(part[key])

    if isinstance(value, (dict, list)):
        walk(value)
    if not places:
        return generator.choice(STRANGE)
    part, key = generator.choice(places)
    what = generator.random()
    if what < 0.15:
        del part[key]
    elif what < 0.25 and isinstance(part, list):
        part.append(part[key])
    else:
        part[key] = generator.choice(STRANGE)
    return value


@pytest.mark.parametrize("kind", ["weaviate", "pinecone", "elasticsearch"])
def test_strange_answers_end_a_run_and_never_trap(tmp_path, kind):
    make, more = {
        "weaviate": (lambda: weaviate(20, named=True), ("--collection", "Docs")),
        "pinecone": (lambda: pinecone(), ()),
        "elasticsearch": (lambda: elasticsearch(), ("--index", "docs")),
    }[kind]
    outcomes = set()
    for seed in range(8):
        generator = random.Random(seed)
        with make() as server:
            usual = server.reply
            turn = generator.randrange(6)

            def reply(*arguments):
                status, body, headers = usual(*arguments)
                if len(server.calls) > turn and body and generator.random() < 0.5:
                    body = json.dumps(changed(json.loads(body), generator)).encode()
                # A source that never ends is not what is tested here.
                return (status, body, headers) if len(server.calls) < 60 else (403, b"", {})

            server.reply = reply
            result = process(
                tmp_path, "import", kind, "--from", server.url, "--data",
                str(tmp_path / f"data{seed}"), "--key-from", f"{kind[0].upper()}_KEY", "--into",
                "c", "--batch-size", "40", *more, more=KEYS)
            assert result.returncode in (0, 1, 2), f"seed {seed}: {result.stderr}"
            assert result.returncode == 0 or "apus: " in result.stderr, result.stderr
            outcomes.add(result.returncode)
    assert 1 in outcomes


# What is compared at the end

def test_points_that_are_gone_at_the_end_are_told(tmp_path):
    with weaviate(40) as server:
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", "--batch-size", "20")
        assert "has 40 points" in said
        server.objects.pop()
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", succeeds=False)
        assert "the collection has 40 points, and the source 39" in said


def test_points_that_differ_at_the_end_are_told(tmp_path):
    with weaviate(40) as server:
        run(tmp_path, "weaviate", server, "--collection", "Docs")
        server.objects[5]["properties"]["year"] = -1
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", succeeds=False)
        assert f"point {server.objects[5]['id']} has another payload" in said
        server.objects[5]["properties"]["year"] = 5
        server.objects[5]["vector"][2] += 1
        said = run(tmp_path, "weaviate", server, "--collection", "Docs", succeeds=False)
        assert f"the vector '' of point {server.objects[5]['id']} is not the one" in said


def test_an_import_into_a_server_is_compared_there(tmp_path):
    with weaviate(60) as server, apus_server.temporary_server() as target:
        said = command(
            tmp_path, "import", "weaviate", "--from", server.url, "--collection", "Docs",
            "--key-from", "env:W_KEY", "--to", f"grpc://127.0.0.1:{target.grpc_port}",
            more=KEYS).stdout
        assert "60 sampled points are as the source has them" in said
        client = connect(target, "grpc")
        assert len(everything(client, "Docs")) == 60
        client.close()
