"""Clients that hold or abuse the REST door: refused rightly, in bounded memory, and others are served."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time

import pytest

import apus_server
import http2
from memory import MEGABYTE, resident_bytes
from rest import Rest


@pytest.fixture(scope="module")
def hostile():
    """A server that waits for nobody longer than a second."""
    with apus_server.temporary_server(arguments=("--set", "server.idle_timeout=1s")) as running:
        rest = Rest(running.url)
        assert rest("PUT", "/collections/c", {
            "vectors": {"size": 2, "distance": "Dot"}}).status == 200
        yield running
        assert running.alive, running.output


@pytest.fixture
def rest(hostile):
    """Afterwards the next honest request is served."""
    asked = Rest(hostile.url)
    yield asked
    reply = asked("POST", "/collections/c/points/count", {})
    assert reply.result == {"count": 0}


def connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.http_port), timeout=30)


def everything(opened: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := opened.recv(65_536):
            received += piece
    return received


def status(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


HEAD = b"POST /collections/c/points/count HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "beginning", [
        b"", b"POST /coll", HEAD, HEAD + b"Content-Length: 10\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", HEAD + b"X: " + b"y" * 10_000,
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunk", "half a field"],
)
def test_who_stops_in_the_middle_is_cut_off(hostile, rest, beginning):
    with connect(hostile) as opened:
        opened.sendall(beginning)
        everything(opened)


@pytest.mark.parametrize("dribble", ["head", "body"])
def test_who_says_a_byte_now_and_then_is_cut_off_too(hostile, rest, dribble):
    """Slow loris: never silent for as long as the idle timeout, never done either."""
    with connect(hostile) as opened:
        opened.sendall(HEAD if dribble == "head" else HEAD + b"Content-Length: 100000\r\n\r\n{")
        opened.settimeout(0.3)
        end = time.monotonic() + 30
        closed = False
        while not closed and time.monotonic() < end:
            try:
                opened.sendall(b"X: y\r\n" if dribble == "head" else b" ")
                closed = opened.recv(1_000) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
        assert closed


def test_half_open_connections_are_let_go(hostile, rest):
    """The client has sent all it will ever send: it is answered, and then the connection ends."""
    with connect(hostile) as opened:
        opened.sendall(HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        opened.shutdown(socket.SHUT_WR)
        assert status(everything(opened)) == 200
    with connect(hostile) as opened:
        opened.shutdown(socket.SHUT_WR)
        assert everything(opened) == b""


@pytest.mark.parametrize(
    "request_bytes", [
        b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked, x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET / HTTP/1.1\r\nX\x00: y\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"G" * 200_000,
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=["zeros", "TLS", "no target", "a version", "a negative length", "two lengths", "no chunk",
         "a coding", "no field name", "a zero in a name", "the other door's preface", "no space",
         "a long target", "many fields", "a long field"],
)
def test_what_is_no_request_ends_the_connection(hostile, rest, request_bytes):
    with connect(hostile) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(request_bytes)
        received = everything(opened)
    assert not received or 400 <= status(received) < 500, received[:200]


def test_requests_behind_each_other_are_answered_in_order(hostile, rest):
    with connect(hostile) as opened:
        for size in (2, 40, 2):
            body = b"{" + b" " * (size - 2) + b"}"
            opened.sendall(
                HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size + body)
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = everything(opened)
    assert received.count(b"HTTP/1.1 200") == 4 and received.endswith(b"healthz check passed")


# MARK: bodies

def test_a_body_over_the_limit_is_refused_before_it_is_read(hostile, rest):
    before = resident_bytes(hostile)
    with connect(hostile) as opened:
        opened.sendall(HEAD + b"Content-Length: 999999999999\r\n\r\n")
        reply = opened.recv(65_536)
    assert status(reply) == 400 and b"larger than allowed" in reply
    with connect(hostile) as opened:
        opened.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                opened.sendall(chunk)
        received = everything(opened)
    assert not received or status(received) == 400
    assert resident_bytes(hostile) - before < 160 * MEGABYTE


def test_a_million_points_without_vectors(hostile, rest):
    raw = b'{"points":[' + b",".join(b'{"id":%d}' % n for n in range(1_000_000)) + b"]}"
    reply = rest("PUT", "/collections/c/points?wait=true", raw=raw)
    assert reply.status == 400 and "vector" in reply.error


def test_a_million_small_elements(hostile, rest):
    for raw in (
        b'{"points":[' + b",".join([b"{}"] * 1_000_000) + b"]}",
        b'{"points":[' + b",".join([b"0"] * 1_000_000) + b"]}",
        b'{"points":[' + b",".join([b"[]"] * 1_000_000) + b"]}",
    ):
        assert rest("PUT", "/collections/c/points", raw=raw).status == 400
    ids = b'{"ids":[' + b",".join(b"%d" % n for n in range(1_000_000)) + b"]}"
    assert rest("POST", "/collections/c/points", raw=ids).result == []


@pytest.mark.parametrize("opening, closing", [
    (b"[", b"]"), (b'{"a":', b"}"), (b'{"must":[', b"]}"), (b'{"nested":{"key":"a","filter":', b"}}"),
    (b'{"prefetch":', b"}"), (b'{"sum":[', b"]}"),
], ids=["lists", "objects", "filters", "nested", "prefetches", "formulas"])
@pytest.mark.parametrize("field", ["filter", "payload", "query", "prefetch", "formula"])
def test_depth_without_end(hostile, rest, opening, closing, field):
    deep = opening * 50_000 + b"1" + closing * 50_000
    bodies = {
        "filter": ("POST", "points/count", b'{"filter":' + deep + b"}"),
        "payload": ("PUT", "points", b'{"points":[{"id":1,"vector":[1,2],"payload":' + deep + b"}]}"),
        "query": ("POST", "points/query", b'{"query":' + deep + b"}"),
        "prefetch": ("POST", "points/query", b'{"prefetch":' + deep + b"}"),
        "formula": ("POST", "points/query", b'{"query":{"formula":' + deep + b"}}"),
    }
    method, path, raw = bodies[field]
    reply = rest(method, f"/collections/c/{path}", raw=raw)
    assert reply.status in (400, 422) and reply.error


def test_of_equal_keys_the_last_one_counts(hostile, rest):
    raw = b'{"limit": 1, "limit": 2, "filter": {"must": []}, "filter": null}'
    assert rest("POST", "/collections/c/points/query", raw=raw).status == 200
    payload = b'{"points":[{"id":1,"id":2,"vector":[9],"vector":[1,2],"payload":{"a":1,"a":2}}]}'
    assert rest("PUT", "/collections/c/points?wait=true", raw=payload).status == 200
    [point] = rest("POST", "/collections/c/points/scroll", {}).result["points"]
    assert (point["id"], point["payload"]) == (2, {"a": 2})
    assert rest("POST", "/collections/c/points/delete?wait=true", {"filter": {}}).status == 200


@pytest.mark.parametrize("text", [
    b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\\ud800",
    b"\\ud800\\ud800", b"\\udc00", b"\x00", b"\n", b"\\x", b"\\u12",
])
def test_texts_that_are_none(hostile, rest, text):
    for raw in (
        b'{"points":[{"id":1,"vector":[1,2],"payload":{"a":"' + text + b'"}}]}',
        b'{"points":[{"id":1,"vector":[1,2],"payload":{"' + text + b'":1}}]}',
        b'{"points":[{"id":1,"vector":{"' + text + b'":[1,2]}}]}',
    ):
        reply = rest("PUT", "/collections/c/points?wait=true", raw=raw)
        assert reply.status == 400 and reply.error, reply.text


@pytest.mark.parametrize(
    "path", ["/collections/%ff", "/collections/%", "/collections/%zz", "/collections/%c0%af",
             "/collections/..%2f..%2fetc", "/collections/%00", "/collections/" + "a" * 5_000,
             "/collections/c/points/%ff", "/collections/c?wait=%ff"])
def test_names_that_are_none(hostile, rest, path):
    reply = rest("GET", path)
    assert reply.status in (400, 404, 422) and reply.error


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "x", ""])
def test_a_content_type_changes_nothing_about_json(hostile, rest, kind):
    """The body is JSON or is refused; what it calls itself has no effect."""
    headers = {"Content-Type": kind}
    path = "/collections/c/points/count"
    assert rest("POST", path, raw=b"{}", headers=headers).status == 200
    assert rest("POST", path, raw=b"<a/>", headers=headers).status == 400
    upload = rest("POST", "/collections/c/snapshots/upload", raw=b"{}", headers=headers)
    assert upload.status == 400 and "multipart" in upload.error


# MARK: many, and slow ones

def test_readers_that_do_not_read(hostile, rest):
    """Answers that nobody fetches: cut off, and their memory given back."""
    points = [{"id": n, "vector": [1, 2], "payload": {"t": "x" * 10_000}} for n in range(800)]
    assert rest("PUT", "/collections/c/points?wait=true", {"points": points}).status == 200
    before = resident_bytes(hostile)
    body = json.dumps({"limit": 800}).encode()
    request = (
        b"POST /collections/c/points/scroll HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    stalled = []
    for _ in range(60):
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        opened.settimeout(30)
        opened.connect(("127.0.0.1", hostile.http_port))
        opened.sendall(request)
        stalled.append(opened)
    try:
        assert rest("GET", "/healthz").status == 200
        assert wait_until(lambda: resident_bytes(hostile) - before < 160 * MEGABYTE)
    finally:
        for opened in stalled:
            opened.close()
        rest("POST", "/collections/c/points/delete?wait=true", {"filter": {}})


def wait_until(holds, patience: float = 30) -> bool:
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_ten_thousand_idle_connections_cost_little():
    count, rest_share = 10_000, 6_500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The server's own limit is that of this process, and half of it is for connections.
    if hard != resource.RLIM_INFINITY and hard < 2 * count:
        pytest.skip(f"{2 * count} descriptors are needed, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened: list[socket.socket] = []
    try:
        with apus_server.temporary_server(
            arguments=("--set", f"server.connections_max={count}")
        ) as server:
            asked = Rest(server.url)
            assert asked("GET", "/healthz").status == 200
            before = resident_bytes(server)
            for number in range(count):
                port = server.http_port if number < rest_share else server.grpc_port
                opened.append(socket.create_connection(("127.0.0.1", port), timeout=60))
                if number >= rest_share:
                    opened[-1].sendall(http2.PREFACE + bytes(3) + b"\x04" + bytes(5))
            # All of them are accepted, and the next ones are served.
            for number in range(0, rest_share, 500):
                opened[number].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert status(opened[number].recv(65_536)) == 200
            assert asked("GET", "/readyz").status == 200
            with http2.Connection(server.grpc_port) as last:
                assert last.call(1, "/grpc.health.v1.Health/Check").status == 0
            each = (resident_bytes(server) - before) / count
            assert each < 40 * 1024, f"{each / 1024:.1f} KiB for each connection"
    finally:
        for each_socket in opened:
            each_socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
