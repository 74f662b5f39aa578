"""The filters of the filtered comparison, in each peer's language, and the rows that match."""

from __future__ import annotations

import dataclasses
import gzip
import json
import pathlib

import numpy as np

import vector_datasets as datasets

#: By the name that `datasets.KNOWN` has.
DATASET = "minilm"
DATASET_NAME = datasets.KNOWN[DATASET].name


@dataclasses.dataclass(frozen=True)
class Filter:
    name: str
    title: str
    field: str
    #: "gte", "lte" or "eq"
    comparison: str
    value: int

    @property
    def json(self) -> dict:
        """As the API's filters are written."""
        condition = (
            {"match": {"value": self.value}} if self.comparison == "eq"
            else {"range": {self.comparison: self.value}})
        return {"must": [{"key": self.field, **condition}]}

    @property
    def sql(self) -> str:
        return f"{self.field} {dict(gte='>=', lte='<=', eq='=')[self.comparison]} {self.value}"

    @property
    def where(self) -> dict:
        """As chromadb writes it."""
        return {self.field: {f"${self.comparison}": self.value}}

    def truth_path(self, dataset: datasets.Dataset) -> pathlib.Path:
        return dataset.folder / dataset.name / f"gt_{self.name}_ids.npy"

    def mask(self, payloads: list[dict]) -> np.ndarray:
        """Which rows match; one without the field does not."""
        holds = {"gte": int.__ge__, "lte": int.__le__, "eq": int.__eq__}[self.comparison]
        return np.array([self.field in row and holds(row[self.field], self.value)
                         for row in payloads])

    def truth(self, dataset: datasets.Dataset, base: np.ndarray, queries: np.ndarray,
              mask: np.ndarray, k: int, whole: bool) -> np.ndarray:
        """Exact ids of the nearest k that match; fewer than k where fewer do."""
        if whole:
            return np.load(self.truth_path(dataset))[:, :k]
        rows = np.flatnonzero(mask)
        distances = datasets.exact_distances(dataset.metric, base[rows], queries)
        return rows[np.argsort(distances, axis=1)[:, :k]]


ALL = (
    Filter("f50_year_ge_2025", "52 % (year ≥ 2025)", "year", "gte", 2025),
    Filter("f10_year_eq_2024", "8.7 % (year = 2024)", "year", "eq", 2024),
    Filter("f1_rank_le_9000", "1.13 % (rank ≤ 9000)", "rank", "lte", 9000),
    Filter("f01_rank_le_900", "0.106 % (rank ≤ 900)", "rank", "lte", 900),
)


def payload_path(dataset: datasets.Dataset) -> pathlib.Path:
    return dataset.folder / dataset.name / "base.meta.jsonl.gz"


def payloads(dataset: datasets.Dataset, limit: int | None) -> list[dict]:
    """What is filtered by, of each row: year, and rank where it has one."""
    with gzip.open(payload_path(dataset), "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [{field: row[field] for field in ("year", "rank") if row.get(field) is not None}
            for row in rows[:limit]]
