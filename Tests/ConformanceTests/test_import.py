"""`apus import` from a server of the same interface, from pgvector and from Chroma; `apus export`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from qdrant_client import models

import apus_server
import components
from conftest import connect
from imports import command, environment, everything

RANDOM = np.random.default_rng(8)


@pytest.fixture
def full(tmp_path):
    """A server whose collection has everything that can be imported."""
    with apus_server.temporary_server() as server:
        client = connect(server, "grpc")
        client.create_collection(
            "docs",
            vectors_config={
                "text": models.VectorParams(
                    size=8, distance=models.Distance.COSINE,
                    hnsw_config=models.HnswConfigDiff(m=24)),
                "rows": models.VectorParams(
                    size=3, distance=models.Distance.DOT,
                    multivector_config=models.MultiVectorConfig(
                        comparator=models.MultiVectorComparator.MAX_SIM)),
            },
            sparse_vectors_config={"words": models.SparseVectorParams(
                modifier=models.Modifier.IDF)},
            hnsw_config=models.HnswConfigDiff(ef_construct=77),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)))
        client.create_payload_index("docs", "year", models.PayloadSchemaType.INTEGER)
        client.upsert("docs", [models.PointStruct(
            id=n if n % 3 else f"00000000-0000-4000-8000-{n:012d}",
            vector={"text": RANDOM.normal(size=8).tolist(),
                    "rows": RANDOM.normal(size=(1 + n % 3, 3)).tolist(),
                    "words": models.SparseVector(indices=[n, n + 7], values=[1.5, -0.25])},
            payload={"year": 1900 + n, "deep": {"list": [n, None, "ü", 1.5]}},
        ) for n in range(1, 701)])
        yield server, client
        client.close()


def test_a_collection_of_the_same_interface_is_taken_over(tmp_path, full):
    server, client = full
    expected = everything(client, "docs")
    settings = client.get_collection("docs")
    source = ("import", "qdrant", "--from", server.url, "--collection", "docs",
              "--batch-size", "50", "--data", str(tmp_path / "data"))
    # It may be cut off, and goes on.
    for pause in (0.05, 0.1, 0.15):
        process = subprocess.Popen(
            [str(apus_server.binary()), *source], env=environment(tmp_path),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
    result = command(tmp_path, *source)
    assert "has 700 points, as the source has" in result.stdout
    with apus_server.ApusServer(tmp_path / "data") as other:
        copy = connect(other, "grpc")
        assert everything(copy, "docs") == expected
        found = copy.get_collection("docs")
        assert found.config.params.vectors == settings.config.params.vectors
        assert found.config.params.sparse_vectors == settings.config.params.sparse_vectors
        assert found.config.hnsw_config == settings.config.hnsw_config
        assert found.config.quantization_config == settings.config.quantization_config
        assert set(found.payload_schema) == {"year"}
        copy.close()


def test_an_export_is_what_ingest_reads(tmp_path, full):
    server, client = full
    expected = everything(client, "docs")
    lines = tmp_path / "docs.jsonl"
    command(tmp_path, "export", "--collection", "docs", "--url",
            f"grpc://127.0.0.1:{server.grpc_port}", "--output", str(lines))
    assert len(lines.read_text().splitlines()) == 700
    command(tmp_path, "import", "qdrant", "--from", server.url, "--collection", "docs",
            "--into", "copy", "--to", f"grpc://127.0.0.1:{server.grpc_port}")
    client.delete("copy", models.Filter())
    command(tmp_path, "ingest", "--collection", "copy", "--vectors", str(lines), "--url",
            f"grpc://127.0.0.1:{server.grpc_port}")
    found = everything(client, "copy")
    assert found.keys() == expected.keys()
    for key, (payload, vectors) in expected.items():
        assert found[key][0] == payload
        assert np.allclose(found[key][1]["text"], vectors["text"], atol=1e-6)
        assert found[key][1]["words"] == vectors["words"]
        assert found[key][1]["rows"] == vectors["rows"]


def test_an_export_as_npy_has_ids_and_payloads_beside_it(tmp_path):
    rows = RANDOM.normal(size=(60, 4)).astype(np.float32)
    np.save(tmp_path / "in.npy", rows)
    data = str(tmp_path / "data")
    command(tmp_path, "ingest", "--collection", "c", "--vectors", str(tmp_path / "in.npy"),
            "--metric", "l2", "--data", data)
    command(tmp_path, "export", "--collection", "c", "--data", data, "--output",
            str(tmp_path / "out.npy"))
    assert np.array_equal(np.load(tmp_path / "out.npy"), rows)
    beside = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in beside] == list(range(60))


def test_a_table_of_pgvector_is_taken_over(tmp_path, tmp_path_factory):
    with components.postgres(tmp_path_factory.mktemp("postgres")) as uri:
        import psycopg2

        connection = psycopg2.connect(uri)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("CREATE EXTENSION vector")
        cursor.execute("CREATE TABLE items (id bigint PRIMARY KEY, name text, e vector(6))")
        rows = RANDOM.normal(size=(800, 6)).astype(np.float32)
        for n, row in enumerate(rows):
            cursor.execute("INSERT INTO items VALUES (%s, %s, %s)",
                           (n + 5, f"item {n}", str(row.tolist())))
        connection.close()
        result = command(
            tmp_path, "import", "pgvector", "--from", uri, "--table", "items", "--vector", "e",
            "--metric", "l2", "--batch-size", "90", "--data", str(tmp_path / "data"))
        assert "has 800 points, as the source has" in result.stdout
    with apus_server.ApusServer(tmp_path / "data") as server:
        client = connect(server, "grpc")
        found = everything(client, "items")
        assert len(found) == 800
        for n, row in enumerate(rows):
            payload, vector = found[str(n + 5)]
            assert payload == {"name": f"item {n}"} and np.allclose(vector, row, atol=1e-6)
        client.close()


def test_a_collection_of_chroma_is_taken_over(tmp_path, tmp_path_factory):
    """Chroma is half a gigabyte, so it is not among the requirements: APUS_CHROMA names the
    `chroma` of a virtual environment that has it."""
    chroma = os.environ.get("APUS_CHROMA") or shutil.which("chroma")
    if not chroma:
        pytest.skip("chroma is missing: install chromadb==1.5.9 and set APUS_CHROMA")
    folder = tmp_path_factory.mktemp("chroma")
    port = components.free_port()
    url = f"http://127.0.0.1:{port}"
    root = f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections"

    def post(path: str, body: dict) -> dict:
        import urllib.request

        request = urllib.request.Request(
            path, data=json.dumps(body).encode(), headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    with components.running(
        [chroma, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)], folder
    ):
        components.wait_until(lambda: components.listens(port), "chroma", patience=120)
        made = post(root, {"name": "docs", "metadata": {"hnsw:space": "cosine"}})
        rows = RANDOM.normal(size=(250, 5))
        post(f"{root}/{made['id']}/add", {
            "ids": [f"doc {n}" for n in range(250)], "embeddings": rows.tolist(),
            "documents": [f"text {n}" for n in range(250)],
            "metadatas": [{"n": n} for n in range(250)]})
        result = command(tmp_path, "import", "chroma", "--from", url, "--collection", "docs",
                         "--batch-size", "60", "--data", str(tmp_path / "data"))
        assert "has 250 points, as the source has" in result.stdout
    with apus_server.ApusServer(tmp_path / "data") as server:
        client = connect(server, "grpc")
        for payload, vector in everything(client, "docs").values():
            row = rows[payload["n"]]
            assert payload == {"n": payload["n"], "document": f"text {payload['n']}",
                               "chroma_id": f"doc {payload['n']}"}
            assert np.allclose(vector, row / np.linalg.norm(row), atol=1e-5)
        client.close()
