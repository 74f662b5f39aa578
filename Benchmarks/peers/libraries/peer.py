"""What a peer must be able to do: build, save, load, take a setting, search.

A subclass says how its library is configured and nothing else; `worker.py` loads the dataset,
measures and reports.

How queries are asked is a rule for all, so that none pays for Python and none gets what Apus does
not get: all queries go in one call where the library then merely loops over them on one thread
(`one_call`); one query a call, each from its own prepared array, where the library's batch would
share work between queries (lists read once for several, centroids by matrix product), or where it
has none.
"""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Candidates of a graph's search, for libraries that call them so.
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What is indexed, and the settings that all graphs share."""

    #: "l2" or "cosine"; rows and queries of the latter have unit length when a peer gets them.
    metric: str
    dimension: int
    rows: int
    k: int
    m: int
    ef_construction: int

    @property
    def is_cosine(self) -> bool:
        return self.metric == "cosine"


class Peer(abc.ABC):
    #: PyPI package, whose version goes in the table.
    package: str
    #: How it is configured, in a few words, for the table's notes.
    about: str
    #: Whether all queries go in one call (see above).
    one_call = True
    #: What `apply` takes, cheapest first; a dictionary is printed as `key=value,…`.
    settings: Sequence[dict[str, Any]] = tuple({"ef": ef} for ef in EFS)

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @abc.abstractmethod
    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        """Makes the index of float32 `rows`; the ids are their places. `folder` exists."""

    @abc.abstractmethod
    def save(self, folder: pathlib.Path) -> None: ...

    @abc.abstractmethod
    def load(self, folder: pathlib.Path) -> None:
        """In a process of its own, that will search on one thread."""

    @abc.abstractmethod
    def apply(self, **setting: Any) -> None: ...

    @abc.abstractmethod
    def search(self, queries: Any) -> Any:
        """Ids [queries × k] of what `prepare` gave where `one_call` is true, or [k] of one."""

    def prepare(self, query: np.ndarray) -> Any:
        """One query as `search` takes it, where each is a call; not timed."""
        return query
