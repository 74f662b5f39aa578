"""Clients that flood the gRPC door: cut off or held back, in bounded memory, and others are served."""

from __future__ import annotations

import socket
import struct

import grpc
import hpack
import pytest
from hyperframe import frame as frames
from qdrant_client import grpc as wire

import apus_server
import http2
from memory import MEGABYTE, resident_bytes
from test_transport import HEALTH, LIST, SERVING, channel, fill

#: More than any of these floods may cost.
COST_MAX = 96 * MEGABYTE


@pytest.fixture(scope="module")
def server():
    with apus_server.temporary_server() as running:
        with http2.Connection(running.grpc_port) as first:
            assert first.call(1, HEALTH).message == SERVING
        yield running
        assert running.alive, running.output


@pytest.fixture
def flooded(server):
    """A connection to flood. Afterwards others are served, and memory is about what it was."""
    before = resident_bytes(server)
    with http2.Connection(server.grpc_port) as connection:
        yield connection
        # While the flood's connection is still there.
        with http2.Connection(server.grpc_port) as honest:
            assert honest.call(1, HEALTH).message == SERVING
        assert resident_bytes(server) - before < COST_MAX


def ended(connection: http2.Connection) -> int | None:
    """Waits for the server to end the connection; the code of its goodbye, if that came through."""
    connection.read_to_the_end()
    return connection.goodbyes[-1].error_code if connection.goodbyes else None


def headers(stream: int, path: str = HEALTH, end: bool = False) -> bytes:
    """Headers that leave no trace in the table, so that they can be sent in any number."""
    block = b"".join([
        b"\x83\x86", literal(b":path", path.encode()), literal(b":authority", b"x"),
        literal(b"content-type", b"application/grpc"), literal(b"te", b"trailers"),
    ])
    flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
    return frames.HeadersFrame(stream, block, flags=flags).serialize()


def literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def test_rapid_reset(flooded):
    """Calls that are begun and taken back at once (CVE-2023-44487)."""
    for first in range(1, 40_001, 400):
        flooded.send_bytes(b"".join(
            headers(stream, LIST) + frames.RstStreamFrame(stream, http2.CANCEL).serialize()
            for stream in range(first, first + 400, 2)))
    assert ended(flooded) in (None, http2.ENHANCE_YOUR_CALM)


def test_resets_that_the_server_is_made_to_send(flooded):
    """Each stream breaks a rule, so the server resets it (CVE-2025-8671)."""
    for first in range(1, 80_001, 400):
        flooded.send_bytes(b"".join(
            headers(stream) + frames.WindowUpdateFrame(stream, 0).serialize()
            for stream in range(first, first + 400, 2)))
    assert ended(flooded) is None or flooded.goodbyes[-1].error_code != http2.NO_ERROR


@pytest.mark.parametrize("frame", [
    frames.SettingsFrame(0), frames.SettingsFrame(0, settings={1: 0}), frames.PingFrame(0, bytes(8)),
], ids=["settings", "a setting", "pings"])
def test_frames_that_are_to_be_answered(flooded, frame):
    """Whoever does not read the answers (CVE-2019-9512, 9515) is cut off."""
    flood = frame.serialize() * 1_000
    for _ in range(200):
        flooded.send_bytes(flood)
    assert ended(flooded) in (None, http2.ENHANCE_YOUR_CALM)


@pytest.mark.parametrize("frame", [
    frames.DataFrame(1, b"").serialize(), frames.PriorityFrame(1).serialize(),
    frames.WindowUpdateFrame(0, 1).serialize(), struct.pack(">I", 0)[1:] + b"\xbb\x00\0\0\0\0",
], ids=["empty data", "priorities", "window updates", "unknown frames"])
def test_frames_that_say_nothing(flooded, frame):
    """They cost work (CVE-2019-9518, 9513): the connection is cut off, or they are passed over."""
    flooded.send_bytes(headers(1))
    flood = frame * 1_000
    for _ in range(200):
        flooded.send_bytes(flood)


def test_headers_that_never_end(flooded):
    """A block in pieces without a last one (CVE-2024-27316)."""
    flooded.send_bytes(frames.HeadersFrame(1, b"\x83\x86", flags=[]).serialize())
    piece = frames.ContinuationFrame(1, literal(b"a", b"x" * 100) * 100, flags=[]).serialize()
    for _ in range(5_000):
        flooded.send_bytes(piece)
    assert ended(flooded) != http2.NO_ERROR


