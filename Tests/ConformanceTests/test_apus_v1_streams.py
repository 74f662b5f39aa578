"""Bulk upserts that go on where they were, and the changes of a collection (docs/protocol.md)."""

from __future__ import annotations

import http.client
import json
import queue
import random
import threading

import grpc
import jwt
import pytest
from qdrant_client.models import Distance, PointStruct, VectorParams

import apus_server
from apus_v1 import Apus, status
from conftest import connect

pytestmark = pytest.mark.server_only("extensions of this server")
VECTORS = VectorParams(size=4, distance=Distance.DOT)


@pytest.fixture(scope="module")
def apus(server):
    with Apus(server) as connected:
        yield connected


class Sending:
    """The messages of a call that go out one at a time."""

    def __init__(self) -> None:
        self.messages = queue.Queue()

    def __iter__(self):
        return iter(self.messages.get, None)

    def send(self, message) -> None:
        self.messages.put(message)

    def end(self) -> None:
        self.messages.put(None)


def batch(apus, sequence: int, ids, value: float = 0.0):
    columns = {
        "ids": [{"num": id} for id in ids],
        "vectors": [{"dimension": 4, "values": [value] * (4 * len(ids))}],
        "payloads": [json.dumps({"from": sequence}).encode() for _ in ids],
    }
    return apus.message("UpsertRequest", batch={"sequence": sequence, "columns": columns})


def start(apus, name: str, source: str = ""):
    return apus.message("UpsertRequest", start={"collection_name": name, "source": source})


def begun(apus, message):
    """A bulk upsert with what it is sent by, its answers, and the first of these."""
    sending = Sending()
    answers = apus.UpsertStream(iter(sending))
    sending.send(message)
    return sending, answers, next(answers)


def contents(client, name: str) -> dict:
    """Every point with all that it has."""
    points, offset = {}, None
    while True:
        page, offset = client.scroll(name, limit=1000, offset=offset, with_vectors=True)
        points.update({point.id: (point.payload, point.vector) for point in page})
        if offset is None:
            return points


def test_batches_are_acknowledged_with_their_versions(apus, client, collection):
    own = collection(vectors_config=VECTORS)
    sending = Sending()
    answers = apus.UpsertStream(iter(sending))
    sending.send(start(apus, own))
    assert (next(answers).sequence, client.count(own).count) == (0, 0)
    for sequence in (1, 2, 3):
        sending.send(batch(apus, sequence, range(sequence * 10, sequence * 10 + 10), sequence))
        answer = next(answers)
        assert (answer.sequence, answer.version) == (sequence, sequence)
        assert client.count(own).count == sequence * 10
    struct = {"id": {"uuid": "6f0c3a9e-51f5-4e51-8b4e-5f7f0d1c2b3a"},
              "vectors": {"vector": {"dense": {"data": [1, 2, 3, 4]}}}}
    sending.send(apus.message("UpsertRequest", batch={"sequence": 4, "points": [struct]}))
    assert next(answers).sequence == 4
    sending.end()
    assert list(answers) == []
    found = contents(client, own)
    assert found[25] == ({"from": 2}, [2, 2, 2, 2])
    assert found["6f0c3a9e-51f5-4e51-8b4e-5f7f0d1c2b3a"] == ({}, [1, 2, 3, 4])


def test_a_source_goes_on_where_it_was_after_a_crash(tmp_path):
    """Also when the process was killed: the position is in the same record as the points."""
    server = apus_server.ApusServer(tmp_path / "data")
    server.start()
    client = connect(server, "rest")
    client.create_collection("c", vectors_config=VECTORS)
    with Apus(server) as apus:
        sending = Sending()
        answers = apus.UpsertStream(iter(sending))
        sending.send(start(apus, "c", "loader"))
        for sequence in range(1, 6):
            sending.send(batch(apus, sequence, [sequence], sequence))
        seen = [next(answers).sequence for _ in range(6)]
        assert seen == [0, 1, 2, 3, 4, 5]
        server.kill()
        sending.end()
    client.close()

    server.start()
    client = connect(server, "rest")
    with Apus(server) as apus:
        for source, expected in (("loader", 5), ("other", 0)):
            sending = Sending()
            answers = apus.UpsertStream(iter(sending))
            sending.send(start(apus, "c", source))
            assert next(answers).sequence == expected
            if source == "loader":
                # What is there already is acknowledged and left alone.
                sending.send(batch(apus, 4, [4], 99))
                assert next(answers).sequence == 5
                sending.send(batch(apus, 6, [6], 6))
                assert next(answers).sequence == 6
            sending.end()
            assert list(answers) == []
    assert contents(client, "c")[4] == ({"from": 4}, [4, 4, 4, 4])
    assert client.count("c").count == 6
    client.close()
    assert server.stop() == 0


