"""Segments that `apus build-segment` makes, and a running server that attaches them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading

import numpy as np
import pytest

import apus_server
from conftest import connect
from rest import Rest

ROWS = 6_000
DIMENSION = 48
_random = np.random.default_rng(38)
CENTRES = _random.normal(size=(40, DIMENSION))
VECTORS = (
    CENTRES[_random.integers(0, 40, ROWS)] + 0.4 * _random.normal(size=(ROWS, DIMENSION))
).astype("f4")
QUERIES = (
    CENTRES[_random.integers(0, 40, 100)] + 0.4 * _random.normal(size=(100, DIMENSION))
).astype("f4")
ATTACH = "/apus/v1/collections/{}/segments/attach"


def lines(path, rows: range, version: int = 1):
    with path.open("w") as file:
        for row in rows:
            payload = {"n": row, "group": row % 7, "version": version}
            point = {"id": row, "vector": VECTORS[row].tolist(), "payload": payload}
            file.write(json.dumps(point) + "\n")
    return path


def build(output, *arguments) -> subprocess.Popen[str]:
    command = [str(apus_server.binary()), "build-segment", "--output", str(output)]
    return subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def built(output, *arguments) -> str:
    result = build(output, *arguments)
    out, error = result.communicate(timeout=120)
    assert result.returncode == 0, error
    return out


def recall(client, collection: str) -> float:
    scores = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    found = 0
    for query in QUERIES:
        exact = set(np.argsort(-(scores @ query))[:10].tolist())
        answer = client.query_points(collection, query=query.tolist(), limit=10).points
        found += len(exact & {point.id for point in answer})
    return found / (10 * len(QUERIES))


def points(client, collection: str) -> dict:
    records, offset = {}, None
    while True:
        page, offset = client.scroll(collection, limit=1_000, offset=offset, with_vectors=True)
        records |= {each.id: (each.payload, each.vector) for each in page}
        if offset is None:
            return records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("segments")


@pytest.fixture(scope="module")
def server(folder):
    (folder / "built").mkdir()
    with apus_server.ApusServer(
        folder / "data", arguments=("--set", f"storage.segments={folder / 'built'}")
    ) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    client = connect(server, "grpc")
    yield client
    client.close()


@pytest.fixture
def rest(server) -> Rest:
    return Rest(server.url)


def ingest(server, file, collection: str) -> None:
    result = apus_server.run(
        "ingest", "--collection", collection, "--vectors", str(file),
        "--url", f"grpc://127.0.0.1:{server.grpc_port}")
    assert result.returncode == 0, result.stderr


def test_two_builders_make_what_an_ingest_makes(server, client, rest, folder):
    ingest(server, lines(folder / "all.jsonl", range(ROWS)), "ingested")
    # The collection that is attached to has points, some of which are replaced.
    ingest(server, lines(folder / "old.jsonl", range(2_990, 3_010), version=0), "attached")
    for name in ("ingested", "attached"):
        client.create_payload_index(name, "group", "integer", wait=True)
    settings = apus_server.run(
        "settings", "--collection", "attached", "--data", str(folder / "data"))
    assert settings.returncode == 0, settings.stderr
    (folder / "settings.json").write_text(settings.stdout)
    halves = [range(0, 3_000), range(3_000, ROWS)]
    builders = [
        build(
            folder / "built" / f"part-{number}", "--settings", folder / "settings.json",
            "--vectors", lines(folder / f"part-{number}.jsonl", rows))
        for number, rows in enumerate(halves)
    ]
    for builder in builders:
        out, error = builder.communicate(timeout=120)
        assert builder.returncode == 0, error
        assert "points=3000 segments=1" in out

    # Searches see all of it or nothing, and writes go on.
    counts, over = set(), threading.Event()

    def watch():
        watcher = connect(server, "http")
        while not over.is_set():
            counts.add(watcher.count("attached").count)
        watcher.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = rest("POST", ATTACH.format("attached"), {"builds": ["part-0", "part-1"]}).result
    over.set()
    watcher.join()
    assert counts <= {20, ROWS}
    assert (answer["segments"], answer["points"], answer["replaced"]) == (2, ROWS, 20)
    assert len(answer["attached"]) == 2 and answer["skipped"] == []

    assert points(client, "attached") == points(client, "ingested")
    filters = {"must": [{"key": "group", "match": {"value": 3}}]}
    counted = [
        rest("POST", f"/collections/{name}/points/count", {"filter": filters}).result["count"]
        for name in ("ingested", "attached")
    ]
    assert counted[0] == counted[1] == len(range(3, ROWS, 7))
    ingested, attached = recall(client, "ingested"), recall(client, "attached")
    assert attached >= ingested - 0.01 and attached > 0.9

    # Sent again, also through the program, it is harmless.
    again = apus_server.run(
        "attach", "--collection", "attached", "--url", server.url, "part-1", "part-0")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["attached"] == []
    assert sorted(json.loads(again.stdout)["skipped"]) == sorted(answer["attached"])


def test_existing_points_and_folders_that_do_not_fit_are_refused(server, client, rest, folder):
    settings = folder / "settings.json"
    ingest(server, lines(folder / "few.jsonl", range(10)), "few")
    built(folder / "built" / "taken", "--vectors", lines(folder / "taken.jsonl", range(9, 30)))
    refused = rest(
        "POST", ATTACH.format("few"), {"builds": ["taken"], "existing": "fail"})
    assert refused.status == 409 and "point 9" in refused.error

    built(
        folder / "built" / "dot", "--metric", "dot",
        "--vectors", lines(folder / "dot.jsonl", range(5)))
    refused = rest("POST", ATTACH.format("few"), {"builds": ["taken", "dot"]})
    assert refused.status == 400 and "metric" in refused.error and "dot" in refused.error

    damaged = folder / "built" / "damaged"
    shutil.copytree(folder / "built" / "taken", damaged)
    file = damaged / "00000001.seg"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    refused = rest("POST", ATTACH.format("few"), {"builds": ["damaged"]})
    assert refused.status == 400 and str(file) in refused.error
    file.write_bytes(content[:100])
    assert rest("POST", ATTACH.format("few"), {"builds": ["damaged"]}).status == 400

    for outside in ("../data", "/etc", "", "."):
        assert rest("POST", ATTACH.format("few"), {"builds": [outside]}).status == 403
    assert rest("POST", ATTACH.format("few"), {"builds": ["none"]}).status == 404
    assert rest("POST", ATTACH.format("nobody"), {"builds": ["taken"]}).status == 404
    assert rest("POST", ATTACH.format("few"), {"builds": "taken"}).status == 400
    assert rest(
        "POST", ATTACH.format("few"), {"builds": ["taken"], "existing": "x"}).status == 400
    assert client.count("few").count == 10

    # A folder that is finished is not built over, and settings that do not fit the file are told.
    again = build(folder / "built" / "taken", "--vectors", folder / "taken.jsonl")
    assert again.wait(60) == 1 and "not empty" in again.stderr.read()
    np.save(folder / "narrow.npy", VECTORS[:5, :4])
    wrong = build(
        folder / "built" / "narrow", "--settings", settings, "--vectors", folder / "narrow.npy")
    assert wrong.wait(60) == 1 and "dimension 48" in wrong.stderr.read()


def test_a_server_without_a_directory_attaches_nothing(folder, tmp_path):
    with apus_server.ApusServer(tmp_path / "data") as server:
        client = connect(server, "grpc")
        ingest(server, lines(tmp_path / "few.jsonl", range(3)), "c")
        reply = Rest(server.url)("POST", ATTACH.format("c"), {"builds": ["part-0"]})
        assert reply.status == 403 and "storage.segments" in reply.error
        client.close()


def test_a_database_directory(folder, tmp_path):
    data = tmp_path / "data"
    file = lines(tmp_path / "rows.jsonl", range(100, 400), version=2)
    first = built(tmp_path / "a", "--vectors", file)
    # The same rows build the same segments.
    second = built(tmp_path / "b", "--vectors", file)
    assert first.split()[1:] == second.split()[1:]
    made = apus_server.run(
        "ingest", "--collection", "c", "--data", str(data),
        "--vectors", str(lines(tmp_path / "old.jsonl", range(110))))
    assert made.returncode == 0, made.stderr
    command = ["attach", "--collection", "c", "--data", str(data)]
    attached = apus_server.run(*command, str(tmp_path / "a"), str(tmp_path / "b"))
    assert attached.returncode == 0, attached.stderr
    report = json.loads(attached.stdout)
    assert (report["points"], report["replaced"]) == (300, 10)
    assert report["attached"] == report["skipped"]
    check = apus_server.run("check", str(data))
    assert check.returncode == 0, check.stdout + check.stderr
    with apus_server.ApusServer(data) as server:
        client = connect(server, "grpc")
        assert client.count("c").count == 400
        assert client.retrieve("c", [105])[0].payload["version"] == 2
        assert client.retrieve("c", [99])[0].payload["version"] == 1
        client.close()
    nowhere = apus_server.run("attach", "--collection", "c", "--data", str(tmp_path), "a")
    assert nowhere.returncode == 2 and "not a database" in nowhere.stderr
