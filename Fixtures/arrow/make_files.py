"""Writes the Arrow files of this folder with pyarrow 26.0.1.

    python make_files.py

Each has the 40 rows that `rows()` of the Parquet files gives, in another way of writing them.
"""

import pathlib

import pyarrow as pa

FOLDER = pathlib.Path(__file__).parent

COUNT = range(40)


def rows() -> pa.Table:
    return pa.table({
        "id": pa.array([n * n for n in COUNT], pa.int64()),
        "text": pa.array([None if n % 7 == 3 else f"text {n % 5}" for n in COUNT]),
        "flag": pa.array([None if n % 5 == 0 else n % 3 == 0 for n in COUNT]),
        "vector": pa.array([[n / 4, n / 8, -n] for n in COUNT], pa.list_(pa.float32(), 3)),
        "tags": pa.array([None if n % 6 == 0 else [None if k == 2 else f"t{k}"
                                                   for k in range(n % 4)] for n in COUNT]),
        "meta": pa.array([None if n % 9 == 0 else {"a": n, "b": [{"c": k} for k in range(n % 3)]}
                          for n in COUNT]),
    })


def write(name: str, table: pa.Table, *, stream: bool = False, chunk: int = 16, **options) -> None:
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(FOLDER / f"{name}.arrow", table.schema,
              options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=chunk)


table = rows()
write("file", table)
write("stream", table, stream=True)
write("lz4", table, compression="lz4")
write("zstd", table, compression="zstd", stream=True, chunk=40)

# Dictionaries that grow from batch to batch.
parts = []
for start in (0, 16, 32):
    part = table.slice(start, 16)
    seen = [f"text {n}" for n in range(5)][:3 if start == 0 else 5]
    values = part["text"].to_pylist()
    seen += [text for text in dict.fromkeys(values) if text is not None and text not in seen]
    index = [None if text is None else seen.index(text) for text in values]
    column = pa.DictionaryArray.from_arrays(pa.array(index, pa.int8()), pa.array(seen))
    parts.append(part.set_column(1, "text", column).to_batches()[0])
with pa.ipc.new_stream(FOLDER / "dictionary.arrow", parts[0].schema,
                       options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as writer:
    for part in parts:
        writer.write_batch(part)

views = (table
         .set_column(1, "text", table["text"].cast(pa.string_view()))
         .set_column(4, "tags", table["tags"].cast(pa.large_list(pa.string_view()))))
write("views", views)
