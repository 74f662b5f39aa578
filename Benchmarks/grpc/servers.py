"""The servers that `peers.py` compares, each with one short class: build, serve, ask, time.

Every one is built once, with HNSW of the same width, keeps its data on disk, and is served by a
process of its own in each round.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import measure
from measure import REPOSITORY

import apus_server
import client
import frames
import numpy as np
import vector_datasets as datasets

BATCH = 1000
#: Where the tools of this environment are: `chroma`, `milvus-lite`.
TOOLS = pathlib.Path(sys.executable).parent


class PeerFailed(Exception):
    """Why a server is not in the table."""


class Server:
    """What the comparison does with a server."""

    name = ""
    about = ""
    #: The distribution on PyPI that must be installed.
    package: str | None = None

    def __init__(
        self, options: argparse.Namespace, dataset: datasets.Dataset, scratch: pathlib.Path
    ) -> None:
        self.options = options
        self.dataset = dataset
        self.folder = scratch / self.name.replace(" ", "-")
        self.queries = dataset.queries()
        self.ef = options.ef
        self.process = 0

    def version(self) -> str:
        try:
            return f"{self.name} {importlib.metadata.version(self.package)}"
        except importlib.metadata.PackageNotFoundError:
            told = REPOSITORY / "Benchmarks" / ".venv" / ".peers" / f"{self.package}.failed"
            reason = told.read_text().strip() if told.exists() else "Benchmarks/grpc/peers.txt"
            raise PeerFailed(f"{self.package} is not installed: {reason}") from None

    def build(self) -> None:
        """Makes the collection."""
        raise NotImplementedError

    def serve(self) -> contextlib.AbstractContextManager[None]:
        """The server's process around a block: `process` is its id inside."""
        raise NotImplementedError

    def choose(self, ef: int) -> None:
        """Takes another search breadth; a server that runs takes it when it is started again."""
        self.ef = ef

    def answers(self) -> list[list[int]]:
        """The rows that the running server finds for each query."""
        raise NotImplementedError

    def timed(self, in_flight: int) -> dict:
        """One setting of a round."""
        raise NotImplementedError

    def found(self) -> np.ndarray:
        """`answers` as [queries × k], -1 where one is short."""
        k = self.options.k
        return np.array([[*each[:k], *[-1] * (k - len(each))] for each in self.answers()])

    @contextlib.contextmanager
    def running(self, command: list[str], port: int) -> Iterator[None]:
        """A foreign server around a block, from the time that its port answers."""
        log = self.folder.with_suffix(".log")
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            self.process = process.pid
            deadline = time.monotonic() + 120
            while True:
                if process.poll() is not None or time.monotonic() > deadline:
                    told = log.read_text(errors="replace").strip().splitlines()
                    raise PeerFailed(f"does not start: {told[-1] if told else 'no word'}")
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class OverGRPC(Server):
    """Prepared frames on one connection."""

    port = 0

    def requests(self) -> list[tuple[bytes, bytes, bytes]]:
        raise NotImplementedError

    def ids(self, answer: bytes) -> list[int]:
        """The rows in the message of an answer; throws `PeerFailed` for an error in it."""
        raise NotImplementedError

    def answers(self) -> list[list[int]]:
        connection = client.Connection(self.port, [])
        found = []
        for each in self.requests():
            connection.requests = [each]
            tally = connection.run(1, 1)
            if tally.failures:
                raise PeerFailed("a search failed")
            found.append(self.ids(tally.answer))
        connection.close()
        return found

    def timed(self, in_flight: int) -> dict:
        requests = self.requests()
        # A short run first, which warms up and says how many calls take the time that is wanted.
        short = measure.timed_calls(
            self.port, self.process, requests, in_flight, calls=200, warming=100)
        calls = max(200, int(short["qps"] * self.options.seconds))
        return measure.timed_calls(
            self.port, self.process, requests, in_flight, calls, warming=0)


