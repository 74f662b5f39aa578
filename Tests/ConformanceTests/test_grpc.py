"""What gRPC alone shows: health, statuses, messages that are none."""

from __future__ import annotations

import grpc
import pytest
from qdrant_client import grpc as wire

HEALTH = "/grpc.health.v1.Health/Check"


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(
        f"127.0.0.1:{server.grpc_port}",
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    ) as opened:
        yield opened


def call(channel, method: str, message: bytes = b"", **options):
    """One unary call with bytes in and out."""
    return channel.unary_unary(method)(message, timeout=60, **options)


def test_the_standard_health_service_says_serving(channel):
    assert call(channel, HEALTH) == b"\x08\x01"


def test_the_health_check_tells_version_and_title(channel):
    reply = wire.QdrantStub(channel).HealthCheck(wire.HealthCheckRequest())
    assert reply.version.startswith("1.19.")
    assert "apus" in reply.title.lower()


@pytest.mark.parametrize(
    "method", ["/qdrant.Points/Nothing", "/qdrant.Nothing/Search", "/nothing", "/a.b/c"]
)
def test_an_unknown_method_is_unimplemented(channel, method):
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "message", [b"\xff" * 64, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe", b"\x07"],
    ids=["noise", "a length beyond the end", "text that is no UTF-8", "no wire type"],
)
def test_bytes_that_are_no_message_are_refused(channel, message):
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, "/qdrant.Points/Query", message)
    assert caught.value.code() in (
        grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN,
    )
    assert call(channel, HEALTH) == b"\x08\x01"


def test_a_message_beyond_the_clients_usual_four_megabytes(channel, server, name):
    collections, points = wire.CollectionsStub(channel), wire.PointsStub(channel)
    vectors = wire.VectorsConfig(params=wire.VectorParams(size=256, distance=wire.Distance.Dot))
    collections.Create(wire.CreateCollection(collection_name=name, vectors_config=vectors))
    rows = [
        wire.PointStruct(
            id=wire.PointId(num=n),
            vectors=wire.Vectors(vector=wire.Vector(dense=wire.DenseVector(data=[n] * 256))),
        )
        for n in range(20_000)
    ]
    reply = points.Upsert(wire.UpsertPoints(collection_name=name, points=rows, wait=True))
    assert reply.result.status == wire.UpdateStatus.Completed
    assert points.Count(wire.CountPoints(collection_name=name)).result.count == 20_000
    collections.Delete(wire.DeleteCollection(collection_name=name))


def test_an_empty_message_is_a_question_without_a_collection(channel):
    for method in ("Query", "Search", "Upsert", "Delete", "Scroll", "Count", "Get"):
        with pytest.raises(grpc.RpcError) as caught:
            call(channel, f"/qdrant.Points/{method}")
        assert caught.value.code() in (
            grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
        ), method


def test_the_deprecated_search(channel, name):
    collections, points = wire.CollectionsStub(channel), wire.PointsStub(channel)
    vectors = wire.VectorsConfig(params=wire.VectorParams(size=2, distance=wire.Distance.Dot))
    collections.Create(wire.CreateCollection(collection_name=name, vectors_config=vectors))
    # `data` is the older way to write a dense vector; Java clients still send it.
    rows = [
        wire.PointStruct(
            id=wire.PointId(num=n), vectors=wire.Vectors(vector=wire.Vector(data=[n, 0]))
        )
        for n in range(5)
    ]
    points.Upsert(wire.UpsertPoints(collection_name=name, points=rows, wait=True))
    reply = points.Search(
        wire.SearchPoints(collection_name=name, vector=[1, 0], limit=2, filter=wire.Filter())
    )
    assert [(each.id.num, each.score) for each in reply.result] == [(4, 4), (3, 3)]
    assert not reply.result[0].payload
    assert reply.time >= 0
    collections.Delete(wire.DeleteCollection(collection_name=name))


def test_a_call_that_ran_out_of_time_says_so_and_harms_nothing(channel):
    for _ in range(50):
        try:
            channel.unary_unary("/qdrant.Collections/List")(b"", timeout=0.0001)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert call(channel, HEALTH) == b"\x08\x01"
