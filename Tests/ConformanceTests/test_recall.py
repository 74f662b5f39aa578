"""Recall on the real vectors of Fixtures/sample, through the command line and over gRPC."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from qdrant_client import models

import apus_server
from conftest import connect

SAMPLE = apus_server.REPOSITORY / "Fixtures" / "sample"
K = 10


def ingest(*target: str) -> None:
    result = apus_server.run(
        "ingest", "--collection", "sample", "--metric", "cosine",
        "--vectors", str(SAMPLE / "base.f16.npy"), "--payload", str(SAMPLE / "payload.jsonl.gz"),
        *target,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def loaded():
    """A server with the sample in it, brought in over gRPC."""
    with apus_server.temporary_server() as server:
        ingest("--url", f"grpc://127.0.0.1:{server.grpc_port}")
        yield server


@pytest.fixture(scope="module")
def address(loaded) -> str:
    return f"grpc://127.0.0.1:{loaded.grpc_port}"


@pytest.fixture(scope="module")
def sample(loaded):
    client = connect(loaded, "grpc")
    yield client
    client.close()


def found(client, ef: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """Ids and scores of the K nearest of every query."""
    ids, scores = [], []
    for query in np.load(SAMPLE / "queries.f32.npy"):
        hits = client.query_points(
            "sample", query=query.tolist(), limit=K, with_payload=False,
            search_params=models.SearchParams(hnsw_ef=ef, **options),
        ).points
        ids.append([each.id for each in hits])
        scores.append([each.score for each in hits])
    return np.array(ids), np.array(scores)


def recall(scores: np.ndarray) -> float:
    """The part of answers that are no farther than the K-th true neighbour."""
    truth = np.load(SAMPLE / "cosines.f32.npy")[:, K - 1:K]
    return float((scores >= truth - 1e-6).mean())


def test_every_row_and_payload_arrived(sample):
    assert sample.count("sample").count == 10_000
    with gzip.open(SAMPLE / "payload.jsonl.gz", "rt", encoding="utf-8") as lines:
        payloads = [json.loads(line) for line in lines]
    records, _ = sample.scroll("sample", limit=10_000)
    assert [each.id for each in records] == list(range(10_000))
    assert [each.payload for each in records] == payloads


def test_scores_are_true_cosines(sample):
    ids, scores = found(sample, 128)
    base = np.load(SAMPLE / "base.f16.npy").astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    queries = np.load(SAMPLE / "queries.f32.npy")
    for row, query in enumerate(queries):
        assert scores[row] == pytest.approx(base[ids[row]] @ query, abs=1e-4)
        assert list(scores[row]) == sorted(scores[row], reverse=True)


def test_recall_at_ef_128_is_at_least_95_percent(sample):
    _, scores = found(sample, 128)
    assert recall(scores) >= 0.95


def test_an_exact_search_is_exact(sample):
    _, scores = found(sample, 16, exact=True)
    assert recall(scores) == 1.0


def test_a_filter_keeps_the_recall(sample):
    since = models.Filter(
        must=[models.FieldCondition(key="year", range=models.Range(gte=2024))]
    )
    base = np.load(SAMPLE / "base.f16.npy").astype(np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    with gzip.open(SAMPLE / "payload.jsonl.gz", "rt", encoding="utf-8") as lines:
        keep = np.array([json.loads(line)["year"] >= 2024 for line in lines])
    right = 0
    queries = np.load(SAMPLE / "queries.f32.npy")
    for query in queries:
        truth = np.sort((base @ query)[keep])[::-1][K - 1]
        hits = sample.query_points(
            "sample", query=query.tolist(), limit=K, query_filter=since, with_payload=False,
            search_params=models.SearchParams(hnsw_ef=128),
        ).points
        assert len(hits) == K
        assert all(keep[each.id] for each in hits)
        right += sum(each.score >= truth - 1e-6 for each in hits)
    assert right / (K * len(queries)) >= 0.95


def test_ingesting_again_changes_nothing(sample, address):
    ingest("--url", address)
    assert sample.count("sample").count == 10_000


def test_the_same_files_without_a_server(tmp_path):
    data = tmp_path / "data"
    ingest("--data", str(data))
    checked = apus_server.run("check", str(data))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = apus_server.run("inspect", str(data))
    assert shown.returncode == 0 and "sample" in shown.stdout, shown.stdout + shown.stderr
    with apus_server.ApusServer(data) as server:
        client = connect(server, "rest")
        assert client.count("sample").count == 10_000
        _, scores = found(client, 128)
        client.close()
    assert recall(scores) >= 0.95
