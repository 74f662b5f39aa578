"""One process of one peer: says its version, builds and saves an index, or loads it and searches.

    worker.py probe  ENGINE
    worker.py build  ENGINE OPTIONS
    worker.py search ENGINE OPTIONS

OPTIONS is a JSON object: dataset, datasets, folder, limit, k, m, ef_construction, threads, passes,
and efs (or null). Prints JSON lines on standard output, to which libraries cannot write.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import json
import os
import pathlib
import sys
import time

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))

# Libraries print to standard output, some from C: whatever they write goes to standard error.
OUTPUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import numpy as np

import vector_datasets as datasets
import libraries
from libraries.peer import Peer, Shape
from memory import Resident


def report(**values: object) -> None:
    print(json.dumps(values), file=OUTPUT, flush=True)


def resident() -> Resident:
    """Of this process, without what the allocator could give back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return Resident.of()


class Task:
    def __init__(self, engine: str, options: dict) -> None:
        self.options = options
        self.dataset = datasets.at(options["dataset"], options["datasets"])
        self.folder = pathlib.Path(options["folder"])
        self.base = self.dataset.base(options["limit"] or None)
        self.peer: Peer = libraries.named(engine)(Shape(
            metric=self.dataset.metric, dimension=self.base.shape[1], rows=len(self.base),
            k=options["k"], m=options["m"], ef_construction=options["ef_construction"]))

    def as_given(self, rows: np.ndarray) -> np.ndarray:
        """As peers get them: of unit length where angles are compared."""
        return datasets.unit(rows) if self.dataset.metric == "cosine" else rows

    def build(self) -> None:
        rows = np.ascontiguousarray(self.as_given(self.base))
        wall, cpu = time.perf_counter(), time.process_time()
        self.peer.build(rows, self.options["threads"], self.folder)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.peer.save(self.folder)
        report(build_s=wall, build_cpu_s=cpu)

    def search(self) -> None:
        k = self.options["k"]
        queries = np.ascontiguousarray(self.as_given(self.dataset.queries()))
        truth = self.dataset.truth(self.base, queries, k)
        before = resident()
        self.peer.load(self.folder)
        calls = [queries] if self.peer.one_call else [
            self.peer.prepare(np.ascontiguousarray(query)) for query in queries]
        memory = None
        for setting in self.settings():
            self.peer.apply(**setting)
            # The pass whose answers are judged also warms up, and touches what is mapped.
            found = [self.peer.search(call) for call in calls]
            if memory is None:
                memory = resident().since(before, len(self.base))
            best = min(self.timed(calls) for _ in range(self.options["passes"]))
            # An engine that found fewer than k left places of its answer empty.
            ids = np.array(found[0] if self.peer.one_call else found).astype(np.int64)
            part = datasets.recall(
                self.dataset.metric, self.base, queries, truth, ids.reshape(len(queries), -1), k)
            report(setting=",".join(f"{name}={value}" for name, value in setting.items()),
                   recall=part, qps=len(queries) / best, **memory)

    def timed(self, calls: list) -> float:
        search = self.peer.search
        began = time.perf_counter()
        for call in calls:
            search(call)
        return time.perf_counter() - began

    def settings(self) -> list[dict]:
        efs = self.options["efs"]
        if efs and "ef" in self.peer.settings[0]:
            return [{"ef": ef} for ef in efs]
        return list(self.peer.settings)


def main() -> None:
    action, engine, *rest = sys.argv[1:]
    if action == "probe":
        peer = libraries.named(engine)
        report(version=importlib.metadata.version(peer.package), about=peer.about)
        return
    task = Task(engine, json.loads(rest[0]))
    {"build": task.build, "search": task.search}[action]()


if __name__ == "__main__":
    main()