def test_of_two_that_load_one_source_only_one_goes_on(apus, client, collection):
    own = collection(vectors_config=VECTORS)
    streams = [begun(apus, start(apus, own, "s")) for _ in range(2)]
    assert [first.sequence for _, _, first in streams] == [0, 0]
    streams[0][0].send(batch(apus, 1, [1], 1))
    assert next(streams[0][1]).sequence == 1
    streams[1][0].send(batch(apus, 1, [1], 2))
    with pytest.raises(grpc.RpcError) as refused:
        next(streams[1][1])
    assert status(refused) == "FAILED_PRECONDITION"
    for sending, _, _ in streams:
        sending.end()
    assert contents(client, own) == {1: ({"from": 1}, [1, 1, 1, 1])}


@pytest.mark.parametrize("wrong", [
    lambda apus, own: [],
    lambda apus, own: [batch(apus, 1, [1])],
    lambda apus, own: [start(apus, "none")],
    lambda apus, own: [start(apus, own, "x" * 256)],
    lambda apus, own: [start(apus, own), start(apus, own)],
    lambda apus, own: [start(apus, own), batch(apus, 0, [1])],
    lambda apus, own: [start(apus, own), batch(apus, 2, [1])],
    lambda apus, own: [start(apus, own), batch(apus, 2**64 - 1, [1])],
    lambda apus, own: [start(apus, own), apus.message("UpsertRequest", batch={
        "sequence": 1, "columns": {"ids": [{"num": 1}], "vectors": [{"dimension": 4}]}})],
    lambda apus, own: [start(apus, own), apus.message("UpsertRequest", batch={
        "sequence": 1, "columns": {"ids": [{"num": 1}], "payloads": [b"{", b"{}"]}})],
    lambda apus, own: [start(apus, own), apus.message("UpsertRequest", batch={
        "sequence": 1, "columns": {"ids": [{"num": 1}], "payloads": [b"[1]"]}})],
    lambda apus, own: [start(apus, own), apus.message("UpsertRequest", batch={
        "sequence": 1, "columns": {"ids": [{"num": 1}], "vectors": [
            {"dimension": 3, "values": [1, 2, 3]}]}})],
])
def test_what_is_no_bulk_upsert_is_refused_and_changes_nothing(apus, client, collection, wrong):
    own = collection(vectors_config=VECTORS)
    with pytest.raises(grpc.RpcError) as refused:
        list(apus.UpsertStream(iter(wrong(apus, own))))
    assert status(refused) in ("INVALID_ARGUMENT", "NOT_FOUND")
    assert client.count(own).count == 0


def test_lines_of_json_are_a_bulk_upsert_too(rest, client, collection):
    own = collection(vectors_config=VECTORS)
    path = f"/apus/v1/collections/{own}/upsert?source=lines"

    def line(sequence, ids):
        points = [{"id": id, "vector": [id, 0, 0, 0], "payload": {"n": id}} for id in ids]
        return json.dumps({"sequence": sequence, "points": points}).encode() + b"\n"

    body = line(1, [1, 2]) + b"\n" + line(2, [3]).rstrip()
    assert rest("POST", path, raw=body).result == {"sequence": 2, "version": 2}
    assert rest("GET", path).result["sequence"] == 2
    wrong = rest("POST", path, raw=line(3, [4]) + b'{"sequence": 4}\n')
    assert wrong.status == 400 and "after batch 3" in wrong.error
    assert rest("GET", path).result["sequence"] == 3
    assert client.count(own).count == 4
    assert rest("POST", path, raw=line(9, [9])).status == 400


