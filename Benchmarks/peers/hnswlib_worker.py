"""One process of hnswlib: builds an index and saves it, or loads it and times searches.

    hnswlib_worker.py build  DATASET FOLDER INDEX LIMIT M EF_CONSTRUCTION THREADS
    hnswlib_worker.py search DATASET FOLDER INDEX LIMIT K PASSES EF,EF,…

Prints JSON lines. Searches run on one thread. All queries go in one call, which spares hnswlib the
cost of Python for each of them.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import hnswlib

import datasets


def build(dataset: datasets.Dataset, index_path: str, limit: int | None, rest: list[str]) -> None:
    m, ef_construction, threads = map(int, rest)
    base = dataset.base(limit)
    index = hnswlib.Index(space=dataset.metric, dim=base.shape[1])
    index.init_index(max_elements=len(base), M=m, ef_construction=ef_construction)
    wall, cpu = time.perf_counter(), time.process_time()
    index.add_items(base, num_threads=threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    index.save_index(index_path)
    print(json.dumps({"build_s": wall, "build_cpu_s": cpu}), flush=True)


def search(dataset: datasets.Dataset, index_path: str, limit: int | None, rest: list[str]) -> None:
    k, passes = int(rest[0]), int(rest[1])
    base, queries = dataset.base(limit), dataset.queries()
    truth = dataset.truth(base, queries, k)
    index = hnswlib.Index(space=dataset.metric, dim=base.shape[1])
    index.load_index(index_path, max_elements=len(base))
    index.set_num_threads(1)
    for ef in map(int, rest[2].split(",")):
        index.set_ef(max(ef, k))
        found, _ = index.knn_query(queries, k=k, num_threads=1)
        best = float("inf")
        for _ in range(passes):
            began = time.perf_counter()
            index.knn_query(queries, k=k, num_threads=1)
            best = min(best, time.perf_counter() - began)
        part = datasets.recall(dataset.metric, base, queries, truth, found, k)
        print(json.dumps({"ef": ef, "recall": part, "qps": len(queries) / best}), flush=True)


def main() -> None:
    action, name, folder, index_path, limit, *rest = sys.argv[1:]
    dataset = dataclasses.replace(datasets.KNOWN[name], folder=pathlib.Path(folder))
    rows = int(limit) or None
    {"build": build, "search": search}[action](dataset, index_path, rows, rest)


if __name__ == "__main__":
    main()
