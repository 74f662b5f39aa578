"""Input that must be refused: the status that clients expect, words that say what and where.

Every test ends by asking whether the collection is as it was.
"""

from __future__ import annotations

import contextlib

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

from failures import fails

pytestmark = pytest.mark.server_only("the in-memory mode checks little and in other words")


@pytest.fixture
def guarded(client, collection):
    """Makes a collection of two points and sees to it that they are what is left at the end."""
    made = []

    def create(distance=Distance.DOT):
        own = collection(vectors_config=VectorParams(size=3, distance=distance))
        client.upsert(own, [
            PointStruct(id=n, vector=[n, 0, 0], payload={"n": n}) for n in (1, 2)
        ])
        made.append(own)
        return own

    yield create
    for own in made:
        records, following = client.scroll(own, limit=100)
        assert [(each.id, each.payload) for each in records] == [(1, {"n": 1}), (2, {"n": 2})]
        assert following is None


def test_a_wrong_dimension_spoils_the_whole_batch(client, transport, guarded):
    own = guarded()
    with fails(transport, 400, "Vector dimension error: expected dim: 3, got 2"):
        client.upsert(own, [
            PointStruct(id=7, vector=[1, 2, 3]), PointStruct(id=8, vector=[1, 2]),
        ])


def test_a_wrong_dimension_is_refused_without_waiting_too(client, transport, guarded):
    own = guarded()
    with fails(transport, 400, "expected dim: 3, got 4"):
        client.upsert(own, [PointStruct(id=7, vector=[1, 2, 3, 4])], wait=False)


def test_a_wrong_dimension_in_a_query(client, transport, guarded):
    own = guarded()
    with fails(transport, 400, "Vector dimension error: expected dim: 3, got 1"):
        client.query_points(own, query=[1])
    with fails(transport, 400, "Vector dimension error: expected dim: 3, got 1"):
        client.query_points(own, prefetch=models.Prefetch(query=[1]), query=[1, 2, 3])


def test_a_wrong_dimension_in_update_vectors(client, transport, guarded):
    own = guarded()
    with fails(transport, 400, "expected dim: 3, got 2"):
        client.update_vectors(own, [models.PointVectors(id=1, vector=[1, 2])])


def test_an_empty_vector_is_refused(client, transport, guarded):
    own = guarded()
    with fails(transport, (400, 422)):
        client.upsert(own, [PointStruct(id=7, vector=[])])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(server, client, transport, guarded, number):
    import conftest

    own = guarded()
    # JSON has no such numbers, and this client refuses to write them: ask over gRPC alone.
    over_grpc = conftest.connect(server, "grpc")
    with contextlib.closing(over_grpc):
        with fails("grpc", 400, "7"):
            over_grpc.upsert(own, [PointStruct(id=7, vector=[1, number, 3])])
        with fails("grpc", 400):
            over_grpc.query_points(own, query=[1, number, 3])


def test_the_zero_vector_has_no_direction(client, transport, guarded):
    own = guarded(Distance.COSINE)
    with fails(transport, 400, "zero"):
        client.upsert(own, [PointStruct(id=7, vector=[0, 0, 0])])


def test_unknown_ids_in_a_mixed_batch_leave_the_rest_undone(client, transport, guarded):
    own = guarded()
    with fails(transport, 404, "No point with id 9 found"):
        client.update_vectors(own, [
            models.PointVectors(id=1, vector=[9, 9, 9]),
            models.PointVectors(id=9, vector=[1, 2, 3]),
        ])
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert record.vector == [1, 0, 0]


def test_a_text_where_a_vector_belongs(rest, client, guarded):
    own = guarded()
    for vector in ('"x"', '["x"]', "[null]", '{"": "x"}', "5"):
        raw = f'{{"points": [{{"id": 7, "vector": {vector}}}]}}'.encode()
        reply = rest("PUT", f"/collections/{own}/points?wait=true", raw=raw)
        assert reply.status in (400, 422), reply.text
        assert reply.error


@pytest.mark.parametrize(
    "payload", ["5", '"text"', "[1]", "true"], ids=["number", "text", "list", "bool"]
)
def test_a_payload_that_is_no_object(rest, guarded, payload):
    own = guarded()
    raw = f'{{"points": [{{"id": 7, "vector": [1, 2, 3], "payload": {payload}}}]}}'.encode()
    reply = rest("PUT", f"/collections/{own}/points?wait=true", raw=raw)
    assert reply.status in (400, 422), reply.text
    assert "payload" in reply.error
    raw = f'{{"payload": {payload}, "points": [1]}}'.encode()
    reply = rest("POST", f"/collections/{own}/points/payload?wait=true", raw=raw)
    assert reply.status in (400, 422), reply.text


@pytest.mark.parametrize("point", ['"no-uuid"', "-1", "1.5", "null", "18446744073709551616", "[1]"])
def test_a_malformed_id(rest, guarded, point):
    own = guarded()
    raw = f'{{"points": [{{"id": {point}, "vector": [1, 2, 3]}}]}}'.encode()
    reply = rest("PUT", f"/collections/{own}/points?wait=true", raw=raw)
    assert reply.status in (400, 422), reply.text
    assert reply.error


def test_numbers_out_of_range_in_json(rest, guarded):
    own = guarded()
    for number in ("1e39", "NaN", "Infinity", "-Infinity"):
        raw = f'{{"points": [{{"id": 7, "vector": [1, {number}, 3]}}]}}'.encode()
        reply = rest("PUT", f"/collections/{own}/points?wait=true", raw=raw)
        assert reply.status in (400, 422), f"{number}: {reply.status} {reply.text}"


