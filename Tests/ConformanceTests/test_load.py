"""What an overloaded server does: refuses at once what it could only answer too late."""

from __future__ import annotations

import concurrent.futures
import re

import grpc
import pytest
from qdrant_client import models
from qdrant_client.grpc import PointsStub, QueryPoints

import apus_server
from conftest import connect
from rest import Rest


@pytest.fixture(scope="module")
def narrow():
    with apus_server.temporary_server(arguments=(
        "--set", "limits.reads_max=2", "--set", "engine.search_threads=1")
    ) as running:
        client = connect(running, "grpc")
        client.create_collection("many", vectors_config=models.VectorParams(
            size=512, distance=models.Distance.DOT))
        for part in range(8):
            client.upsert("many", [models.PointStruct(
                id=part * 500 + i, vector=[float(i % 11)] * 512) for i in range(500)], wait=True)
        client.close()
        yield running


BODY = {"query": [0.5] * 512, "limit": 4000, "with_vector": True, "params": {"exact": True}}


def refused(server) -> int:
    page = Rest(server.url)("GET", "/metrics").text
    return int(re.search(r'^apus_operations_refused_total\{kind="read"\} (\d+)$', page, re.M)[1])


def test_searches_are_shed_over_rest(narrow):
    rest = Rest(narrow.url)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(
            lambda _: rest("POST", "/collections/many/points/query", BODY), range(96)))
    statuses = {reply.status for reply in replies}
    assert statuses == {200, 429}
    shed = [reply for reply in replies if reply.status == 429]
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in shed)
    assert "overloaded" in shed[0].error
    assert refused(narrow) >= len(shed)
    # What was refused left nothing behind.
    assert rest("POST", "/collections/many/points/query", BODY).status == 200


def test_searches_are_shed_over_grpc(narrow):
    request = QueryPoints(collection_name="many", limit=4000)
    request.query.nearest.dense.data.extend([0.5] * 512)
    request.with_vectors.enable = True
    with grpc.insecure_channel(
        f"127.0.0.1:{narrow.grpc_port}",
        options=[("grpc.max_receive_message_length", -1)],
    ) as channel:
        calls = [PointsStub(channel).Query.future(request, timeout=120) for _ in range(96)]
        codes = {call.code() for call in calls}
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_a_read_that_is_not_answered_in_time_ends():
    with apus_server.temporary_server(arguments=(
        "--set", "limits.read_timeout=1ms", "--set", "engine.search_threads=1")
    ) as running:
        rest = Rest(running.url)
        assert rest("PUT", "/collections/many", {
            "vectors": {"size": 512, "distance": "Dot"}}).status == 200
        for part in range(4):
            points = [{"id": part * 500 + i, "vector": [float(i % 11)] * 512} for i in range(500)]
            assert rest("PUT", "/collections/many/points?wait=true",
                        {"points": points}).status == 200
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(
                lambda _: rest("POST", "/collections/many/points/query", BODY), range(48)))
        late = [reply for reply in replies if reply.status == 408]
        assert late and all("within the 0.001 seconds" in reply.error for reply in late)
        assert {reply.status for reply in replies} <= {200, 408}
