"""One process of one peer of the filtered comparison: builds, or loads and searches every filter.

    filtered_worker.py build|search ENGINE OPTIONS

usearch is not here: its Python interface takes no filter.
"""

from __future__ import annotations

import os
import sys

# Libraries print to standard output, some from C: whatever they write goes to standard error.
OUTPUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import importlib.metadata
import json
import pathlib
import time

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np

import vector_datasets as datasets
import filters

#: Rows of one insert.
BATCH = 1000


class Engine:
    """Takes unit vectors and payloads; `choose` prepares a filter, which is not timed."""

    package: str
    #: Whether `ef` changes anything.
    has_ef = True

    def __init__(self, options: dict) -> None:
        self.k, self.m = options["k"], options["m"]
        self.ef_construction = options["ef_construction"]
        self.threads = options["threads"]
        self.folder = pathlib.Path(options["folder"])
        self.path = str(self.folder / "index")

    def build(self, rows: np.ndarray, payloads: list[dict]) -> None: ...
    def load(self, rows: np.ndarray) -> None: ...
    def choose(self, wanted: filters.Filter, mask: np.ndarray) -> None: ...
    def apply(self, ef: int) -> None: ...
    def search(self, query: np.ndarray): ...


class FaissBitmap(Engine):
    """The graph is walked through all rows; a bitmap says which are results."""

    package = "faiss-cpu"

    def build(self, rows, payloads):
        import faiss
        faiss.omp_set_num_threads(self.threads)
        index = faiss.IndexHNSWFlat(rows.shape[1], self.m, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.ef_construction
        index.add(rows)
        faiss.write_index(index, self.path)

    def load(self, rows):
        import faiss
        self.faiss = faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(self.path)

    def choose(self, wanted, mask):
        self.bits = np.packbits(mask, bitorder="little")
        self.selector = self.faiss.IDSelectorBitmap(self.bits)

    def apply(self, ef):
        self.parameters = self.faiss.SearchParametersHNSW(sel=self.selector, efSearch=ef)

    def search(self, query):
        return self.index.search(query[None], self.k, params=self.parameters)[1][0]


class FaissScan(Engine):
    """Every matching row is measured; they lie together, which a real filter would not find."""

    package = "faiss-cpu"
    has_ef = False

    def load(self, rows):
        import faiss
        self.faiss, self.rows = faiss, rows
        faiss.omp_set_num_threads(1)

    def choose(self, wanted, mask):
        self.ids = np.flatnonzero(mask)
        self.index = self.faiss.IndexFlatIP(self.rows.shape[1])
        self.index.add(self.rows[self.ids])

    def search(self, query):
        places = self.index.search(query[None], self.k)[1][0]
        return np.where(places < 0, -1, self.ids[places])


class HNSWLibCallback(Engine):
    """Asks Python about every row that it meets."""

    package = "hnswlib"

    def build(self, rows, payloads):
        import hnswlib
        index = hnswlib.Index(space="ip", dim=rows.shape[1])
        index.init_index(max_elements=len(rows), M=self.m, ef_construction=self.ef_construction)
        index.add_items(rows, num_threads=self.threads)
        index.save_index(self.path)

    def load(self, rows):
        import hnswlib
        self.index = hnswlib.Index(space="ip", dim=rows.shape[1])
        self.index.load_index(self.path, max_elements=len(rows))

    def choose(self, wanted, mask):
        self.matches = mask.tolist().__getitem__

    def apply(self, ef):
        self.index.set_ef(ef)

    def search(self, query):
        # It throws where it finds fewer than k; then none of its results are to be had.
        try:
            return self.index.knn_query(query, k=self.k, num_threads=1, filter=self.matches)[0][0]
        except RuntimeError:
            return np.full(self.k, -1)


class QdrantEdge(Engine):
    package = "qdrant-edge-py"

    def build(self, rows, payloads):
        import qdrant_edge as edge
        pathlib.Path(self.path).mkdir()
        shard = edge.EdgeShard.create(self.path, edge.EdgeConfig(
            vectors={"": edge.EdgeVectorParams(
                size=rows.shape[1], distance=edge.Distance.Cosine,
                hnsw_config=edge.HnswIndexConfig(
                    m=self.m, ef_construct=self.ef_construction, full_scan_threshold=1000,
                    max_indexing_threads=self.threads))},
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1)))
        for field in ("year", "rank"):
            shard.update(edge.UpdateOperation.create_field_index(
                field, edge.PayloadSchemaType.Integer))
        for first in range(0, len(rows), BATCH):
            shard.update(edge.UpdateOperation.upsert_points([
                edge.Point(first + place, row, payloads[first + place])
                for place, row in enumerate(rows[first:first + BATCH].tolist())]))
        shard.flush()
        shard.optimize()
        shard.close()

    def load(self, rows):
        import qdrant_edge as edge
        self.edge = edge
        self.shard = edge.EdgeShard.load(self.path)

    def choose(self, wanted, mask):
        edge = self.edge
        condition = (
            {"match": edge.MatchValue(wanted.value)} if wanted.comparison == "eq"
            else {"range": edge.RangeFloat(**{wanted.comparison: float(wanted.value)})})
        self.filter = edge.Filter(must=[edge.FieldCondition(wanted.field, **condition)])

    def apply(self, ef):
        self.parameters = self.edge.SearchParams(hnsw_ef=ef)

    def search(self, query):
        found = self.shard.query(self.edge.QueryRequest(
            query=self.edge.Query.Nearest(query.tolist()), filter=self.filter, limit=self.k,
            params=self.parameters))
        return [each.id for each in found]