class OverREST(Server):
    """wrk with prepared bodies, a connection for each call in flight."""

    url = ""

    def body(self, row: np.ndarray) -> str:
        raise NotImplementedError

    def ids(self, answer: dict) -> list[int]:
        raise NotImplementedError

    def answers(self) -> list[list[int]]:
        found = []
        for row in self.queries:
            request = urllib.request.Request(
                self.url, data=self.body(row).encode(),
                headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                found.append(self.ids(json.load(answer)))
        return found

    def timed(self, in_flight: int) -> dict:
        bodies = self.folder.with_suffix(".bodies")
        bodies.write_text("".join(self.body(row) + "\n" for row in self.queries))
        return measure.wrk(self.url, self.process, bodies, in_flight, self.options.seconds)


class Apus(Server):
    """The collection of `apus bench ann`, which both of its doors share."""

    def version(self) -> str:
        return f"{self.name} {apus_server.run('--version').stdout.split()[-1]}"

    def build(self) -> None:
        self.data = self.options.data or self.folder.with_name("apus")
        measure.in_process(self.options, self.dataset, self.data, 1)

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        with apus_server.ApusServer(self.data) as server:
            self.process, self.port = server.process.pid, server.grpc_port
            self.url = f"{server.url}/collections/{measure.COLLECTION}/points/query"
            yield


class ApusGRPC(Apus, OverGRPC):
    name = "Apus over gRPC"
    about = "HNSW over 8-bit codes, ordered by float32"

    def requests(self) -> list[tuple[bytes, bytes, bytes]]:
        return [measure.prepared(row, self.options) for row in self.queries]

    def ids(self, answer: bytes) -> list[int]:
        return frames.found_ids(answer)


class ApusREST(Apus, OverREST):
    name = "Apus over REST"
    about = ApusGRPC.about

    def body(self, row: np.ndarray) -> str:
        return measure.body(row, self.options)

    def ids(self, answer: dict) -> list[int]:
        return [each["id"] for each in answer["result"]["points"]]


class MilvusLite(OverGRPC):
    name = "milvus-lite over gRPC"
    about = "faiss's HNSW, a graph for each segment that it makes; `milvus-lite server`"
    package = "milvus-lite"
    collection, field = "bench", "vector"

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        self.port = free_port()
        command = [str(TOOLS / "milvus-lite"), "server", "--data-dir", str(self.folder),
                   "--host", "127.0.0.1", "--port", str(self.port)]
        with self.running(command, self.port):
            connected = self.client()
            if connected.has_collection(self.collection):
                connected.load_collection(self.collection)
            connected.close()
            yield

    def client(self):
        import pymilvus

        # No pings: by default this client sends one every ten seconds, and the server was seen to
        # close a connection for too many of them.
        return pymilvus.MilvusClient(
            uri=f"http://127.0.0.1:{self.port}", timeout=3600,
            grpc_options={"grpc.keepalive_time_ms": 2**31 - 1})

    def build(self) -> None:
        import pymilvus

        base = self.dataset.base(self.options.limit or None)
        with self.serve():
            connected = self.client()
            schema = pymilvus.MilvusClient.create_schema(auto_id=False)
            schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
            schema.add_field(self.field, pymilvus.DataType.FLOAT_VECTOR, dim=base.shape[1])
            connected.create_collection(self.collection, schema=schema)
            for first in range(0, len(base), BATCH):
                rows = base[first:first + BATCH]
                connected.insert(self.collection, [
                    {"id": first + place, self.field: row} for place, row in enumerate(rows)])
            connected.flush(self.collection)
            index = connected.prepare_index_params()
            index.add_index(
                self.field, index_type="HNSW", metric_type=self.dataset.metric.upper(),
                params={"M": 16, "efConstruction": 200})
            connected.create_index(self.collection, index)
            connected.load_collection(self.collection)
            connected.close()

    def requests(self) -> list[tuple[bytes, bytes, bytes]]:
        from pymilvus.client.prepare import Prepare

        block = frames.header_block("/milvus.proto.milvus.MilvusService/Search", "127.0.0.1")
        parameters = {"metric_type": self.dataset.metric.upper(), "params": {"ef": self.ef}}
        return [
            frames.request(block, Prepare.search_requests_with_expr(
                self.collection, self.field, parameters, self.options.k,
                data=[row.tolist()]).SerializeToString())
            for row in self.queries
        ]

    def ids(self, answer: bytes) -> list[int]:
        from pymilvus.grpc_gen import milvus_pb2

        results = milvus_pb2.SearchResults.FromString(answer)
        if results.status.code:
            raise PeerFailed(f"a search failed: {results.status.reason}")
        return list(results.results.ids.int_id.data)


class Chroma(OverREST):
    name = "chromadb over REST"
    about = "hnswlib; `chroma run`"
    package = "chromadb"
    collection = "bench"

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        self.port = free_port()
        command = [str(TOOLS / "chroma"), "run", "--path", str(self.folder),
                   "--host", "127.0.0.1", "--port", str(self.port)]
        with self.running(command, self.port):
            known = [each for each in self.client().list_collections()
                     if each.name == self.collection]
            if known:
                # It reads its settings when it first opens the collection: here, before a search.
                known[0].modify(configuration={"hnsw": {"ef_search": self.ef}})
                self.url = (
                    f"http://127.0.0.1:{self.port}/api/v2/tenants/default_tenant/databases/"
                    f"default_database/collections/{known[0].id}/query")
            yield

    def client(self):
        import chromadb

        return chromadb.HttpClient(
            "127.0.0.1", self.port, settings=chromadb.Settings(anonymized_telemetry=False))

    def build(self) -> None:
        base = self.dataset.base(self.options.limit or None)
        with self.serve():
            collection = self.client().create_collection(
                self.collection, embedding_function=None, configuration={"hnsw": {
                    "space": self.dataset.metric, "max_neighbors": 16, "ef_construction": 200,
                    "ef_search": self.ef}})
            for first in range(0, len(base), BATCH):
                rows = base[first:first + BATCH]
                collection.add(
                    ids=[str(first + place) for place in range(len(rows))], embeddings=rows)

    def body(self, row: np.ndarray) -> str:
        return json.dumps({
            "query_embeddings": [measure.printed(row)], "n_results": self.options.k, "include": []})

    def ids(self, answer: dict) -> list[int]:
        return [int(each) for each in answer["ids"][0]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


#: In the order of the table.
ALL: list[type[Server]] = [ApusGRPC, ApusREST, MilvusLite, Chroma]
