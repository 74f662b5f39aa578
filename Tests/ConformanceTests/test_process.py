"""The process: starting, stopping, restarting, and bytes on its ports that are no protocol."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import threading
import time

import grpc
import numpy as np
import pytest
from qdrant_client import grpc as wire
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

import apus_server
from conftest import connect
from rest import Rest

PLAIN = VectorParams(size=4, distance=Distance.EUCLID)


@pytest.fixture
def data(tmp_path) -> pathlib.Path:
    return tmp_path / "data"


def fill(server, name="kept", count=500) -> np.ndarray:
    """A collection of seeded rows, payload `n` = id."""
    rows = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
    client = connect(server, "grpc")
    client.create_collection(
        name, vectors_config=PLAIN, sparse_vectors_config={"s": models.SparseVectorParams()}
    )
    client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
    client.upsert(name, [
        PointStruct(
            id=n, vector={"": row.tolist(), "s": models.SparseVector(indices=[n], values=[1])},
            payload={"n": n},
        )
        for n, row in enumerate(rows)
    ])
    client.close()
    return rows


def assert_filled(server, rows: np.ndarray, name="kept", missing=()) -> None:
    client = connect(server, "grpc")
    records, _ = client.scroll(name, limit=len(rows) + 1, with_vectors=True)
    assert [each.id for each in records] == [n for n in range(len(rows)) if n not in missing]
    for each in records:
        assert each.payload["n"] == each.id
        assert np.array_equal(np.float32(each.vector[""]), rows[each.id])
        assert each.vector["s"].indices == [each.id]
    for n in range(0, len(rows), 50):
        if n not in missing:
            assert client.query_points(name, query=rows[n]).points[0].id == n
    client.close()


def test_everything_is_there_after_a_restart(data):
    server = apus_server.ApusServer(data).start()
    rows = fill(server)
    client = connect(server, "grpc")
    client.delete("kept", [5, 6])
    client.set_payload("kept", {"extra": "x"}, points=[7])
    client.update_collection_aliases([models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name="kept", alias_name="also"))])
    before = client.get_collection("kept").config
    client.close()
    for _ in range(3):
        assert server.stop() == 0, server.output
        server.start()
        assert_filled(server, rows, missing=(5, 6))
    client = connect(server, "grpc")
    assert client.retrieve("kept", [7])[0].payload == {"n": 7, "extra": "x"}
    assert client.count("also").count == 498
    assert client.get_collection("kept").config == before
    assert "n" in client.get_collection("kept").payload_schema
    client.delete_collection("kept")
    client.close()
    server.stop()
    server.start()
    client = connect(server, "grpc")
    assert client.collection_exists("kept") is False
    client.close()
    assert server.stop() == 0
    checked = apus_server.run("check", str(data))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_server_that_was_never_written_to_starts_again(data):
    for _ in range(2):
        with apus_server.ApusServer(data) as server:
            assert Rest(server.url)("GET", "/collections").result == {"collections": []}


def test_a_second_server_on_one_folder_is_refused(data):
    with apus_server.ApusServer(data) as first:
        rows = fill(first)
        second = apus_server.ApusServer(data)
        with pytest.raises(apus_server.StartFailed) as failure:
            second.start()
        assert failure.value.status is not None and failure.value.status > 0
        assert str(data) in failure.value.output, failure.value.output
        assert_filled(first, rows)


def test_a_port_that_is_taken_is_named(data):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = apus_server.ApusServer(data, arguments=("--http-port", str(port)))
        with pytest.raises(apus_server.StartFailed) as failure:
            server.start()
        assert failure.value.status is not None and failure.value.status > 0
        assert str(port) in failure.value.output, failure.value.output


def test_sigterm_under_load_loses_nothing_acknowledged(data):
    server = apus_server.ApusServer(data).start()
    client = connect(server, "grpc")
    client.create_collection("kept", vectors_config=PLAIN)
    client.close()
    acknowledged: list[int] = []
    unexpected: list[str] = []

    def write(worker: int) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            points = wire.PointsStub(channel)
            for n in range(worker, 1_000_000, 8):
                dense = wire.DenseVector(data=[n, 0, 0, 0])
                row = wire.PointStruct(
                    id=wire.PointId(num=n), vectors=wire.Vectors(vector=wire.Vector(dense=dense))
                )
                try:
                    points.Upsert(
                        wire.UpsertPoints(collection_name="kept", points=[row], wait=True),
                        timeout=60,
                    )
                except grpc.RpcError as error:
                    if error.code() not in (
                        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                    ):
                        unexpected.append(f"{error.code()} {error.details()}")
                    return
                acknowledged.append(n)

    workers = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(8)]
    for worker in workers:
        worker.start()
    while len(acknowledged) < 200:
        assert server.alive and not unexpected
        time.sleep(0.01)
    assert server.stop(patience=60) == 0, server.output
    for worker in workers:
        worker.join(60)
    assert not unexpected
    server.start()
    client = connect(server, "grpc")
    found = {each.id for each in client.scroll("kept", limit=1_000_000)[0]}
    client.close()
    assert set(acknowledged) <= found
    assert server.stop() == 0


def test_idle_and_half_open_connections_do_not_hold_a_stop_up(data):
    server = apus_server.ApusServer(data).start()
    with contextlib.ExitStack() as stack:
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}"))
        wire.QdrantStub(channel).HealthCheck(wire.HealthCheckRequest())
        for port in (server.http_port, server.grpc_port):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        half = stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port)))
        half.sendall(b"PUT /collections/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        assert server.stop(patience=60) == 0, server.output
        assert time.monotonic() - began < 30


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GARBAGE = {
    "zeros": b"\0" * 4096,
    "noise": np.random.default_rng(6).bytes(65_536),
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\x11" * 189,
    "no request line": b"\r\n\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000,
    "a negative length": b"PUT /collections/x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a huge length": b"PUT /collections/x HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "two lengths": b"PUT /collections/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                   b"Content-Length: 3\r\n\r\n{}x",
    "a broken chunk": b"PUT /collections/x HTTP/1.1\r\nHost: x\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a preface and noise": PREFACE + np.random.default_rng(7).bytes(65_536),
    "a frame beyond the limit": PREFACE + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "data before headers": PREFACE + b"\x00\x00\x04\x00\x00\x00\x00\x00\x00"
                           + b"\x00\x00\x08\x00\x01\x00\x00\x00\x01" + b"\x00" * 8,
    "half a path": b"GET /collections/%zz%f HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots": b"GET /collections/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("port", ["http", "grpc"])
def test_garbage_on_a_port_harms_nobody(server, kind, port):
    number = server.http_port if port == "http" else server.grpc_port
    for _ in range(3):
        with contextlib.closing(socket.create_connection(("127.0.0.1", number))) as connection:
            connection.settimeout(2)
            with contextlib.suppress(OSError):
                connection.sendall(GARBAGE[kind])
                connection.recv(65_536)
    assert server.alive, server.output
    assert Rest(server.url)("GET", "/healthz").status == 200
    client = connect(server, "grpc")
    client.get_collections()
    client.close()


def test_many_connections_at_once(server):
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            for port in (server.http_port, server.grpc_port):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert Rest(server.url)("GET", "/healthz").status == 200
    assert server.alive


def test_a_client_that_hangs_up_in_the_middle(server, rest, name):
    rest("PUT", f"/collections/{name}", {"vectors": {"size": 2, "distance": "Dot"}}).result
    head = (f"PUT /collections/{name}/points?wait=true HTTP/1.1\r\nHost: x\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n").encode()
    for _ in range(20):
        with contextlib.closing(
            socket.create_connection(("127.0.0.1", server.http_port))
        ) as connection:
            connection.sendall(head + b'{"points": [{"id": 1, "vector": [1, 1]}]}')
    assert rest("POST", f"/collections/{name}/points/count", {}).result == {"count": 0}
    rest("DELETE", f"/collections/{name}")
