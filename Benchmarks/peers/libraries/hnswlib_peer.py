"""hnswlib: the graph over float32 that everyone is compared with."""

import pathlib

import hnswlib
import numpy as np

from .peer import Peer


class HNSWLib(Peer):
    package = "hnswlib"
    about = "HNSW over float32"

    def empty(self) -> hnswlib.Index:
        return hnswlib.Index(space="ip" if self.shape.is_cosine else "l2", dim=self.shape.dimension)

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        self.index = self.empty()
        self.index.init_index(
            max_elements=len(rows), M=self.shape.m, ef_construction=self.shape.ef_construction)
        self.index.add_items(rows, num_threads=threads)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save_index(str(folder / "index"))

    def load(self, folder: pathlib.Path) -> None:
        self.index = self.empty()
        self.index.load_index(str(folder / "index"), max_elements=self.shape.rows)
        self.index.set_num_threads(1)

    def apply(self, ef: int) -> None:
        self.index.set_ef(max(ef, self.shape.k))

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.knn_query(queries, k=self.shape.k, num_threads=1)[0]
