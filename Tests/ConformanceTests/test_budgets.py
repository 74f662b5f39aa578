"""Our own extension: what a search may cost (docs/protocol.md)."""

from __future__ import annotations

import random

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client.models import Distance, PointStruct, VectorParams

from apus_v1 import Apus, status

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


def fields(**budget):
    """The member of a body, and the message, that say a budget."""
    return {"time_ms": budget.get("time"), "memory_bytes": budget.get("memory")}


@pytest.mark.parametrize("address, body", [
    ("/apus/v1/collections/{}/query", QUERY),
    ("/apus/v1/collections/{}/explain", QUERY),
    ("/collections/{}/points/query", QUERY),
    ("/collections/{}/points/query/groups", QUERY | {"group_by": "text"}),
])
def test_a_body_says_it_too_and_goes_before_the_headers(rest, filled, address, body):
    address = address.format(filled)

    def ask(budget, headers={}):
        return rest("POST", address, body | {"budget": budget}, headers=headers)

    assert ask(fields(memory=2000)).status == 429
    assert "memory budget of 2000 bytes" in ask(fields(memory=2000)).error
    assert ask(fields(memory=1000000, time=2.5)).status == 200
    # The field wins; what it does not say, the header does.
    assert ask(fields(memory=1000000), {MEMORY: "2000"}).status == 200
    assert ask(fields(memory=2000), {MEMORY: "1000000"}).status == 429
    assert ask(fields(time=1000), {MEMORY: "2000"}).status == 429
    assert ask(None, {MEMORY: "2000"}).status == 429
    for wrong in [{"time_ms": 0}, {"time_ms": -1}, {"time_ms": 2678400001}, {"time_ms": "soon"},
                  {"memory_bytes": 0}, {"memory_bytes": -1}, {"memory_bytes": 1.5}, 7]:
        reply = ask(wrong)
        assert reply.status in (400, 422) and "budget" in reply.error, wrong
    exact = body | {"params": {"exact": True}, "budget": {"time_ms": 5}}
    assert "exact" in rest("POST", address, exact).error


def test_each_query_of_a_batch_has_its_own(rest, filled):
    address = f"/collections/{filled}/points/query/batch"
    whole = {"searches": [QUERY, QUERY | {"budget": {"memory_bytes": 1000000}}]}
    assert rest("POST", address, whole, headers={MEMORY: "1000000"}).status == 200
    small = {"searches": [QUERY, QUERY | {"budget": {"memory_bytes": 2000}}]}
    assert rest("POST", address, small, headers={MEMORY: "1000000"}).status == 429


def test_messages_of_our_own_service_say_it(server, filled):
    query = {"collection_name": filled, "query": {"nearest": {"dense": {"data": QUERY["query"]}}},
             "limit": 5, "with_payload": {"enable": True}}
    with Apus(server) as apus:
        def requests(budget):
            request = apus.message("QueryRequest", query=query, budget=budget)
            return [("Query", request), ("Explain", apus.message("ExplainRequest", query=request))]

        for method, request in requests({"time_ms": 1000, "memory_bytes": 1000000}):
            apus.call(method, request, metadata=[(MEMORY, "2000")])
        for budget, metadata, code, text in [
            ({"memory_bytes": 2000}, [(MEMORY, "1000000")], "RESOURCE_EXHAUSTED", "2000 bytes"),
            ({"time_ms": 1000}, [(MEMORY, "2000")], "RESOURCE_EXHAUSTED", "2000 bytes"),
            ({}, [(MEMORY, "2000")], "RESOURCE_EXHAUSTED", "2000 bytes"),
            ({"time_ms": 0}, [], "INVALID_ARGUMENT", "budget.time_ms"),
            ({"time_ms": float("nan")}, [], "INVALID_ARGUMENT", "budget.time_ms"),
            ({"time_ms": float("inf")}, [], "INVALID_ARGUMENT", "budget.time_ms"),
            ({"time_ms": 2678400001}, [], "INVALID_ARGUMENT", "budget.time_ms"),
            ({"memory_bytes": 0}, [], "INVALID_ARGUMENT", "budget.memory_bytes"),
        ]:
            for method, request in requests(budget):
                with pytest.raises(grpc.RpcError) as caught:
                    apus.call(method, request, metadata=metadata)
                assert status(caught) == code, budget
                assert text in caught.value.details(), budget
        # More bytes than there are numbers for are all that there is.
        for method, request in requests({"memory_bytes": (1 << 64) - 1}):
            apus.call(method, request)
        exact = apus.message("QueryRequest", query=query | {"params": {"exact": True}},
                             budget={"time_ms": 5})
        with pytest.raises(grpc.RpcError) as caught:
            apus.Query(exact)
        assert status(caught) == "INVALID_ARGUMENT" and "exact" in caught.value.details()