def test_limits(rest, guarded):
    own = guarded()
    path = f"/collections/{own}/points"
    for action, body in [
        ("query", {"query": [1, 2, 3], "limit": 0}), ("query", {"query": [1, 2, 3], "limit": -1}),
        ("query", {"query": [1, 2, 3], "limit": "5"}), ("scroll", {"limit": 0}),
        ("scroll", {"limit": 1.5}), ("query", {"query": [1, 2, 3], "offset": -1}),
        ("query/groups", {"query": [1, 2, 3], "group_by": "n", "limit": 0}),
        ("query/groups", {"query": [1, 2, 3], "group_by": "n", "group_size": 0}),
    ]:
        reply = rest("POST", f"{path}/{action}", body)
        assert reply.status in (400, 422), f"{action} {body}: {reply.status} {reply.text}"
    for action, body in [
        ("query", {"query": [1, 2, 3], "limit": 10**9}), ("scroll", {"limit": 10**9}),
        ("query", {"query": [1, 2, 3], "limit": 10**9, "offset": 10**9}),
        ("query", {"query": [1, 2, 3], "limit": 2**63 - 1, "offset": 2**63 - 1}),
        ("scroll", {"limit": 2**63 - 1}),
        ("query/groups", {"query": [1, 2, 3], "group_by": "n", "limit": 10**9}),
    ]:
        reply = rest("POST", f"{path}/{action}", body)
        # Taken as it is or refused, but answered, and at no cost.
        assert reply.status in (200, 400, 422), f"{action} {body}: {reply.status} {reply.text}"
    assert rest("POST", f"{path}/query", {"query": [1, 2, 3], "limit": 10**9}).status == 200


def test_absurd_search_parameters(rest, guarded):
    own = guarded()
    for parameters in ({"hnsw_ef": 10**9}, {"hnsw_ef": 2**62}, {"hnsw_ef": 0}):
        reply = rest(
            "POST", f"/collections/{own}/points/query",
            {"query": [1, 2, 3], "params": parameters},
        )
        assert reply.status in (200, 400, 422), reply.text


def test_malformed_filters(rest, guarded):
    own = guarded()
    for bad in [
        {"must": [{"key": "n"}]}, {"must": [{"match": {"value": 1}}]}, {"must": 5},
        {"must": [{"key": "n", "match": {"value": {}}}]},
        {"must": [{"key": "n", "range": {"gt": "x"}}]},
        {"must": [{"has_id": ["no-uuid"]}]}, "text", [1],
        {"must": [{"key": "n[", "match": {"value": 1}}]},
        {"must": [{"key": "at", "geo_radius": {"center": {"lon": 500, "lat": 0}, "radius": 1}}]},
    ]:
        reply = rest("POST", f"/collections/{own}/points/count", {"filter": bad})
        assert reply.status in (400, 422), f"{bad}: {reply.status} {reply.text}"
        assert reply.error
    # json.dumps would recurse as deep as the filter: written by hand.
    nested = b'{"filter":' + b'{"must":[' * 20_000 + b"{}" + b"]}" * 20_000 + b"}"
    reply = rest("POST", f"/collections/{own}/points/count", raw=nested)
    assert reply.status in (400, 422), reply.status


def test_prefetches_nested_without_end(rest, guarded):
    own = guarded()
    nested = b'{"query":[1,2,3],"prefetch":' * 5_000 + b"[]" + b"}" * 5_000
    reply = rest("POST", f"/collections/{own}/points/query", raw=nested)
    assert reply.status in (400, 422), reply.status


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe{}", b'{"points": [}', b"{}" * 3,
            b'{"points": ' + b"[" * 100_000],
    ids=["nothing", "open", "null", "list", "text", "no utf-8", "broken", "more", "deep"],
)
def test_json_that_is_none_or_not_ours(rest, guarded, raw):
    own = guarded()
    reply = rest("PUT", f"/collections/{own}/points", raw=raw)
    assert reply.status in (400, 422), f"{reply.status} {reply.text}"
    assert reply.error


def test_a_collection_without_a_body_or_with_nonsense(rest, name):
    for body in [
        {"vectors": {"size": 4}}, {"vectors": {"size": 4, "distance": "Far"}},
        {"vectors": {"size": "4", "distance": "Dot"}}, {"vectors": {"size": -1, "distance": "Dot"}},
        {"vectors": 5}, {"vectors": {"size": 4, "distance": "Dot"}, "hnsw_config": {"m": -1}},
        {"vectors": {"size": 4, "distance": "Dot"}, "hnsw_config": {"ef_construct": 10**18}},
        {"vectors": {"size": 2**40, "distance": "Dot"}},
    ]:
        reply = rest("PUT", f"/collections/{name}", body)
        assert reply.status in (400, 422), f"{body}: {reply.status} {reply.text}"
        assert rest("GET", f"/collections/{name}").status == 404


def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(rest, guarded):
    own = guarded()
    over = b'{"points": [{"id": 7, "vector": [1, 2, 3], "payload": {"x": "' + b"x" * (33 << 20)
    reply = rest("PUT", f"/collections/{own}/points", raw=over + b'"}}]}')
    assert reply.status in (400, 413), reply.text
    assert rest("GET", "/healthz").status == 200


def test_a_body_under_the_limit_is_taken(rest, client, name):
    rest("PUT", f"/collections/{name}", {"vectors": {"size": 3, "distance": "Dot"}})
    text = "x" * (31 << 20)
    body = {"points": [{"id": 7, "vector": [1, 2, 3], "payload": {"x": text}}]}
    written = rest("PUT", f"/collections/{name}/points?wait=true", body).result
    assert written["status"] == "completed"
    assert rest("GET", f"/collections/{name}/points/7").result["payload"]["x"] == text
    rest("DELETE", f"/collections/{name}")
