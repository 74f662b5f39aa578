#!/usr/bin/env python3
"""Cuts the sample in this folder out of the full dataset `pypi-minilm-100k`.

    python3 make_sample.py DATASET_FOLDER [OUTPUT_FOLDER]

Needs numpy. The result is the same on every run: the base is the first ROWS rows (the dataset is
already shuffled), the queries are the first QUERIES held-out ones, and the neighbours are found by
exhaustive search, in float32, on the float16-rounded and re-normalised rows.
"""

import gzip
import io
import json
import pathlib
import sys

import numpy as np

ROWS = 10_000
QUERIES = 200
NEIGHBOURS = 100

#: Facts about a package. The summary sentences belong to their authors and stay out.
FACTS = ("name", "version", "month", "year", "rank", "keyword")


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of `rows` as float32 of length one."""
    wide = rows.astype(np.float32)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def nearest(base: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact neighbours by cosine, best first, ties by lowest row: ids and cosines."""
    cosine = queries @ base.T
    ids = np.argsort(-cosine, axis=1, kind="stable")[:, :NEIGHBOURS].astype(np.int32)
    return ids, np.take_along_axis(cosine, ids, axis=1).astype(np.float32)


def facts(source: pathlib.Path) -> bytes:
    """JSON lines with the facts of the first ROWS packages, compressed without a time stamp."""
    buffer = io.BytesIO()
    with gzip.open(source, "rt", encoding="utf-8") as lines, gzip.GzipFile(
        filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0
    ) as packed:
        for _, line in zip(range(ROWS), lines):
            record = json.loads(line)
            kept = {key: record[key] for key in FACTS if key in record}
            packed.write(json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode())
            packed.write(b"\n")
    return buffer.getvalue()


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    dataset = pathlib.Path(sys.argv[1])
    output = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).parent
    base = np.load(dataset / "base.f16.npy", mmap_mode="r")[:ROWS]
    queries = np.load(dataset / "query.f32.npy")[:QUERIES]
    ids, cosines = nearest(unit(base), unit(queries))
    np.save(output / "base.f16.npy", np.ascontiguousarray(base))
    np.save(output / "queries.f32.npy", np.ascontiguousarray(queries))
    np.save(output / "neighbours.i32.npy", ids)
    np.save(output / "cosines.f32.npy", cosines)
    (output / "payload.jsonl.gz").write_bytes(facts(dataset / "base.meta.jsonl.gz"))


if __name__ == "__main__":
    main()
