"""Arrow files and streams of other programs, and tables of HDF5 files, in `apus ingest` and pipelines."""

from __future__ import annotations

import pathlib
import random

import numpy as np
import pytest

import components
from pipelines import Pipeline, words
from test_parquet import COMMON, REST, assert_holds, documents, ingest, points

pa = pytest.importorskip("pyarrow", reason="install pyarrow==26.0.1")

import parquet_tables  # noqa: E402

HDF5 = pathlib.Path(__file__).resolve().parents[2] / "Fixtures" / "hdf5"


def write(path, table, *, stream: bool = False, chunk: int | None = 333, **options) -> None:
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=chunk)


WAYS = {
    "a file": {}, "a stream": {"stream": True}, "lz4": {"compression": "lz4"},
    "zstd": {"compression": "zstd"}, "a compressed stream": {"stream": True, "compression": "lz4"},
    "one batch": {"chunk": None}, "one row a batch": {"chunk": 1},
    "an old stream": {"stream": True, "use_legacy_format": True},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_type_of_pyarrow(tmp_path, way):
    table, rows = parquet_tables.table(50 if "one row" in way else 1_000)
    write(tmp_path / "x.arrow", table, **WAYS[way])
    ingest(tmp_path, tmp_path / "x.arrow")
    assert_holds(tmp_path, rows)


def more_columns(count: int) -> dict[str, tuple[pa.Array, list]]:
    """What Parquet has not."""
    numbers = range(count)
    texts = [None if n % 7 == 0 else f"a text that is {n} long " * (n % 4) for n in numbers]
    blobs = [bytes([65 + n % 26]) * (n % 30) for n in numbers]
    lists = [None if n % 5 == 0 else list(range(n % 6)) for n in numbers]
    return {
        "view": (pa.array(texts, pa.string_view()), texts),
        "blobs": (pa.array(blobs, pa.binary_view()), [b.decode() for b in blobs]),
        "wide": (pa.array(lists, pa.large_list(pa.int16())), lists),
        "listview": (pa.array(lists, pa.list_view(pa.int32())), lists),
        "fixed": (pa.array([b"abc"] * count, pa.binary(3)), ["abc"] * count),
        "kind": (pa.array([None if t is None else t[:20] for t in texts]).dictionary_encode(),
                 [None if t is None else t[:20] for t in texts]),
        "kinds": (pa.array([["a", "b", "c"][: n % 4] for n in numbers],
                           pa.list_(pa.dictionary(pa.int16(), pa.string()))),
                  [["a", "b", "c"][: n % 4] for n in numbers]),
        "null": (pa.nulls(count), [None] * count),
        "seconds": (pa.array(numbers, pa.duration("s")), list(numbers)),
        "millis": (pa.array([n * 86_400_000 for n in numbers], pa.date64()),
                   [str(np.datetime64(n, "D")) for n in numbers]),
        "clock": (pa.array(numbers, pa.time32("s")),
                  [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in numbers]),
        "interval": (pa.array([pa.MonthDayNano([n, 2, 3]) for n in numbers]),
                     [{"months": n, "days": 2, "nanoseconds": 3} for n in numbers]),
        "d32": (pa.array([n for n in numbers], pa.decimal128(9, 2)), [float(n) for n in numbers]),
    }


@pytest.mark.parametrize("way", ["a file", "a compressed stream", "zstd"])
def test_types_that_only_arrow_has(tmp_path, way):
    columns = more_columns(1_000)
    table = pa.table({name: array for name, (array, _) in columns.items()}
                     | {"id": pa.array(range(1_000)), "vector": pa.array(
                         [[n + 1.0, 0.5, -n] for n in range(1_000)], pa.list_(pa.float32(), 3))})
    write(tmp_path / "x.arrow", table, **WAYS[way])
    ingest(tmp_path, tmp_path / "x.arrow")
    assert_holds(tmp_path, [{name: values[n] for name, (_, values) in columns.items()}
                            for n in range(1_000)])


@pytest.mark.parametrize("deltas", [False, True])
def test_dictionaries_that_change_from_batch_to_batch(tmp_path, deltas):
    seen = [f"word {n}" for n in range(60)]
    batches = []
    for part in range(6):
        # Deltas add words; without them each batch has a dictionary of its own.
        known = seen[: 10 * (part + 1)] if deltas else seen[10 * part: 10 * (part + 1)]
        column = pa.DictionaryArray.from_arrays(
            pa.array([n % len(known) for n in range(50)], pa.int8()), pa.array(known))
        batches.append(pa.record_batch({
            "id": pa.array(range(50 * part, 50 * part + 50)), "word": column,
            "vector": pa.array([[n + 1.0, 0.5, -n] for n in range(50 * part, 50 * part + 50)],
                               pa.list_(pa.float32()))}))
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
    with pa.ipc.new_stream(tmp_path / "x.arrows", batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    ingest(tmp_path, tmp_path / "x.arrows")
    assert_holds(tmp_path, [{"word": word} for batch in batches
                            for word in batch["word"].to_pylist()])


@pytest.mark.parametrize("codec", ["uncompressed", "lz4", "zstd"])
@pytest.mark.parametrize("form", ["file", "stream"])
def test_files_of_polars(tmp_path, codec, form):
    polars = pytest.importorskip("polars", reason="install polars==2.1.0")
    table, rows = parquet_tables.table(3_000, *COMMON, "utc", "local")
    frame = polars.from_arrow(table)
    write = frame.write_ipc if form == "file" else frame.write_ipc_stream
    write(tmp_path / "x.arrow", compression=codec)
    ingest(tmp_path, tmp_path / "x.arrow")
    assert_holds(tmp_path, rows)


@pytest.mark.parametrize("change, message", [
    (lambda b: b[: len(b) // 2], "'ARROW1' at the end"),
    (lambda b: b"{}", "expected"),
    (lambda b: b"", "expected a schema, found none"),
])
def test_files_that_are_none_are_named(tmp_path, change, message):
    table, _ = parquet_tables.table(10, "text")
    write(tmp_path / "x.arrow", table)
    path = tmp_path / "bad.arrow"
    path.write_bytes(change((tmp_path / "x.arrow").read_bytes()))
    said = ingest(tmp_path, path, succeeds=False)
    assert "bad.arrow" in said and message in said


def test_a_type_that_nobody_here_reads_is_refused_by_name(tmp_path):
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    write(tmp_path / "x.arrow", pa.table({"id": pa.array([1, 2]), "either": union}))
    assert "found a union" in ingest(tmp_path, tmp_path / "x.arrow", succeeds=False)


# Pipelines

def table_of(texts: dict[str, str]) -> pa.Table:
    return pa.table({"id": list(texts), "body": list(texts.values()),
                     "lang": pa.array(["en"] * len(texts)).dictionary_encode()})


def test_a_folder_of_files_is_followed_through_kills(tmp_path):
    generator = random.Random(3)
    folder = tmp_path / "docs"
    folder.mkdir()
    parts = [documents(generator, part, 300) for part in range(3)]
    for part, texts in enumerate(parts):
        write(folder / f"{part}.arrow", table_of(texts), chunk=64, compression=[None, "lz4", "zstd"][part])
    pipeline = Pipeline(tmp_path, "source: {files: {path: docs, key: id}}\n" + REST
                        + "batch: {records: 20}\n")
    for _ in range(6):
        pipeline.run_until_killed(generator.uniform(0.05, 0.4))
    pipeline.run()
    pipeline.assert_holds({key: text for part in parts for key, text in part.items()})
    assert pipeline.run()["progress"]["counters"]["unchanged"] == 900
    (folder / "1.arrow").unlink()
    del parts[2]["2-8"]
    write(folder / "2.arrow", table_of(parts[2]), stream=True)
    assert pipeline.run()["progress"]["counters"]["swept"] == 301
    pipeline.assert_holds(parts[0] | parts[2])


def test_damage_is_named_and_nothing_behind_it_is_deleted(tmp_path):
    texts = documents(random.Random(5), 0, 200)
    path = tmp_path / "docs.arrow"
    write(path, table_of(texts), chunk=64, compression="lz4")
    pipeline = Pipeline(tmp_path, "source: {files: {path: docs.arrow, key: id}}\n" + REST)
    pipeline.run()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle:middle + 200] = b"\x55" * 200
    path.write_bytes(content)
    counters = pipeline.run()["progress"]["counters"]
    assert counters["setAside"] == 1 and counters["swept"] == 0
    assert "docs.arrow" in pipeline.dead_letters[0]["cause"]
    pipeline.assert_holds(texts)


def test_objects_of_s3_are_read_in_parts(tmp_path, tmp_path_factory):
    with components.seaweed(tmp_path_factory.mktemp("seaweed")) as (client, url):
        client.create_bucket(Bucket="tables")
        generator = random.Random(7)
        expected = {}
        for part in range(2):
            texts = documents(generator, part, 400)
            expected |= texts
            write(tmp_path / "x.arrow", table_of(texts), stream=part == 1, compression="zstd")
            client.upload_file(str(tmp_path / "x.arrow"), "tables", f"docs/{part}.arrow")
        pipeline = Pipeline(
            tmp_path, f"source: {{s3: {{endpoint: '{url}', bucket: tables, prefix: docs/, key: id,"
            " accessKey: 'env:S3_KEY', secretKey: 'env:S3_SECRET'}}\n" + REST
            + "batch: {records: 50}\n")
        pipeline.environment |= {"S3_KEY": "test", "S3_SECRET": "testsecret"}
        for _ in range(3):
            pipeline.run_until_killed(generator.uniform(0.1, 0.5))
        pipeline.run()
        pipeline.assert_holds(expected)


# HDF5

def test_the_vectors_of_an_hdf5_file_are_a_pipelines_source(tmp_path):
    """`train` of a file in the layout of ann-benchmarks, without a look at its other tables."""
    expected = np.arange(60, dtype=np.float32).reshape(12, 5) / 4
    for name in ("plain", "chunked"):
        pipeline = Pipeline(
            tmp_path, f"source: {{files: {{path: '{HDF5 / name}.hdf5'}}}}\nmap: {{payload: []}}\n"
            "embed: {vector: {field: train, dimension: 5}}\n"
            f"collection: {{name: {name}, data: data, metric: l2}}\n", name=name)
        assert pipeline.run()["progress"]["counters"]["written"] == 12
        found = pipeline.points(name)
        by_key = {point.payload["_source"]["key"]: point.vector for point in found.values()}
        assert by_key == {f"{name}.hdf5#{n}": row.tolist() for n, row in enumerate(expected)}
        # Nothing is gone.
        assert pipeline.run()["progress"]["counters"]["swept"] == 0


def test_tables_that_do_not_belong_together_are_told(tmp_path):
    pipeline = Pipeline(
        tmp_path, f"source: {{files: {{path: '{HDF5}/plain.hdf5'}}}}\n"
        "embed: {vector: {field: train, dimension: 5}}\ncollection: {name: c, data: data}\n")
    assert pipeline.run()["progress"]["counters"]["setAside"] == 1
    assert "train has 12" in pipeline.dead_letters[0]["cause"] or (
        "has 12" in pipeline.dead_letters[0]["cause"])


def test_ingest_takes_the_table_that_it_is_told(tmp_path):
    ingest(tmp_path, HDF5 / "plain.hdf5", "--vector-column", "train")
    expected = np.arange(60, dtype=np.float32).reshape(12, 5) / 4
    found = points(tmp_path)
    assert [found[n].vector for n in range(12)] == expected.tolist()
    assert "expected a dataset 'vector'" in ingest(
        tmp_path, HDF5 / "plain.hdf5", succeeds=False)
