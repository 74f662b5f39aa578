"""Our own extension: what a search may cost (docs/protocol.md)."""

from __future__ import annotations

import random

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client.models import Distance, PointStruct, VectorParams

pytestmark = pytest.mark.server_only("extensions of this server")

QUERY = {"query": [0.1, 0.2, 0.3, 0.4], "limit": 5, "with_payload": True}
TIME, MEMORY = "apus-time-budget-ms", "apus-memory-budget-bytes"


@pytest.fixture
def filled(client, collection):
    own = collection(vectors_config=VectorParams(size=4, distance=Distance.EUCLID))
    chance = random.Random(1)
    client.upsert(own, [
        PointStruct(id=n, vector=[chance.random() for _ in range(4)], payload={"text": "x" * 1000})
        for n in range(300)])
    return own


@pytest.mark.parametrize("headers", [{TIME: "0.001"}, {TIME: "1000"}, {MEMORY: "1000000"}])
def test_a_search_within_its_budget_answers(rest, filled, headers):
    reply = rest("POST", f"/collections/{filled}/points/query", QUERY, headers=headers)
    assert [len(point["payload"]["text"]) for point in reply.result["points"]] == [1000] * 5


@pytest.mark.parametrize("path, body", [
    ("query", QUERY),
    ("query", QUERY | {"with_payload": False, "limit": 100}),
    ("query", QUERY | {"limit": 1, "prefetch": {"query": QUERY["query"], "limit": 200}}),
    ("query/groups", QUERY | {"group_by": "text"}),
    ("search", {"vector": QUERY["query"], "limit": 5, "with_payload": True}),
])
def test_a_search_beyond_its_memory_is_refused(rest, filled, path, body):
    address = f"/collections/{filled}/points/{path}"
    reply = rest("POST", address, body, headers={MEMORY: "2000"})
    assert reply.status == 429
    assert "memory budget of 2000 bytes" in reply.error
    assert rest("POST", address, body).status == 200


@pytest.mark.parametrize("headers, params, text", [
    ({TIME: "0"}, {}, TIME),
    ({TIME: "soon"}, {}, TIME),
    ({TIME: "1e99"}, {}, TIME),
    ({TIME: "nan"}, {}, TIME),
    ({MEMORY: "-1"}, {}, MEMORY),
    ({MEMORY: "99999999999999999999"}, {}, MEMORY),
    ({TIME: "5"}, {"exact": True}, "exact"),
])
def test_what_cannot_be_is_refused(rest, filled, headers, params, text):
    reply = rest(
        "POST", f"/collections/{filled}/points/query", QUERY | {"params": params}, headers=headers)
    assert reply.status in (400, 422)
    assert text in reply.error


def test_grpc_takes_them_as_metadata(server, filled):
    request = wire.QueryPoints(
        collection_name=filled, limit=5,
        query=wire.Query(nearest=wire.VectorInput(dense=wire.DenseVector(data=QUERY["query"]))),
        with_payload=wire.WithPayloadSelector(enable=True))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        points = wire.PointsStub(channel)
        answer = points.Query(request, metadata=[(TIME, "1"), (MEMORY, "1000000")], timeout=60)
        assert len(answer.result) == 5
        with pytest.raises(grpc.RpcError) as caught:
            points.Query(request, metadata=[(MEMORY, "2000")], timeout=60)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
