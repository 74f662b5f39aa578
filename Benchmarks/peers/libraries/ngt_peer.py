"""NGT: ONNG, a graph of 100 nearest neighbours cut to 10 out and 120 in, as in ann-benchmarks.

Its quantized graphs need a command that the Python package does not bring. The optimiser's tuning
of search parameters is left out: it takes minutes and only maps accuracies to epsilons.
"""

import pathlib
import shutil

import ngtpy
import numpy as np

from .peer import Peer

EPSILONS = (-0.1, -0.05, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)


class ONNG(Peer):
    package = "ngt"
    about = "ONNG over float32"
    settings = tuple({"epsilon": epsilon} for epsilon in EPSILONS)

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        neighbours = str(folder / "anng")
        # Of unit vectors L2 orders as the cosine does, and is NGT's fastest distance.
        ngtpy.create(neighbours, self.shape.dimension, edge_size_for_creation=100,
                     edge_size_for_search=0, distance_type="L2", object_type="Float")
        index = ngtpy.Index(neighbours, log_disabled=True)
        index.batch_insert(rows, num_threads=threads)
        index.save()
        index.close()
        optimiser = ngtpy.Optimizer(log_disabled=True)
        optimiser.set(num_of_outgoings=10, num_of_incomings=120)
        optimiser.set_processing_modes(
            search_parameter_optimization=False, prefetch_parameter_optimization=False,
            accuracy_table_generation=False)
        optimiser.execute(neighbours, str(folder / "index"))
        shutil.rmtree(neighbours)

    def save(self, folder: pathlib.Path) -> None:
        """Building has."""

    def load(self, folder: pathlib.Path) -> None:
        self.index = ngtpy.Index(str(folder / "index"), read_only=True, log_disabled=True)

    def apply(self, epsilon: float) -> None:
        # -2: how many edges of a node are followed depends on epsilon.
        self.index.set(epsilon=epsilon, edge_size=-2)

    def search(self, queries: np.ndarray) -> np.ndarray:
        found = ngtpy.BatchResults()
        self.index.batch_search(queries, found, self.shape.k, False)
        return found.get_ids()
