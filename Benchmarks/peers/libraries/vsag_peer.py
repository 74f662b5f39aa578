"""VSAG: HGraph over 8-bit codes, reordered by float32. Python asks it one query a call."""

import json
import pathlib

import numpy as np
import pyvsag

from .peer import Peer


class HGraph(Peer):
    package = "pyvsag"
    about = "HGraph over 8-bit codes, degree 2·M, reordered by float32"
    one_call = False

    def empty(self, threads: int) -> pyvsag.Index:
        pyvsag.set_logger_off()
        return pyvsag.Index("hgraph", json.dumps({
            "dtype": "float32",
            "metric_type": "ip" if self.shape.is_cosine else "l2",
            "dim": self.shape.dimension,
            "index_param": {
                "base_quantization_type": "sq8",
                "use_reorder": True,
                "precise_quantization_type": "fp32",
                "max_degree": 2 * self.shape.m,
                "ef_construction": self.shape.ef_construction,
                "build_thread_count": threads,
            },
        }))

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        self.index = self.empty(threads)
        self.index.build(
            vectors=rows.reshape(-1), ids=np.arange(len(rows), dtype=np.int64),
            num_elements=len(rows), dim=self.shape.dimension)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(str(folder / "index"))

    def load(self, folder: pathlib.Path) -> None:
        self.index = self.empty(1)
        self.index.load(str(folder / "index"))

    def apply(self, ef: int) -> None:
        self.parameters = json.dumps({"hgraph": {"ef_search": max(ef, self.shape.k)}})

    def search(self, query: np.ndarray) -> np.ndarray:
        return self.index.knn_search(query, self.shape.k, self.parameters)[0]
