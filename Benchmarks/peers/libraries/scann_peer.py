"""ScaNN: a tree of leaves, 4-bit anisotropic codes of two dimensions, reordered by float32.

Settings as in ann-benchmarks. Its batch shares work between queries, so each is a call.
"""

import pathlib

import numpy as np
from scann import scann_ops_pybind

from .peer import Peer

#: (leaves searched, candidates reordered)
SWEEP = (
    (10, 50), (20, 50), (20, 100), (40, 100), (60, 100), (80, 150), (120, 150), (160, 200),
    (200, 200), (300, 300), (400, 300), (600, 400), (800, 400),
)


class ScaNN(Peer):
    package = "scann"
    about = "leaves of a tree, 4-bit anisotropic codes, reordered by float32"
    one_call = False
    settings = tuple({"leaves": leaves, "reorder": reorder} for leaves, reorder in SWEEP)

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        cosine = self.shape.is_cosine
        builder = scann_ops_pybind.builder(
            rows, self.shape.k, "dot_product" if cosine else "squared_l2")
        self.index = (
            builder.set_n_training_threads(threads)
            .tree(num_leaves=int(4 * len(rows) ** 0.5), num_leaves_to_search=100,
                  training_sample_size=len(rows), spherical=cosine, quantize_centroids=True)
            .score_ah(2, anisotropic_quantization_threshold=0.2 if cosine else float("nan"))
            .reorder(100)
            .build()
        )

    def save(self, folder: pathlib.Path) -> None:
        (folder / "index").mkdir()
        self.index.serialize(str(folder / "index"), relative_path=True)

    def load(self, folder: pathlib.Path) -> None:
        self.index = scann_ops_pybind.load_searcher(str(folder / "index"))
        self.index.set_num_threads(1)

    def apply(self, leaves: int, reorder: int) -> None:
        self.leaves, self.reorder = leaves, reorder

    def search(self, query: np.ndarray) -> np.ndarray:
        found = self.index.search(query, self.shape.k, self.reorder, self.leaves)[0]
        return np.pad(found.astype(np.int64), (0, self.shape.k - len(found)), constant_values=-1)
