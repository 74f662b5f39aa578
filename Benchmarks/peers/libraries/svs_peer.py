"""SVS: Intel's Vamana over float32, degree 32 (the lowest layer of HNSW with M = 16).

Its LVQ and LeanVec codes are refused on processors of other makers, so they are not compared. Of
its distances, the inner product of unit vectors was the fastest at the same recall.
"""

import pathlib

import numpy as np
import svs

from .peer import Peer


class Vamana(Peer):
    package = "scalable-vs"
    about = "Vamana over float32, degree 2·M"

    @property
    def distance(self) -> svs.DistanceType:
        return svs.DistanceType.MIP if self.shape.is_cosine else svs.DistanceType.L2

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        parameters = svs.VamanaBuildParameters(
            # The library's own advice for each kind of distance.
            alpha=0.95 if self.shape.is_cosine else 1.2,
            graph_max_degree=2 * self.shape.m, window_size=self.shape.ef_construction)
        self.index = svs.Vamana.build(parameters, rows, self.distance, num_threads=threads)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(*(str(folder / part) for part in ("config", "graph", "data")))

    def load(self, folder: pathlib.Path) -> None:
        data = svs.VectorDataLoader(
            str(folder / "data"), svs.DataType.float32, dims=self.shape.dimension)
        self.index = svs.Vamana(
            str(folder / "config"), svs.GraphLoader(str(folder / "graph")), data,
            self.distance, num_threads=1)

    def apply(self, ef: int) -> None:
        self.index.search_window_size = max(ef, self.shape.k)

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, self.shape.k)[0]