def test_headers_in_pieces_of_nothing(flooded):
    flooded.send_bytes(frames.HeadersFrame(1, b"\x83\x86", flags=[]).serialize())
    pieces = frames.ContinuationFrame(1, b"", flags=[]).serialize() * 1_000
    for _ in range(100):
        flooded.send_bytes(pieces)
    assert ended(flooded) != http2.NO_ERROR


def test_a_few_bytes_that_unpack_to_many(flooded):
    """One long field in the table, then thousands of references to it (CVE-2016-6581)."""
    encoder = hpack.Encoder()
    block = encoder.encode([
        (":method", "POST"), (":scheme", "http"), (":path", HEALTH), (":authority", "x"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("bomb", "x" * 3_900)])
    flooded.send(frames.HeadersFrame(1, block, flags=["END_HEADERS"]))
    bomb = bytes([0x80 | 62])
    for stream in range(3, 203, 2):
        flooded.send(frames.HeadersFrame(stream, bomb * 16_000, flags=["END_HEADERS"]))
    flooded.answer(3)
    assert flooded.closed or flooded.answers[3].reset is not None


def test_calls_that_never_say_what_they_want(flooded):
    """As many streams as there may be, each with a message that stops before its end."""
    part = struct.pack(">BI", 0, 400_000_000) + bytes(3_000)
    for stream in range(1, 2_047, 2):
        flooded.send_bytes(
            headers(stream, LIST) + frames.DataFrame(stream, part).serialize())
    # One more than that is refused.
    flooded.send_bytes(headers(2_049, LIST, end=True))
    flooded.answer(2_049)
    assert flooded.closed or flooded.answers[2_049].reset is not None


@pytest.fixture
def large(server):
    """A collection of which a page is two megabytes."""
    with channel(server) as opened:
        fill(opened, "large", 200, words=2_000)
        yield wire.ScrollPoints(
            collection_name="large", limit=200,
            with_payload=wire.WithPayloadSelector(enable=True)).SerializeToString()
        wire.CollectionsStub(opened).Delete(wire.DeleteCollection(collection_name="large"))


def test_answers_that_nobody_reads(server, large):
    """A window of nothing: answers wait in the server up to a bound, the others are refused."""
    bound, calls = 256 * MEGABYTE, 200
    before = resident_bytes(server)
    with http2.Connection(server.grpc_port) as connection:
        connection.socket.settimeout(120)
        # Then the server knows that its client has read how many streams there may be.
        assert connection.call(1, HEALTH).message == SERVING
        connection.send(frames.SettingsFrame(0, settings={4: 0}))
        for stream in range(3, 2 * calls + 3, 2):
            connection.send_bytes(
                headers(stream, "/qdrant.Points/Scroll")
                + frames.DataFrame(stream, http2.prefixed(large), flags=["END_STREAM"]).serialize())
        refused = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        connection.read_until(
            lambda: sum(each.status == refused for each in connection.answers.values())
            >= calls - bound // (2 * MEGABYTE) - 8)
        assert not connection.closed
        with http2.Connection(server.grpc_port) as honest:
            honest.socket.settimeout(120)
            assert honest.call(1, HEALTH).message == SERVING
        assert resident_bytes(server) - before < bound + 2 * COST_MAX


def test_a_client_that_reads_slowly_gets_its_answer(server, large):
    with http2.Connection(server.grpc_port) as connection:
        connection.send(frames.SettingsFrame(0, settings={4: 16_384}))
        connection.headers(1, "/qdrant.Points/Scroll")
        connection.data(1, http2.prefixed(large))
        answer = connection.answers.setdefault(1, http2.Answer())
        read = 0
        while not answer.ended:
            connection.read_until(lambda: len(answer.body) > read or answer.ended)
            step, read = len(answer.body) - read, len(answer.body)
            if step:
                connection.send(
                    frames.WindowUpdateFrame(0, step), frames.WindowUpdateFrame(1, step))
        assert answer.status == 0 and len(answer.message) > MEGABYTE
