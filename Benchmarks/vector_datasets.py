"""The datasets that are measured: where their files lie, how they compare, what is true."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Dataset:
    name: str
    #: "l2" or "cosine"
    metric: str
    base_file: str
    query_file: str
    truth_file: str
    folder: pathlib.Path = pathlib.Path()

    @property
    def base_path(self) -> pathlib.Path:
        return self.folder / self.name / self.base_file

    @property
    def query_path(self) -> pathlib.Path:
        return self.folder / self.name / self.query_file

    @property
    def truth_path(self) -> pathlib.Path:
        return self.folder / self.name / self.truth_file

    def base(self, limit: int | None) -> np.ndarray:
        return np.load(self.base_path)[:limit].astype(np.float32)

    def queries(self) -> np.ndarray:
        return np.load(self.query_path).astype(np.float32)

    def truth(self, base: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
        """Exact ids of the k nearest: the dataset's own where they cover the base."""
        known = np.load(self.truth_path)
        whole = len(np.load(self.base_path, mmap_mode="r")) == len(base)
        if whole:
            return known[:, :k]
        return np.argsort(exact_distances(self.metric, base, queries), axis=1)[:, :k]


def exact_distances(metric: str, base: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """[queries × base], float32; smaller is nearer."""
    if metric == "cosine":
        return -(unit(queries) @ unit(base).T)
    return (base**2).sum(1)[None, :] - 2 * (queries @ base.T)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def distances_to(metric: str, base: np.ndarray, query: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Double-precision distances from one query to the rows `ids`."""
    rows, point = base[ids].astype(np.float64), query.astype(np.float64)
    if metric == "cosine":
        return 1 - rows @ point / (np.linalg.norm(rows, axis=1) * np.linalg.norm(point))
    return ((rows - point) ** 2).sum(1)


def recall(
    metric: str, base: np.ndarray, queries: np.ndarray, truth: np.ndarray, found: np.ndarray, k: int
) -> float:
    """The part of found ids that are no farther than the k-th true neighbour.

    By distance, not by id, within one part in a million: as `apus bench ann` counts. Negative ids
    are places that were left empty.
    """
    hits = 0
    for query, true_ids, ids in zip(queries, truth, found):
        bound = distances_to(metric, base, query, true_ids[:k]).max()
        bound += 1e-6 * (1 if metric == "cosine" else bound)
        ids = np.unique(ids[:k])
        near = distances_to(metric, base, query, ids[ids >= 0]) <= bound
        hits += int(near.sum())
    return hits / (k * len(queries))


#: By the names that the command line takes.
KNOWN = {
    "sift": Dataset("sift-like-200k", "l2", "base.u8.npy", "query.u8.npy", "gt_ids.npy"),
    "minilm": Dataset(
        "pypi-minilm-100k", "cosine", "base.f16.npy", "query.f32.npy", "gt_ids.npy"
    ),
}


def at(key: str, folder: pathlib.Path | str) -> Dataset:
    """The dataset of that name, whose files lie below `folder`."""
    return dataclasses.replace(KNOWN[key], folder=pathlib.Path(folder))
