#!/usr/bin/env python3
"""What a hybrid search costs beside its parts: dense, BM25, and both fused by RRF.

    Benchmarks/hybrid/measure.py [--points N] [--rounds N]

Takes the packages of pypi-minilm-100k: their vectors, and their summaries as BM25 on the server. Each
round asks the same questions in the three ways in turn, one call at a time, and takes the seconds that
the server says each answer took. Needs the clients of the tests (`make .venv/.apus-clients`).
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(REPOSITORY / "Tests" / "ConformanceTests")]

import numpy as np
from qdrant_client import QdrantClient, models

import apus_server

COLLECTION = "packages"
LIMIT = 10


def text(summary: str) -> models.Document:
    return models.Document(text=summary, model="qdrant/bm25")


def lines(path: pathlib.Path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def load(client: QdrantClient, folder: pathlib.Path, count: int) -> None:
    client.create_collection(
        COLLECTION,
        vectors_config={"dense": models.VectorParams(size=384, distance=models.Distance.COSINE)},
        sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)})
    vectors = np.load(folder / "base.f16.npy", mmap_mode="r")[:count]
    rows = zip(range(count), lines(folder / "base.meta.jsonl.gz"))
    while batch := list(itertools.islice(rows, 1000)):
        client.upsert(COLLECTION, points=[
            models.PointStruct(
                id=number, payload={},
                vector={"dense": vectors[number].astype(np.float32).tolist(),
                        "text": text(row["summary"] or "nothing")})
            for number, row in batch
        ])


def ways(vector: list[float], summary: str) -> dict[str, dict]:
    """The three requests as REST has them."""
    document = {"text": summary, "model": "qdrant/bm25"}
    return {
        "dense": {"query": vector, "using": "dense", "limit": LIMIT},
        "BM25": {"query": document, "using": "text", "limit": LIMIT},
        "hybrid": {
            "prefetch": [{"query": vector, "using": "dense", "limit": LIMIT},
                         {"query": document, "using": "text", "limit": LIMIT}],
            "query": {"fusion": "rrf"}, "limit": LIMIT},
    }


def measure(server: apus_server.ApusServer, questions: list[dict]) -> dict[str, list[float]]:
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port)
    seconds: dict[str, list[float]] = {}
    for question in questions:
        for name, body in question.items():
            connection.request(
                "POST", f"/collections/{COLLECTION}/points/query", json.dumps(body),
                {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            if len(answer["result"]["points"]) == 0 and name != "BM25":
                sys.exit(f"no answer to {body}")
            seconds.setdefault(name, []).append(answer["time"])
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = options.datasets / "pypi-minilm-100k"
    vectors = np.load(folder / "query.f32.npy")
    questions = [
        ways(vectors[number].tolist(), row["summary"])
        for number, row in zip(range(len(vectors)), lines(folder / "query.meta.jsonl.gz"))
        if row["summary"]
    ][:options.questions]
    with tempfile.TemporaryDirectory(prefix="apus-hybrid-") as data, \
            apus_server.ApusServer(pathlib.Path(data)) as server:
        client = QdrantClient(
            host="127.0.0.1", port=server.http_port, grpc_port=server.grpc_port,
            prefer_grpc=True, timeout=600)
        load(client, folder, options.points)
        while client.get_collection(COLLECTION).status != models.CollectionStatus.GREEN:
            pass
        rounds = []
        for number in range(options.rounds + 1):
            seconds = measure(server, questions)
            if number > 0:  # the first warms up
                rounds.append({name: statistics.mean(values) for name, values in seconds.items()})
    print("| | µs, median of the rounds' means |\n| --- | ---: |")
    for name in rounds[0]:
        print(f"| {name} | {statistics.median(each[name] for each in rounds) * 1e6:,.0f} |")
    ratios = [each["hybrid"] / (each["dense"] + each["BM25"]) for each in rounds]
    print(f"\nhybrid beside the sum of its parts: {statistics.median(ratios):.2f} "
          f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})")


if __name__ == "__main__":
    main()
