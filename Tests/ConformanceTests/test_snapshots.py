"""Snapshots through the unmodified client and plain HTTP: create, list, download, delete, upload,
recover, and all of it while writes go on."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.error
import urllib.request
import uuid

import pytest
from qdrant_client import models

import apus_server
from conftest import connect

pytestmark = pytest.mark.server_only("the in-memory mode has no snapshots")

VECTORS = models.VectorParams(size=4, distance=models.Distance.EUCLID)


def points(start: int, count: int) -> list[models.PointStruct]:
    return [
        models.PointStruct(id=n, vector=[n, n % 7, 1, 0], payload={"n": n})
        for n in range(start, start + count)
    ]


def contents(client, name: str) -> dict:
    found, _ = client.scroll(name, limit=100_000, with_payload=True, with_vectors=True)
    return {point.id: (point.payload, point.vector) for point in found}


def download(server, path: str) -> bytes:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=60) as answer:
        body = answer.read()
        assert int(answer.headers["content-length"]) == len(body)
        return body


def upload(server, name: str, archive: bytes, query: str = "") -> dict:
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="snapshot"; '
        f'filename="x.snapshot"\r\nContent-Type: application/octet-stream\r\n\r\n'
    ).encode() + archive + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{server.url}/collections/{name}/snapshots/upload{query}", data=body, method="POST",
        headers={"content-type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def refusal(call) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as error:
        call()
    return error.value.code, json.load(error.value)["status"]["error"]


@pytest.fixture
def filled(client, collection) -> str:
    name = collection(vectors_config=VECTORS)
    client.upsert(name, points(0, 500), wait=True)
    client.delete(name, models.PointIdsList(points=list(range(10))), wait=True)
    yield name
    for snapshot in client.list_snapshots(name):
        client.delete_snapshot(name, snapshot.name, wait=True)


def assert_checksum(transport: str, found: str | None, expected: str) -> None:
    """The client leaves the checksum of gRPC answers out."""
    assert found == expected or (transport == "grpc" and found is None)


def test_a_snapshot_is_made_listed_and_deleted(client, filled):
    assert client.list_snapshots(filled) == []
    snapshot = client.create_snapshot(filled, wait=True)
    assert snapshot.size > 0
    assert snapshot.creation_time
    assert [found.name for found in client.list_snapshots(filled)] == [snapshot.name]
    assert client.delete_snapshot(filled, snapshot.name, wait=True)
    assert client.list_snapshots(filled) == []


def test_what_is_unknown_is_not_found(client, server, filled):
    for call in (
        lambda: client.delete_snapshot(filled, "none.snapshot", wait=True),
        lambda: client.create_snapshot(f"{filled}-unknown"),
        lambda: client.list_snapshots(f"{filled}-unknown"),
    ):
        with pytest.raises(Exception) as error:
            call()
        assert "404" in str(error.value) or "NOT_FOUND" in str(error.value)
    for path in (f"/collections/{filled}/snapshots/none", "/snapshots/..%2F..%2FAPUS"):
        assert refusal(lambda: download(server, path))[0] == 404


def test_a_download_restores_into_another_collection(
    client, transport, server, filled, collection
):
    before = contents(client, filled)
    snapshot = client.create_snapshot(filled, wait=True)
    archive = download(server, f"/collections/{filled}/snapshots/{snapshot.name}")
    assert len(archive) == snapshot.size
    checksum = hashlib.sha256(archive).hexdigest()
    assert_checksum(transport, snapshot.checksum, checksum)
    client.upsert(filled, points(5000, 10), wait=True)
    other = collection(vectors_config=models.VectorParams(size=9, distance="Dot"))
    answer = upload(server, other, archive, f"?checksum={checksum}&priority=snapshot")
    assert answer["result"] is True
    assert contents(client, other) == before
    assert client.get_collection(other).config.params.vectors.size == 4
    client.upsert(other, points(7000, 5), wait=True)
    assert client.count(other).count == len(before) + 5


def test_an_upload_that_is_damaged_changes_nothing(client, server, filled):
    before = contents(client, filled)
    snapshot = client.create_snapshot(filled, wait=True)
    archive = bytearray(download(server, f"/collections/{filled}/snapshots/{snapshot.name}"))
    archive[len(archive) // 2] ^= 1
    code, text = refusal(lambda: upload(server, filled, bytes(archive)))
    assert code >= 400
    assert "expected" in text
    code, text = refusal(lambda: upload(server, filled, bytes(archive[:1000])))
    assert code >= 400
    code, text = refusal(
        lambda: upload(server, filled, b"no archive", "?checksum=" + 64 * "0"))
    assert code == 400 and "checksum" in text
    assert contents(client, filled) == before


def test_a_collection_recovers_from_its_own_snapshot(client, server, filled):
    before = contents(client, filled)
    snapshot = client.create_snapshot(filled, wait=True)
    client.delete(filled, models.Filter(), wait=True)
    assert client.count(filled).count == 0
    path = f"{server.data}/snapshots.d/collections/{filled}/{snapshot.name}"
    assert client.recover_snapshot(
        filled, f"file://{path}", priority=models.SnapshotPriority.SNAPSHOT, wait=True)
    assert contents(client, filled) == before


def test_recovering_reads_no_other_file_and_fetches_nothing(client, server, filled):
    for location, part in (
        ("file:///etc/passwd", "directory of snapshots"),
        (f"file://{server.data}/snapshots.d/../APUS", "directory of snapshots"),
        (f"file://{server.data}/snapshots.d/none.snapshot", "404"),
        ("http://127.0.0.1:1/x.snapshot", "Not supported"),
        ("https://example.org/x.snapshot", "Not supported"),
        ("nonsense", "expected a file"),
    ):
        with pytest.raises(Exception) as error:
            client.recover_snapshot(filled, location, wait=True)
        assert part in str(error.value), location


def test_a_full_snapshot_has_every_collection(client, transport, server, filled):
    snapshot = client.create_full_snapshot(wait=True)
    assert snapshot.name in [found.name for found in client.list_full_snapshots()]
    archive = download(server, f"/snapshots/{snapshot.name}")
    assert_checksum(transport, snapshot.checksum, hashlib.sha256(archive).hexdigest())
    assert filled.encode() in archive
    assert client.delete_full_snapshot(snapshot.name, wait=True)
    assert snapshot.name not in [found.name for found in client.list_full_snapshots()]


def test_not_waiting_is_answered_at_once(server, filled):
    request = urllib.request.Request(
        f"{server.url}/collections/{filled}/snapshots?wait=false", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 202
        assert json.load(answer)["status"] == "accepted"


def test_a_snapshot_taken_while_writes_go_on_is_a_prefix_of_them(tmp_path):
    with apus_server.ApusServer(tmp_path / "data") as own:
        client = connect(own, "rest")
        client.create_collection("c", vectors_config=VECTORS)
        stop = threading.Event()

        def write() -> None:
            writer, start = connect(own, "grpc"), 0
            while not stop.is_set():
                writer.upsert("c", points(start, 20), wait=True)
                start += 20

        thread = threading.Thread(target=write)
        thread.start()
        try:
            snapshots = [client.create_snapshot("c", wait=True) for _ in range(5)]
        finally:
            stop.set()
            thread.join()
        sizes = []
        for snapshot in snapshots:
            archive = download(own, f"/collections/c/snapshots/{snapshot.name}")
            upload(own, "copy", archive)
            ids = sorted(contents(client, "copy"))
            assert ids == list(range(len(ids)))
            assert len(ids) % 20 == 0
            sizes.append(len(ids))
        assert sizes == sorted(sizes)
        assert own.stop() == 0
        checked = apus_server.run("check", str(tmp_path / "data"))
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_command_line_restores_to_a_batch_and_a_time(tmp_path):
    data, backup = tmp_path / "data", tmp_path / "backup"
    with apus_server.ApusServer(
        data, arguments=("--archive", str(backup), "--snapshots", str(backup))
    ) as own:
        client = connect(own, "rest")
        client.create_collection("c", vectors_config=VECTORS)
        for batch in range(5):
            client.upsert("c", points(batch * 20, 20), wait=True)
            if batch == 1:
                client.create_snapshot("c", wait=True)
        assert own.stop() == 0

    def restored(*arguments: str) -> int:
        target = tmp_path / f"restored-{uuid.uuid4().hex}"
        done = apus_server.run("restore", "--to", str(target), *arguments)
        assert done.returncode == 0, done.stderr
        with apus_server.ApusServer(target) as new:
            count = connect(new, "rest").count("c").count
            assert new.stop() == 0
        assert apus_server.run("check", str(target)).returncode == 0
        return count

    source = ("--from", str(backup))
    assert restored(*source, "--collection", "c", "--to-lsn", "1") == 20
    assert restored(*source, "--collection", "c", "--to-lsn", "3") == 60
    assert restored(*source) == 100
    assert restored(*source, "--snapshot-only") == 40
    assert restored(*source, "--to-time", "2100-01-01T00:00:00Z") == 100

    taken = apus_server.run("snapshot", str(data), "--output", str(tmp_path / "one.snapshot"))
    assert taken.returncode == 0, taken.stderr
    assert "c lsn=5" in taken.stdout
    assert restored("--from", str(tmp_path / "one.snapshot")) == 100

    refused = apus_server.run("restore", *source, "--to", str(data))
    assert refused.returncode == 1 and "exists" in refused.stderr
    early = apus_server.run(
        "restore", *source, "--to", str(tmp_path / "early"), "--to-time", "2001-01-01T00:00:00Z")
    assert early.returncode == 1 and "snapshot" in early.stderr
    assert not (tmp_path / "early").exists()
    wrong = apus_server.run("restore", *source, "--to", str(tmp_path / "x"), "--to-lsn", "1")
    assert wrong.returncode == 2
