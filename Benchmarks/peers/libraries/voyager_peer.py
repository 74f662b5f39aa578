"""voyager: Spotify's HNSW, over float32."""

import pathlib

import numpy as np
import voyager

from .peer import Peer


class Voyager(Peer):
    package = "voyager"
    about = "HNSW over float32"

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        space = voyager.Space.Cosine if self.shape.is_cosine else voyager.Space.Euclidean
        self.index = voyager.Index(
            space, self.shape.dimension, M=self.shape.m,
            ef_construction=self.shape.ef_construction, max_elements=len(rows))
        self.index.add_items(rows, num_threads=threads)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(str(folder / "index"))

    def load(self, folder: pathlib.Path) -> None:
        self.index = voyager.Index.load(str(folder / "index"))

    def apply(self, ef: int) -> None:
        self.ef = max(ef, self.shape.k)

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.query(queries, k=self.shape.k, num_threads=1, query_ef=self.ef)[0]
