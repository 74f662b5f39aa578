"""Durable writes over gRPC on loopback, beside hnswlib in memory, chromadb and qdrant-edge.

    run.sh [--only ingest,commit,latency] [--dataset minilm] [--limit ROWS] [--datasets FOLDER]

ingest   batches of 500 points with payload, each acknowledged when it is on disk, until the index
         is complete; the same with a sync every 200 ms; hnswlib's build in memory with two threads;
         chromadb and qdrant-edge with the same batches (chromadb on the first 10,000 only: it is
         slow).
commit   single-point writes a second by 1 and by 64 writers at a time.
latency  searches, 100 a second, on a server that has half of the rows: idle, and while the other
         half comes in as fast as it is taken. A search that starts late counts from when it should.

Client and server share the machine's cores. One JSON line for each figure.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(REPOSITORY / "Tests" / "ConformanceTests")]

import grpc
import numpy as np
from qdrant_client import grpc as wire

import apus_server
import vector_datasets as datasets

BATCH = 500
COLLECTION = "bench"
CHANNEL = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
#: What all of them build: links per node, candidates while building.
M, EF_CONSTRUCT = 16, 100


def emit(figure: str, **values: float) -> None:
    rounded = {name: round(value, 3 if value < 100 else 0) for name, value in values.items()}
    print(json.dumps({"figure": figure, **rounded}), flush=True)


def rest(server: apus_server.ApusServer, method: str, path: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(
        f"{server.url}{path}", method=method, headers={"Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["result"]


def create(server: apus_server.ApusServer, dataset: datasets.Dataset, dimension: int,
           durability: object = None) -> None:
    body = {
        "vectors": {
            "size": dimension, "distance": "Cosine" if dataset.metric == "cosine" else "Euclid"},
        "hnsw_config": {"m": M, "ef_construct": EF_CONSTRUCT},
    }
    if durability:
        body["wal_config"] = {"durability": durability}
    rest(server, "PUT", f"/collections/{COLLECTION}", body)


def upsert(rows: np.ndarray, first: int) -> bytes:
    """A request that waits for its acknowledgement, ready to send."""
    points = [
        wire.PointStruct(
            id=wire.PointId(num=first + place),
            vectors=wire.Vectors(vector=wire.Vector(data=row)),
            payload={
                "row": wire.Value(integer_value=first + place),
                "source": wire.Value(string_value=f"document {(first + place) % 1000}"),
            })
        for place, row in enumerate(rows.tolist())
    ]
    return wire.UpsertPoints(
        collection_name=COLLECTION, wait=True, points=points).SerializeToString()


class Caller:
    """Sends prepared requests."""

    def __init__(self, server: apus_server.ApusServer, method: str) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", CHANNEL)
        self.call = self.channel.unary_unary(f"/qdrant.Points/{method}")

    def run(self, requests: list[bytes], in_flight: int) -> None:
        waiting = []
        for request in requests:
            if len(waiting) == in_flight:
                waiting.pop(0).result()
            waiting.append(self.call.future(request))
        for call in waiting:
            call.result()


def batches(base: np.ndarray, rows: range) -> list[bytes]:
    return [upsert(base[at:min(at + BATCH, rows.stop)], at) for at in rows[::BATCH]]


def until_indexed(server: apus_server.ApusServer) -> None:
    while rest(server, "GET", f"/collections/{COLLECTION}")["status"] != "green":
        time.sleep(0.02)


def ingest(dataset: datasets.Dataset, base: np.ndarray, folder: pathlib.Path) -> None:
    prepared = batches(base, range(len(base)))
    rates = {}
    for name, durability in (("sync", None), ("async", {"async_ms": 200})):
        with apus_server.ApusServer(folder / name) as server:
            create(server, dataset, base.shape[1], durability)
            began = time.perf_counter()
            Caller(server, "Upsert").run(prepared, 2)
            acknowledged = time.perf_counter() - began
            until_indexed(server)
            rates[name] = len(base) / (time.perf_counter() - began)
            emit(f"ingest_{name}", acknowledged_per_s=len(base) / acknowledged,
                 indexed_per_s=rates[name])
    for name, rival in (("hnswlib_memory", hnswlib), ("qdrant_edge", qdrant_edge),
                        ("chromadb", chromadb)):
        try:
            rate = rival(dataset, base, folder / name)
        except ImportError as error:
            print(f"{name}: not installed ({error})", file=sys.stderr)
            continue
        emit(f"ingest_{name}", indexed_per_s=rate, apus_ratio=rates["sync"] / rate)


def hnswlib(dataset: datasets.Dataset, base: np.ndarray, _: pathlib.Path) -> float:
    import hnswlib as library

    index = library.Index(space=dataset.metric, dim=base.shape[1])
    index.init_index(max_elements=len(base), M=M, ef_construction=EF_CONSTRUCT)
    began = time.perf_counter()
    index.add_items(base, num_threads=2)
    return len(base) / (time.perf_counter() - began)


def chromadb(dataset: datasets.Dataset, base: np.ndarray, folder: pathlib.Path) -> float:
    import chromadb as library

    base = base[:10_000]
    client = library.PersistentClient(
        str(folder), settings=library.Settings(anonymized_telemetry=False))
    collection = client.create_collection(
        COLLECTION, configuration={"hnsw": {
            "space": dataset.metric, "max_neighbors": M, "ef_construction": EF_CONSTRUCT}})
    began = time.perf_counter()
    for at in range(0, len(base), BATCH):
        end = min(at + BATCH, len(base))
        collection.add(
            ids=[str(row) for row in range(at, end)], embeddings=base[at:end],
            metadatas=[{"row": row, "source": f"document {row % 1000}"} for row in range(at, end)])
    return len(base) / (time.perf_counter() - began)


def qdrant_edge(dataset: datasets.Dataset, base: np.ndarray, folder: pathlib.Path) -> float:
    import qdrant_edge as library

    folder.mkdir()
    distance = library.Distance.Cosine if dataset.metric == "cosine" else library.Distance.Euclid
    shard = library.EdgeShard.create(str(folder), library.EdgeConfig(
        vectors={"": library.EdgeVectorParams(size=base.shape[1], distance=distance)}))
    began = time.perf_counter()
    for at in range(0, len(base), BATCH):
        points = [
            library.Point(at + place, row, {
                "row": at + place, "source": f"document {(at + place) % 1000}"})
            for place, row in enumerate(base[at:at + BATCH].tolist())
        ]
        shard.update(library.UpdateOperation.upsert_points(points))
        shard.flush()
    shard.optimize()
    return len(base) / (time.perf_counter() - began)


def commit(dataset: datasets.Dataset, base: np.ndarray, folder: pathlib.Path) -> None:
    rates = {}
    for writers, count in ((1, 1_000), (64, 20_000)):
        requests = [upsert(base[n % len(base)][None], n) for n in range(count)]
        with apus_server.ApusServer(folder / f"commit-{writers}") as server:
            create(server, dataset, base.shape[1])
            caller = Caller(server, "Upsert")
            caller.run(requests[:writers], writers)
            began = time.perf_counter()
            caller.run(requests, writers)
            rates[writers] = count / (time.perf_counter() - began)
    emit("group_commit", writes_per_s_1=rates[1], writes_per_s_64=rates[64],
         ratio=rates[64] / rates[1])


def latency(dataset: datasets.Dataset, base: np.ndarray, folder: pathlib.Path) -> None:
    half = len(base) // 2
    searches = [
        wire.QueryPoints(
            collection_name=COLLECTION, limit=10,
            query=wire.Query(nearest=wire.VectorInput(dense=wire.DenseVector(data=row)))
        ).SerializeToString()
        for row in dataset.queries().tolist()
    ]
    more = batches(base, range(half, len(base)))
    with apus_server.ApusServer(folder / "latency") as server:
        create(server, dataset, base.shape[1])
        Caller(server, "Upsert").run(batches(base, range(half)), 2)
        until_indexed(server)
        search(server, searches, lambda at: at < 200)
        idle = search(server, searches, lambda at: at < 1_000)
        writer = threading.Thread(target=lambda: Caller(server, "Upsert").run(more, 2))
        writer.start()
        busy = search(server, searches, lambda _: writer.is_alive())
    emit("latency_under_ingest",
         idle_p50_ms=1e3 * np.quantile(idle, 0.5), idle_p99_ms=1e3 * np.quantile(idle, 0.99),
         ingest_p50_ms=1e3 * np.quantile(busy, 0.5), ingest_p99_ms=1e3 * np.quantile(busy, 0.99),
         p99_ratio=np.quantile(busy, 0.99) / np.quantile(idle, 0.99), searches=len(busy))


def search(server: apus_server.ApusServer, requests: list[bytes], wanted) -> np.ndarray:
    """Seconds of each search, of which one starts every 10 ms."""
    caller = Caller(server, "Query")
    latencies: list[float] = []
    planned = time.perf_counter()
    while wanted(len(latencies)):
        time.sleep(max(0, planned - time.perf_counter()))
        caller.call(requests[len(latencies) % len(requests)])
        latencies.append(time.perf_counter() - planned)
        planned += 0.01
    return np.array(latencies)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="ingest,commit,latency")
    parser.add_argument("--dataset", choices=datasets.KNOWN, default="minilm")
    parser.add_argument("--datasets", default=str(REPOSITORY.parent / "shared" / "datasets"))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--data", help="where databases are made (default: a temporary folder)")
    options = parser.parse_args()
    dataset = dataclasses.replace(
        datasets.KNOWN[options.dataset], folder=pathlib.Path(options.datasets))
    base = dataset.base(options.limit)
    parts = {"ingest": ingest, "commit": commit, "latency": latency}
    with tempfile.TemporaryDirectory(dir=options.data) as folder:
        for part in options.only.split(","):
            parts[part](dataset, base, pathlib.Path(folder))


if __name__ == "__main__":
    main()