class LanceDB(Engine):
    """HNSW over 8-bit codes in one partition, three times k refined; scalar indexes."""

    package = "lancedb"

    def build(self, rows, payloads):
        import lancedb
        import pyarrow
        vectors = pyarrow.FixedSizeListArray.from_arrays(
            pyarrow.array(rows.reshape(-1)), rows.shape[1])
        columns = {"id": pyarrow.array(range(len(rows)), pyarrow.int64()), "vector": vectors}
        for field in ("year", "rank"):
            columns[field] = pyarrow.array(
                [each.get(field) for each in payloads], pyarrow.int64())
        table = lancedb.connect(self.path).create_table("rows", pyarrow.table(columns))
        for field in ("year", "rank"):
            table.create_scalar_index(field)
        table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=self.m,
                           ef_construction=self.ef_construction)

    def load(self, rows):
        import lancedb
        self.table = lancedb.connect(self.path).open_table("rows")

    def choose(self, wanted, mask):
        self.filter = wanted.sql

    def apply(self, ef):
        self.ef = ef

    def search(self, query):
        found = (self.table.search(query).metric("cosine").where(self.filter, prefilter=True)
                 .ef(self.ef).refine_factor(3).limit(self.k).select(["id"]).to_arrow())
        return found["id"].to_numpy()


class ChromaDB(Engine):
    package = "chromadb"

    def client(self):
        import chromadb
        return chromadb.PersistentClient(
            self.path, settings=chromadb.Settings(anonymized_telemetry=False))

    def build(self, rows, payloads):
        collection = self.client().create_collection("rows", configuration={"hnsw": {
            "space": "cosine", "max_neighbors": self.m, "ef_construction": self.ef_construction,
            "ef_search": 64}})
        for first in range(0, len(rows), BATCH):
            part = range(first, min(first + BATCH, len(rows)))
            collection.add(ids=[str(row) for row in part], embeddings=rows[first:part.stop],
                           metadatas=[payloads[row] for row in part])

    # Its search breadth is set when a collection is made: 64, that of the first of --ef.
    has_ef = False

    def load(self, rows):
        self.collection = self.client().get_collection("rows")

    def choose(self, wanted, mask):
        self.filter = wanted.where

    def search(self, query):
        found = self.collection.query(
            query_embeddings=[query], n_results=self.k, where=self.filter, include=[])
        return [int(each) for each in found["ids"][0]]


ENGINES = {
    "faiss-hnsw-bitmap": FaissBitmap, "faiss-scan": FaissScan,
    "hnswlib-callback": HNSWLibCallback, "qdrant-edge": QdrantEdge, "lancedb": LanceDB,
    "chromadb": ChromaDB,
}


def report(**values: object) -> None:
    print(json.dumps(values), file=OUTPUT, flush=True)


def search_all(engine: Engine, queries: np.ndarray, seconds: float) -> tuple[list, float]:
    """Answers, as many as there is time for, and seconds for each."""
    found = []
    began = time.perf_counter()
    for query in queries:
        found.append(engine.search(query))
        if time.perf_counter() - began > seconds:
            break
    return found, (time.perf_counter() - began) / len(found)


def search(engine: Engine, dataset: datasets.Dataset, base: np.ndarray, options: dict) -> None:
    k = options["k"]
    rows, queries = datasets.unit(base), np.ascontiguousarray(datasets.unit(dataset.queries()))
    payloads = filters.payloads(dataset, options["limit"] or None)
    engine.load(rows)
    for wanted in filters.ALL:
        mask = wanted.mask(payloads)
        truth = wanted.truth(dataset, base, queries, mask, k, not options["limit"])
        engine.choose(wanted, mask)
        for ef in options["efs"] if engine.has_ef else [None]:
            if ef is not None:
                engine.apply(max(ef, k))
            found, best = search_all(engine, queries, options["seconds"])
            for _ in range(options["passes"]):
                best = min(best, search_all(engine, queries, options["seconds"])[1])
            ids = np.array([np.pad(np.asarray(each, np.int64)[:k], (0, k - len(each[:k])),
                                   constant_values=-1) for each in found])
            assert mask[ids[ids >= 0]].all(), f"{wanted.name}: a row that does not match"
            near = datasets.recall(
                dataset.metric, base, queries[:len(found)], truth[:len(found)], ids,
                truth.shape[1])
            report(filter=wanted.name, setting="" if ef is None else f"ef={ef}", recall=near,
                   qps=1 / best, queries=len(found))


def main() -> None:
    action, name, text = sys.argv[1:]
    options = json.loads(text)
    engine = ENGINES[name](options)
    dataset = datasets.at(filters.DATASET, options["datasets"])
    base = dataset.base(options["limit"] or None)
    if action == "build":
        version = importlib.metadata.version(engine.package)
        payloads = filters.payloads(dataset, options["limit"] or None)
        rows = np.ascontiguousarray(datasets.unit(base))
        wall, cpu = time.perf_counter(), time.process_time()
        engine.build(rows, payloads)
        report(version=version, build_s=time.perf_counter() - wall,
               build_cpu_s=time.process_time() - cpu)
    else:
        search(engine, dataset, base, options)


if __name__ == "__main__":
    main()
