"""Writes the Parquet files of this folder with pyarrow 26.0.1.

    python make_files.py

Each has the 40 rows that `rows()` gives, in another way of writing them.
"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent


def rows() -> pa.Table:
    count = range(40)
    return pa.table({
        "id": pa.array([n * n for n in count], pa.int64()),
        "text": pa.array([None if n % 7 == 3 else f"text {n % 5}" for n in count]),
        "flag": pa.array([None if n % 5 == 0 else n % 3 == 0 for n in count]),
        "vector": pa.array([[n / 4, n / 8, -n] for n in count], pa.list_(pa.float32())),
        "tags": pa.array([None if n % 6 == 0 else [None if k == 2 else f"t{k}"
                                                   for k in range(n % 4)] for n in count]),
        "meta": pa.array([None if n % 9 == 0 else {"a": n, "b": [{"c": k} for k in range(n % 3)]}
                          for n in count]),
    })


table = rows()
pq.write_table(table, FOLDER / "plain.parquet", compression="none", use_dictionary=False,
               row_group_size=16, write_statistics=False)
pq.write_table(table, FOLDER / "dictionary.parquet", compression="snappy",
               data_page_version="2.0", write_page_checksum=True, write_statistics=False)
pq.write_table(table, FOLDER / "zstd.parquet", compression="zstd", data_page_size=64,
               dictionary_pagesize_limit=16, write_statistics=False)
pq.write_table(table, FOLDER / "gzip.parquet", compression="gzip", write_statistics=False)
pq.write_table(table, FOLDER / "lz4.parquet", compression="lz4", data_page_version="2.0",
               write_statistics=False, use_dictionary=False, column_encoding={
                   "id": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY",
                   "vector.list.element": "BYTE_STREAM_SPLIT",
                   "tags.list.element": "DELTA_LENGTH_BYTE_ARRAY"})
