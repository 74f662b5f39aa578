"""Apus in ann-benchmarks: an `apus serve` of its own, asked over gRPC.

Goes to ann_benchmarks/algorithms/apus/ of that project, beside config.yml and Dockerfile. The
program is $APUS_BINARY, or `apus` on the path; the server's data goes away at the end. Requests are
made before the clock starts (`prepare_query`), as that project allows: what is measured is the
server and its transport.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time

import grpc
import numpy as np
from qdrant_client import QdrantClient
from qdrant_client import grpc as wire
from qdrant_client.http.models import Distance, HnswConfigDiff, VectorParams

from ..base.module import BaseANN

COLLECTION = "ann_benchmarks"
#: Rows of one upsert, and requests of one batch.
BATCH = 500
TIMEOUT = 600
LISTENING = re.compile(r"apus: listening http=\S+:(\d+) grpc=\S+:(\d+)")
DISTANCES = {"angular": Distance.COSINE, "euclidean": Distance.EUCLID, "dot": Distance.DOT}


class Apus(BaseANN):
    def __init__(self, metric, method_param):
        self._distance = DISTANCES[metric]
        self._m = method_param["M"]
        self._ef_construction = method_param["efConstruction"]
        self._ef = None
        self._folder = tempfile.mkdtemp(prefix="apus-ann-")
        self._server = subprocess.Popen(
            [os.environ.get("APUS_BINARY", "apus"), "serve", "--data", f"{self._folder}/data",
             "--http-port", "0", "--grpc-port", "0", "--log-level", "error"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self._server.stdout.readline()
        ports = LISTENING.search(line)
        if ports is None:
            raise RuntimeError(f"the server did not start: {line!r}")
        http_port, grpc_port = map(int, ports.groups())
        self._client = QdrantClient(
            host="127.0.0.1", port=http_port, grpc_port=grpc_port, prefer_grpc=True, https=False,
            timeout=TIMEOUT)
        channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", [
            ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
        # Bytes out, messages in: what is sent is encoded beforehand.
        self._query = channel.unary_unary(
            "/qdrant.Points/Query", response_deserializer=wire.QueryResponse.FromString)
        self._query_batch = channel.unary_unary(
            "/qdrant.Points/QueryBatch", response_deserializer=wire.QueryBatchResponse.FromString)

    def fit(self, X):
        X = X.astype(np.float32, copy=False)
        if self._client.collection_exists(COLLECTION):
            self._client.delete_collection(COLLECTION)
        self._client.create_collection(
            COLLECTION, vectors_config=VectorParams(size=X.shape[1], distance=self._distance),
            hnsw_config=HnswConfigDiff(m=self._m, ef_construct=self._ef_construction))
        self._client.upload_collection(
            COLLECTION, vectors=X, ids=range(len(X)), batch_size=BATCH, wait=True)
        while self._client.get_collection(COLLECTION).status != "green":
            time.sleep(0.1)

    def set_query_arguments(self, ef):
        self._ef = ef

    def _request(self, q, n):
        vector = wire.VectorInput(dense=wire.DenseVector(data=np.asarray(q, np.float32).tolist()))
        return wire.QueryPoints(
            collection_name=COLLECTION, query=wire.Query(nearest=vector), limit=n,
            params=wire.SearchParams(hnsw_ef=max(self._ef, n)))

    def query(self, q, n):
        self.prepare_query(q, n)
        self.run_prepared_query()
        return self.get_prepared_query_results()

    def prepare_query(self, q, n):
        self._prepared = self._request(q, n).SerializeToString()

    def run_prepared_query(self):
        self._answer = self._query(self._prepared, timeout=TIMEOUT)

    def get_prepared_query_results(self):
        return [point.id.num for point in self._answer.result]

    def prepare_batch_query(self, X, n):
        self._batches = [
            wire.QueryBatchPoints(
                collection_name=COLLECTION,
                query_points=[self._request(q, n) for q in X[first:first + BATCH]],
            ).SerializeToString()
            for first in range(0, len(X), BATCH)
        ]

    def run_batch_query(self):
        self._answers = [self._query_batch(each, timeout=TIMEOUT) for each in self._batches]

    def batch_query(self, X, n):
        self.prepare_batch_query(X, n)
        self.run_batch_query()

    def get_batch_results(self):
        return [[point.id.num for point in each.result]
                for answer in self._answers for each in answer.result]

    def get_memory_usage(self):
        """Of the server, in kilobytes; the client's own is not the index."""
        with open(f"/proc/{self._server.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024

    def done(self):
        self._client.close()
        self._server.terminate()
        self._server.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __str__(self):
        return f"Apus(M={self._m}, efConstruction={self._ef_construction}, ef={self._ef})"
