"""The gRPC transport: limits, deadlines, cancellation, compression, and HTTP/2 that is none."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import struct
import threading

import grpc
import pytest
from hyperframe import frame as frames
from qdrant_client import grpc as wire

import apus_server
import http2

HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
LIST = "/qdrant.Collections/List"


@pytest.fixture
def connection(server):
    with http2.Connection(server.grpc_port) as opened:
        yield opened


@pytest.fixture(autouse=True)
def serves_afterwards(server):
    yield
    with http2.Connection(server.grpc_port) as fresh:
        assert fresh.call(1, HEALTH).message == SERVING, server.output


def channel(server, **options) -> grpc.Channel:
    compression = options.pop("compression", None)
    return grpc.insecure_channel(
        f"127.0.0.1:{server.grpc_port}", compression=compression,
        options=[("grpc." + name, value) for name, value in options.items()],
    )


def fill(opened: grpc.Channel, name: str, count: int, words: int = 200) -> None:
    """`count` points with a payload of a kilobyte, or of more words."""
    vectors = wire.VectorsConfig(params=wire.VectorParams(size=2, distance=wire.Distance.Dot))
    wire.CollectionsStub(opened).Create(
        wire.CreateCollection(collection_name=name, vectors_config=vectors))
    rows = [
        wire.PointStruct(
            id=wire.PointId(num=n), payload={"text": wire.Value(string_value="word " * words)},
            vectors=wire.Vectors(vector=wire.Vector(dense=wire.DenseVector(data=[n, 1]))),
        )
        for n in range(count)
    ]
    wire.PointsStub(opened).Upsert(wire.UpsertPoints(collection_name=name, points=rows, wait=True))


def scroll(opened: grpc.Channel, name: str, limit: int) -> wire.ScrollResponse:
    return wire.PointsStub(opened).Scroll(wire.ScrollPoints(
        collection_name=name, limit=limit,
        with_payload=wire.WithPayloadSelector(enable=True)))


def drop(opened: grpc.Channel, name: str) -> None:
    wire.CollectionsStub(opened).Delete(wire.DeleteCollection(collection_name=name))


def test_an_unknown_method_is_named(server):
    with channel(server) as opened, pytest.raises(grpc.RpcError) as caught:
        opened.unary_unary("/qdrant.Points/Nothing")(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "/qdrant.Points/Nothing" in caught.value.details()


def test_an_announced_message_beyond_the_limit_is_refused_at_once(connection):
    connection.headers(1, HEALTH)
    connection.data(1, struct.pack(">BI", 0, 0xFFFF_FFFF), end=False)
    assert connection.answer(1).status == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert connection.call(3, HEALTH).message == SERVING


def test_an_answer_beyond_the_clients_limit_harms_only_its_call(server, name):
    with channel(server, max_receive_message_length=10_000) as opened:
        fill(opened, name, 100)
        with pytest.raises(grpc.RpcError) as caught:
            scroll(opened, name, 100)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(scroll(opened, name, 5).result) == 5
        drop(opened, name)


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_both_ways(server, name, kind):
    with channel(server, compression=kind) as opened:
        fill(opened, name, 300)
        found = scroll(opened, name, 300).result
        assert [each.id.num for each in found] == list(range(300))
        assert all(each.payload["text"].string_value == "word " * 200 for each in found)
        drop(opened, name)


def test_an_answer_to_a_compressed_question_is_compressed(connection, server, name):
    with channel(server) as opened:
        fill(opened, name, 50)
        request = wire.ScrollPoints(
            collection_name=name, limit=50, with_payload=wire.WithPayloadSelector(enable=True))
        answer = connection.call(
            1, "/qdrant.Points/Scroll", request.SerializeToString(), grpc_encoding="gzip",
            grpc_accept_encoding="identity,gzip")
        assert answer.status == 0
        assert answer.fields["grpc-encoding"] == "gzip"
        assert answer.body[0] == 1 and len(answer.body) < 10_000
        plain = connection.call(3, "/qdrant.Points/Scroll", request.SerializeToString())
        assert plain.body[0] == 0 and len(plain.body) > 50_000
        drop(opened, name)


def test_a_deadline_ends_a_call_whose_message_never_comes(connection):
    connection.headers(1, LIST, grpc_timeout="20m")
    assert connection.answer(1).status == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert connection.call(3, HEALTH, grpc_timeout="1H").message == SERVING


def test_calls_that_are_taken_back_harm_nothing(server):
    with channel(server) as opened:
        method = opened.unary_unary(LIST)
        for _ in range(20):
            calls = [method.future(b"") for _ in range(50)]
            for call in calls:
                call.cancel()
        assert method(b"") is not None


def test_many_calls_at_once_on_one_connection(server):
    with channel(server) as opened:
        stub = wire.CollectionsStub(opened)
        calls = [stub.List.future(wire.ListCollectionsRequest()) for _ in range(2_000)]
        assert all(call.result(60).time >= 0 for call in calls)


def test_pings_are_answered_and_too_many_are_not(connection):
    for number in range(50):
        connection.send(frames.PingFrame(0, struct.pack(">Q", number)))
        assert connection.call(2 * number + 1, HEALTH).message == SERVING
    assert connection.ping_answers == [struct.pack(">Q", number) for number in range(50)]
    connection.send(*[frames.PingFrame(0, bytes(8))] * 10)
    connection.read_to_the_end()
    assert connection.goodbyes[-1].error_code == http2.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "fields, status", [
        ({":method": "GET"}, "405"), ({"content-type": "text/plain"}, "415"),
        ({"content-type": "application/grpc-web"}, "415"),
    ],
)
def test_a_request_that_is_no_call_gets_an_http_status(connection, fields, status):
    connection.headers(1, HEALTH, end=True, **fields)
    assert connection.answer(1).fields[":status"] == status


def test_a_call_without_te_is_refused(connection):
    connection.headers(1, HEALTH, end=True, without=("te",))
    assert connection.answer(1).status == grpc.StatusCode.INVALID_ARGUMENT.value[0]


@pytest.mark.parametrize(
    "body, code", [
        (b"", "UNIMPLEMENTED"), (b"\x00\x00", "INTERNAL"), (b"\x00\x00\x00\x00\x05ab", "INTERNAL"),
        (b"\x02\x00\x00\x00\x00", "INTERNAL"), (http2.prefixed(b"", 1), "INTERNAL"),
        (http2.prefixed(b"") * 2, "UNIMPLEMENTED"),
    ],
    ids=["nothing", "half a prefix", "half a message", "no flag", "compressed how", "two"],
)
def test_a_body_that_is_no_message_gets_a_status(connection, body, code):
    connection.headers(1, HEALTH)
    connection.data(1, body)
    assert connection.answer(1).status == grpc.StatusCode[code].value[0]
    assert connection.call(3, HEALTH).message == SERVING


def test_compression_that_the_server_does_not_know(connection):
    answer = connection.call(1, HEALTH, grpc_encoding="snappy")
    assert answer.status == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert answer.fields["grpc-accept-encoding"] == "identity,gzip,deflate"


def raw(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


#: Frames that break HTTP/2 for the whole connection.
BROKEN = {
    "data without a stream": raw(0, 0, 0, b"x"),
    "data on an idle stream": raw(0, 1, 9, b"x"),
    "an even stream": raw(1, 5, 2, b"\x83"),
    "headers that do not unpack": raw(1, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff"),
    "a table that is too large": raw(1, 5, 1, b"\x3f\xff\xff\xff\x7f"),
    "padding beyond the frame": raw(1, 0x0D, 1, b"\xff\x83"),
    "continuation of nothing": raw(9, 4, 1, b"\x83"),
    "half of the headers, then data": raw(1, 0, 1, b"\x83") + raw(0, 1, 1, b""),
    "settings of a wrong length": raw(4, 0, 0, b"abc"),
    "settings on a stream": raw(4, 0, 1, b""),
    "a window that is too large": raw(4, 0, 0, struct.pack(">HI", 4, 1 << 31)),
    "a window that runs over": raw(8, 0, 0, struct.pack(">I", 0x7FFF_FFFF)) * 2,
    "a window update of nothing": raw(8, 0, 0, bytes(4)),
    "a ping of a wrong length": raw(6, 0, 0, b"abc"),
    "a reset of an idle stream": raw(3, 0, 7, bytes(4)),
    "a promise of a client": raw(5, 4, 1, struct.pack(">I", 2) + b"\x83"),
    "a frame beyond the limit": b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_frames_that_break_http2_end_the_connection(connection, kind):
    connection.send_bytes(BROKEN[kind])
    connection.read_to_the_end()
    assert not connection.goodbyes or connection.goodbyes[-1].error_code != http2.NO_ERROR


@pytest.mark.parametrize(
    "options", [
        {"without": (":path",)}, {"without": (":method",)}, {"Upper": "x"},
        {"connection": "close"}, {":unknown": "x"},
    ],
    ids=["no path", "no method", "upper case", "a connection field", "an unknown pseudo-field"],
)
def test_headers_that_break_http2_reset_the_stream(connection, options):
    connection.headers(1, HEALTH, end=True, **options)
    answer = connection.answer(1)
    assert connection.closed or answer.reset == http2.PROTOCOL_ERROR
    if not connection.closed:
        assert connection.call(3, HEALTH).message == SERVING


def test_headers_without_end_are_cut_off(connection):
    connection.headers(1, HEALTH, end=True, long="x" * 40_000)
    connection.answer(1)
    assert connection.closed or connection.answers[1].reset is not None


def test_noise_after_the_preface_ends_the_connection(server):
    noise = random.Random(11)
    for _ in range(50):
        with http2.Connection(server.grpc_port) as connection:
            connection.send_bytes(noise.randbytes(noise.randrange(9, 2_000)))
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
            connection.read_to_the_end()


def test_a_stop_lets_calls_in_flight_end(tmp_path):
    """SIGTERM with a call half sent: the client hears of it, ends its call, gets its answer."""
    with apus_server.ApusServer(tmp_path / "data") as server:
        with http2.Connection(server.grpc_port) as connection:
            connection.headers(1, HEALTH)
            connection.send(frames.PingFrame(0, bytes(8)))
            connection.read_until(lambda: connection.ping_answers)
            server.process.send_signal(signal.SIGTERM)
            connection.read_until(lambda: len(connection.goodbyes) == 2)
            assert [each.last_stream_id for each in connection.goodbyes] == [0x7FFF_FFFF, 1]
            assert [each.error_code for each in connection.goodbyes] == [0, 0]
            connection.data(1, http2.prefixed(b""))
            assert connection.answer(1).message == SERVING
            connection.read_to_the_end()
        assert server.wait() == 0, server.output


def test_clients_beside_a_stop_see_unavailable_and_nothing_else(tmp_path):
    failures: list[grpc.StatusCode] = []
    with apus_server.ApusServer(tmp_path / "data") as server:
        begun = threading.Barrier(9)

        def ask() -> None:
            with channel(server, enable_retries=0) as opened:
                method = opened.unary_unary(LIST)
                method(b"")
                begun.wait()
                try:
                    while True:
                        method(b"", timeout=30)
                except grpc.RpcError as error:
                    failures.append(error.code())

        workers = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for worker in workers:
            worker.start()
        begun.wait()
        assert server.stop() == 0, server.output
        for worker in workers:
            worker.join(60)
    assert failures == [grpc.StatusCode.UNAVAILABLE] * 8
