"""usearch: HNSW over float32."""

import pathlib

import numpy as np
from usearch.index import Index

from .peer import Peer


class USearch(Peer):
    package = "usearch"
    about = "HNSW over float32"

    def empty(self) -> Index:
        return Index(
            ndim=self.shape.dimension, metric="ip" if self.shape.is_cosine else "l2sq",
            dtype="f32", connectivity=self.shape.m, expansion_add=self.shape.ef_construction)

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        self.index = self.empty()
        self.index.add(np.arange(len(rows)), rows, threads=threads)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(str(folder / "index"))

    def load(self, folder: pathlib.Path) -> None:
        self.index = self.empty()
        self.index.load(str(folder / "index"))

    def apply(self, ef: int) -> None:
        self.index.expansion_search = max(ef, self.shape.k)

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, self.shape.k, threads=1).keys
