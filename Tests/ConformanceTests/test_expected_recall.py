"""Our own extension: a recall that is asked for, and the one to expect (docs/protocol.md)."""

from __future__ import annotations

import random

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client.models import Distance, HnswConfigDiff, PointStruct, VectorParams

pytestmark = pytest.mark.server_only("extensions of this server")

PLAIN = VectorParams(size=4, distance=Distance.EUCLID)


@pytest.fixture
def filled(client, collection):
    own = collection(vectors_config=PLAIN, hnsw_config=HnswConfigDiff(full_scan_threshold=10))
    chance = random.Random(1)
    client.upsert(
        own, [PointStruct(id=n, vector=[chance.random() for _ in range(4)]) for n in range(200)]
    )
    return own


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({"target_recall": 0.99}, {}),
        ({}, {"apus-target-recall": "0.99"}),
        ({"exact": True}, {}),
        ({"exact": True}, {"apus-target-recall": "0.5"}),
    ],
)
def test_rest_answers_tell_the_recall_to_expect(rest, filled, params, headers):
    body = {"query": [0.1, 0.2, 0.3, 0.4], "limit": 5, "params": params}
    reply = rest("POST", f"/collections/{filled}/points/query", body, headers=headers)
    assert len(reply.result["points"]) == 5
    assert float(reply.headers["apus-recall-expected"]) >= 0.99


@pytest.mark.parametrize(
    ("params", "headers", "text"),
    [
        ({"target_recall": 1.5}, {}, "target_recall"),
        ({"target_recall": 0}, {}, "target_recall"),
        ({"target_recall": "much"}, {}, "target_recall"),
        ({"target_recall": 0.9, "hnsw_ef": 100}, {}, "hnsw_ef"),
        ({}, {"apus-target-recall": "all"}, "apus-target-recall"),
        ({}, {"apus-target-recall": "-1"}, "apus-target-recall"),
    ],
)
def test_what_cannot_be_is_refused(rest, filled, params, headers, text):
    body = {"query": [0.1, 0.2, 0.3, 0.4], "limit": 5, "params": params}
    reply = rest("POST", f"/collections/{filled}/points/query", body, headers=headers)
    assert reply.status in (400, 422)
    assert text in reply.error


def test_batches_and_groups_take_the_header(rest, client, filled):
    client.set_payload(filled, {"part": "a"}, points=list(range(100)))
    search = {"query": [0.1, 0.2, 0.3, 0.4], "limit": 5}
    headers = {"apus-target-recall": "1"}
    for path, body in [
        ("query/batch", {"searches": [search, search]}),
        ("query/groups", {**search, "group_by": "part"}),
    ]:
        reply = rest("POST", f"/collections/{filled}/points/{path}", body, headers=headers)
        assert reply.status == 200


def test_grpc_calls_ask_and_learn_by_metadata(server, filled):
    request = wire.QueryPoints(
        collection_name=filled,
        query=wire.Query(
            nearest=wire.VectorInput(dense=wire.DenseVector(data=[0.1, 0.2, 0.3, 0.4]))
        ),
        limit=5,
    )
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        points = wire.PointsStub(channel)
        reply, called = points.Query.with_call(
            request, metadata=[("apus-target-recall", "0.95")], timeout=60
        )
        assert len(reply.result) == 5
        told = dict(called.initial_metadata()) | dict(called.trailing_metadata())
        assert float(told["apus-recall-expected"]) >= 0.95
        with pytest.raises(grpc.RpcError) as caught:
            points.Query(request, metadata=[("apus-target-recall", "most")], timeout=60)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