class Lines:
    """The changes of a collection over REST."""

    def __init__(self, server, name: str, query: str = "", headers=None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        self.connection.request(
            "GET", f"/apus/v1/collections/{name}/changes?{query}", headers=headers or {})
        self.response = self.connection.getresponse()

    def __iter__(self):
        while line := self.response.readline():
            yield json.loads(line)

    def close(self) -> None:
        self.connection.close()


def disturb(client, name: str, seed: int, rounds: int) -> None:
    """Writes of every kind."""
    chance = random.Random(seed)
    for turn in range(rounds):
        ids = [chance.randrange(60) for _ in range(5)]
        kind = turn % 5
        if kind == 3:
            client.delete(name, ids)
        elif kind == 4:
            client.set_payload(name, {"turn": turn}, points=[
                point.id for point in client.scroll(name, limit=3)[0]])
        else:
            client.upsert(name, [
                PointStruct(
                    id=id, vector=[chance.gauss(0, 1) for _ in range(4)],
                    payload={"turn": turn, "text": "ä" * (id % 7), "list": [1, None, 2.5]})
                for id in set(ids)], wait=True)


class Copy:
    """A collection that is nothing but the changes of another one."""

    def __init__(self, client, name: str) -> None:
        self.client, self.name, self.version = client, name, 0
        client.create_collection(name, vectors_config=VECTORS)

    def apply(self, line: dict) -> None:
        if line["upserts"]:
            self.client.upsert(self.name, [PointStruct(**point) for point in (
                {"payload": {}, **point} for point in line["upserts"])], wait=True)
        if line["deletes"]:
            self.client.delete(self.name, line["deletes"], wait=True)
        if line["is_last"]:
            assert line["version"] == self.version + 1
            self.version = line["version"]


def test_whoever_applies_the_changes_has_the_same_collection(server, client, collection):
    own = collection(vectors_config=VECTORS)
    copy = Copy(client, f"{own}-copy")
    disturb(client, own, seed=1, rounds=20)
    lines = Lines(server, own)
    changes = iter(lines)
    begin = next(changes)
    assert begin["version"] == 20 and begin["oldest"] == 1 and len(begin["log"]) == 32
    writer = threading.Thread(target=disturb, args=(client, own, 2, 20))
    writer.start()
    while copy.version < 40:
        copy.apply(next(changes))
    writer.join()
    lines.close()
    assert contents(client, copy.name) == contents(client, own)

    # A second time from the middle, to what is there now.
    later = list(Lines(server, own, "after=30&follow=false"))
    assert [line["version"] for line in later[1:]] == list(range(31, 41))
    client.delete_collection(copy.name)


def test_changes_over_grpc_are_those_over_rest(server, apus, client, collection):
    own = collection(vectors_config=VECTORS)
    disturb(client, own, seed=3, rounds=10)
    request = apus.message("ChangesRequest", collection_name=own, until_now=True)
    begin, *changes = apus.Changes(request)
    first, *lines = Lines(server, own, "follow=false")
    assert begin.start.log == first["log"] and begin.start.version == first["version"]
    assert len(changes) == len(lines) == 10
    for message, line in zip(changes, lines):
        change = message.change
        assert (change.version, change.time_ms, change.is_last) == (
            line["version"], line["time_ms"], True)
        assert [point.num for point in change.deletes] == line["deletes"]
        assert [
            (point.id.num, list(point.vectors.vector.dense.data)) for point in change.upserts
        ] == [(point["id"], pytest.approx(point["vector"])) for point in line["upserts"]]
    # Followed, it goes on.
    stream = apus.Changes(
        apus.message("ChangesRequest", collection_name=own, after=10, log=begin.start.log))
    next(stream)
    client.upsert(own, [PointStruct(id=77, vector=[1, 2, 3, 4])])
    change = next(stream).change
    assert change.version == 11 and change.upserts[0].id.num == 77
    stream.cancel()


def test_a_large_batch_comes_in_parts(apus, client, collection):
    own = collection(vectors_config=VectorParams(size=1024, distance=Distance.DOT))
    client.upsert(own, [PointStruct(id=n, vector=[n] * 1024) for n in range(1000)])
    _, *parts = apus.Changes(apus.message("ChangesRequest", collection_name=own, until_now=True))
    assert len(parts) > 2 and all(part.ByteSize() < 2 << 20 for part in parts)
    assert [part.change.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [point.id.num for part in parts for point in part.change.upserts] == list(range(1000))


def test_where_one_cannot_begin_is_said(server, apus, rest, client, collection):
    own = collection(vectors_config=VECTORS)
    client.upsert(own, [PointStruct(id=1, vector=[1, 2, 3, 4])])
    for fields, code in [
        ({"after": 2}, "FAILED_PRECONDITION"),
        ({"after": 2**63}, "INVALID_ARGUMENT"),
        ({"log": "0" * 32}, "FAILED_PRECONDITION"),
        ({"collection_name": "none"}, "NOT_FOUND"),
    ]:
        request = apus.message("ChangesRequest", **{"collection_name": own, **fields})
        with pytest.raises(grpc.RpcError) as refused:
            list(apus.Changes(request))
        assert status(refused) == code, fields
    path = f"/apus/v1/collections/{own}/changes"
    assert rest("GET", f"{path}?after=2").status == 400
    assert rest("GET", f"{path}?after=x").status == 400
    assert rest("GET", "/apus/v1/collections/none/changes").status == 404


SEALING = ("--set", "engine.segment_rows_max=1024")


@pytest.mark.parametrize("kept", [False, True])
def test_the_log_that_is_gone_is_named_and_retention_keeps_it(tmp_path, kept):
    arguments = SEALING + (("--set", "engine.log_retention=64MiB") if kept else ())
    with apus_server.ApusServer(tmp_path / "data", arguments=arguments) as server:
        client = connect(server, "rest")
        client.create_collection("c", vectors_config=VECTORS)
        with Apus(server) as apus:
            for turn in range(6):
                client.upsert("c", [
                    PointStruct(id=turn * 1000 + n, vector=[n, 0, 0, 0]) for n in range(1000)],
                    wait=True)
            request = apus.message("ChangesRequest", collection_name="c", until_now=True)
            deadline = 200
            while not kept and deadline:
                try:
                    begin = next(iter(apus.Changes(request)))
                except grpc.RpcError as error:
                    assert error.code().name == "FAILED_PRECONDITION"
                    assert "the oldest that is kept is" in error.details()
                    break
                assert begin.start.oldest == 1
                client.upsert("c", [
                    PointStruct(id=n, vector=[n, 1, 0, 0]) for n in range(1000)], wait=True)
                deadline -= 1
            assert kept or deadline
            if kept:
                changes = list(apus.Changes(request))
                assert changes[0].start.oldest == 1 and changes[-1].change.version == 6
        client.close()


def test_an_open_reader_keeps_the_log_that_it_has_not_read(tmp_path):
    with apus_server.ApusServer(tmp_path / "data", arguments=SEALING) as server:
        client = connect(server, "rest")
        client.create_collection("c", vectors_config=VECTORS)
        lines = Lines(server, "c")
        changes = iter(lines)
        next(changes)
        for turn in range(8):
            client.upsert("c", [
                PointStruct(id=n, vector=[turn, n, 0, 0]) for n in range(1000)], wait=True)
        seen = []
        while not seen or seen[-1]["version"] < 8:
            seen.append(next(changes))
        assert sum(len(line["upserts"]) for line in seen) == 8000
        lines.close()
        client.close()


def test_readers_end_when_the_server_stops(tmp_path):
    server = apus_server.ApusServer(tmp_path / "data")
    server.start()
    client = connect(server, "rest")
    client.create_collection("c", vectors_config=VECTORS)
    client.close()
    lines = Lines(server, "c")
    changes = iter(lines)
    next(changes)
    with Apus(server) as apus:
        stream = apus.Changes(apus.message("ChangesRequest", collection_name="c"))
        next(stream)
        sending = Sending()
        answers = apus.UpsertStream(iter(sending))
        sending.send(start(apus, "c"))
        next(answers)
        assert server.stop(patience=9) == 0
        for ended in (stream, answers):
            with pytest.raises(grpc.RpcError) as end:
                next(ended)
            assert status(end) == "UNAVAILABLE"
        sending.end()
    assert [line["status"] for line in changes] == [503]
    lines.close()


def test_tenants_have_no_changes_and_streams_are_bounded(tmp_path):
    secret = "a secret of more than thirty-two bytes, shared"
    environment = {"APUS_AUTH_JWT_SECRET": secret, "APUS_API_KEY": "key"}
    limit = ("--set", "limits.streams_max=1")
    with apus_server.ApusServer(
        tmp_path / "data", arguments=limit, environment=environment
    ) as server:
        owner = [("api-key", "key")]
        client = connect(server, "rest", api_key="key", https=False)
        client.create_collection("c", vectors_config=VECTORS)
        access = {"collection": "c", "access": "rw", "payload": {"tenant": "a"}}
        tenant = jwt.encode({"sub": "t", "access": [access]}, secret, algorithm="HS256")
        with Apus(server, metadata=[("api-key", tenant)]) as apus:
            request = apus.message("ChangesRequest", collection_name="c")
            with pytest.raises(grpc.RpcError) as refused:
                list(apus.Changes(request))
            assert status(refused) == "PERMISSION_DENIED"
            # What it writes in bulk has to be its own.
            messages = [start(apus, "c"), batch(apus, 1, [1])]
            with pytest.raises(grpc.RpcError) as refused:
                list(apus.UpsertStream(iter(messages)))
            assert status(refused) == "PERMISSION_DENIED"
        assert Lines(server, "c", headers={"api-key": tenant}).response.status == 403
        assert client.count("c").count == 0
        with Apus(server, metadata=owner) as apus:
            first = apus.Changes(apus.message("ChangesRequest", collection_name="c"))
            next(first)
            with pytest.raises(grpc.RpcError) as refused:
                list(apus.Changes(apus.message("ChangesRequest", collection_name="c")))
            assert status(refused) == "RESOURCE_EXHAUSTED"
            first.cancel()
        client.close()
