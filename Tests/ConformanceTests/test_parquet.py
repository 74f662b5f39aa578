"""Parquet files of other programs, in `apus ingest`, `apus export` and pipelines."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import apus_server
import components
from conftest import connect
from pipelines import Pipeline, words

pa = pytest.importorskip("pyarrow", reason="install pyarrow==26.0.1")

import pyarrow.parquet as pq  # noqa: E402

import parquet_tables  # noqa: E402


def ingest(folder, path, *arguments: str, succeeds: bool = True) -> str:
    result = apus_server.run(
        "ingest", "--collection", "c", "--data", str(folder / "data"), "--metric", "l2",
        "--vectors", str(path), *arguments)
    assert (result.returncode == 0) == succeeds, result.stdout + result.stderr
    return result.stderr


def points(folder, collection: str = "c") -> dict:
    with apus_server.ApusServer(folder / "data") as server:
        client = connect(server, "grpc")
        found, _ = client.scroll(collection, limit=10_000, with_vectors=True)
        client.close()
    return {point.id: point for point in found}


def assert_holds(folder, rows: list[dict]) -> None:
    found = points(folder)
    assert set(found) == set(range(len(rows)))
    for n, row in enumerate(rows):
        assert found[n].vector == [n + 1.0, 0.5, -n]
        for name, value in row.items():
            assert found[n].payload[name] == value, (n, name)


WAYS = {
    f"{codec} {version}": {"compression": codec, "data_page_version": version,
                           "use_dictionary": version == "1.0", "write_page_checksum": True,
                           "data_page_size": 2_000, "row_group_size": 333}
    for codec in ["none", "snappy", "gzip", "zstd", "lz4"] for version in ["1.0", "2.0"]
}
WAYS["a dictionary that gets too large"] = {"dictionary_pagesize_limit": 200,
                                            "data_page_size": 1_000}
WAYS["one row a group"] = {"row_group_size": 1}
WAYS["int96"] = {"use_deprecated_int96_timestamps": True}


@pytest.mark.parametrize("way", WAYS)
def test_every_type_and_codec_of_pyarrow(tmp_path, way):
    table, rows = parquet_tables.table(50 if "group" in way else 1_000)
    if way == "int96":
        # It has no zone, and what reads it takes it for UTC.
        rows = [row | {"local": row["local"] + "Z", "nanos": row["nanos"] + "Z"} for row in rows]
    pq.write_table(table, tmp_path / "x.parquet", **WAYS[way])
    ingest(tmp_path, tmp_path / "x.parquet")
    assert_holds(tmp_path, rows)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("encodings", [
    {"number": "DELTA_BINARY_PACKED", "i8": "DELTA_BINARY_PACKED", "u32": "BYTE_STREAM_SPLIT",
     "u64": "BYTE_STREAM_SPLIT", "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT",
     "text": "DELTA_BYTE_ARRAY", "bytes": "DELTA_LENGTH_BYTE_ARRAY",
     "decimal": "BYTE_STREAM_SPLIT", "flag": "RLE"},
    {"number": "BYTE_STREAM_SPLIT", "i8": "PLAIN", "u32": "DELTA_BINARY_PACKED",
     "u64": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY",
     "bytes": "DELTA_BYTE_ARRAY", "decimal": "DELTA_BYTE_ARRAY"},
])
def test_every_encoding_of_pyarrow(tmp_path, encodings, version):
    table, rows = parquet_tables.table(2_000, *encodings)
    pq.write_table(table, tmp_path / "x.parquet", use_dictionary=False,
                   column_encoding=encodings, data_page_version=version, data_page_size=3_000)
    ingest(tmp_path, tmp_path / "x.parquet")
    assert_holds(tmp_path, rows)


COMMON = ("number", "text", "flag", "i8", "u32", "f32", "f64", "date", "v", "tags", "struct",
          "lists", "nested")


@pytest.mark.parametrize("codec, version", [
    ("zstd", "v1"), ("snappy", "v2"), ("gzip", "v2"), ("lz4_raw", "v1")])
def test_files_of_duckdb(tmp_path, codec, version):
    duckdb = pytest.importorskip("duckdb", reason="install duckdb==2.0.1")
    table, rows = parquet_tables.table(3_000, *COMMON)
    connection = duckdb.connect()
    connection.register("source", table)
    connection.execute(f"copy (select * from source) to '{tmp_path}/x.parquet' (format parquet,"
                       f" codec {codec}, parquet_version {version}, row_group_size 2048)")
    ingest(tmp_path, tmp_path / "x.parquet")
    assert_holds(tmp_path, rows)


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "lz4", "gzip", "zstd"])
def test_files_of_polars(tmp_path, codec):
    polars = pytest.importorskip("polars", reason="install polars==2.1.0")
    table, rows = parquet_tables.table(3_000, *COMMON, "utc", "local")
    polars.from_arrow(table).write_parquet(
        tmp_path / "x.parquet", compression=codec, row_group_size=700, data_page_size=5_000)
    ingest(tmp_path, tmp_path / "x.parquet")
    assert_holds(tmp_path, rows)


def test_ids_and_vectors_of_other_names(tmp_path):
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    table = pa.table({"key": [str(n + 7) for n in range(50)],
                      "emb": pa.array(list(vectors), pa.list_(pa.float32(), 4)),
                      "payload": [json.dumps({"n": n, "deep": {"x": [n]}}) for n in range(50)]})
    pq.write_table(table, tmp_path / "x.parquet")
    assert "expected a column 'vector' of vectors" in ingest(
        tmp_path, tmp_path / "x.parquet", succeeds=False)
    ingest(tmp_path, tmp_path / "x.parquet", "--id-column", "key", "--vector-column", "emb")
    found = points(tmp_path)
    assert set(found) == set(range(7, 57))
    assert all(found[n + 7].vector == [float(x) for x in vectors[n]] for n in range(50))
    assert found[9].payload == {"n": 2, "deep": {"x": [2]}}


def test_an_export_is_what_pyarrow_and_ingest_read(tmp_path):
    generator = random.Random(2)
    lines = []
    for n in range(300):
        vector = {"": [n + 0.5, -1.0, 0.25]}
        if n % 3:
            vector["words"] = {"indices": sorted(generator.sample(range(1_000), 1 + n % 5)),
                               "values": [1.5] * (1 + n % 5)}
        if n % 4:
            vector["rows"] = [[float(n), float(k)] for k in range(1 + n % 3)]
        lines.append({"id": n if n % 2 else f"00000000-0000-0000-0000-{n:012}",
                      "vector": vector, "payload": {"n": n, "text": words(generator, 5)}})
    # The first point decides on the fields.
    lines.sort(key=lambda line: -len(line["vector"]))
    source = tmp_path / "x.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    ingest(tmp_path, source)
    out = tmp_path / "out.parquet"
    export = ["export", "--data", str(tmp_path / "data"), "--output", str(out)]
    result = apus_server.run(*export, "--collection", "c")
    assert result.returncode == 0 and "300 points" in result.stdout, result.stderr

    table = pq.read_table(out)
    assert table.column_names == ["id", "vector", "vectors", "payload"]
    assert table.schema.field("vector").type == pa.list_(pa.field("element", pa.float32(), False))
    rows = {row["id"]: row for row in table.to_pylist()}
    assert len(rows) == 300
    for line in lines:
        row = rows[str(line["id"])]
        assert row["vector"] == line["vector"][""]
        assert json.loads(row["payload"]) == line["payload"]
        assert row["vectors"]["words"] == line["vector"].get("words")
        assert row["vectors"]["rows"] == line["vector"].get("rows")

    before = points(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    ingest(copy, out)
    after = points(copy)
    assert after.keys() == before.keys()
    assert all(after[key].vector == point.vector and after[key].payload == point.payload
               for key, point in before.items())


@pytest.mark.parametrize("change, message", [
    (lambda b: b[:-4] + b"PARE", "an encrypted footer"),
    (lambda b: b[:-9], "'PAR1' at the end"),
    (lambda b: b[:-8] + b"\xff\xff\xff\x7f" + b[-4:], "a footer of at most"),
    (lambda b: b"", "a Parquet file"),
], ids=["encrypted", "cut", "long footer", "empty"])
def test_files_that_are_none_are_named(tmp_path, change, message):
    table, _ = parquet_tables.table(10, "text")
    pq.write_table(table, tmp_path / "x.parquet")
    path = tmp_path / "bad.parquet"
    path.write_bytes(change((tmp_path / "x.parquet").read_bytes()))
    said = ingest(tmp_path, path, succeeds=False)
    assert "bad.parquet" in said and message in said


def test_a_codec_that_nobody_here_reads_is_refused_by_name(tmp_path):
    table, _ = parquet_tables.table(10, "text")
    pq.write_table(table, tmp_path / "x.parquet", compression="brotli")
    assert "found BROTLI" in ingest(tmp_path, tmp_path / "x.parquet", succeeds=False)


# Pipelines

REST = ("map: {text: '{body}', payload: [lang]}\nchunk: {rule: sentences, tokens: 24}\n"
        "embed: static\ncollection: {name: c, data: data}\n")


def documents(generator: random.Random, part: int, count: int) -> dict[str, str]:
    return {f"{part}-{n}": words(generator, 5 + n % 30) for n in range(count)}


def write(path, texts: dict[str, str], **options) -> None:
    # A column that nobody wants, in a codec that nobody here reads: it must not be looked at.
    table = pa.table({"id": list(texts), "body": list(texts.values()),
                      "lang": ["en"] * len(texts), "unread": ["x" * 50] * len(texts)})
    pq.write_table(table, path, **{"row_group_size": 64, "data_page_size": 500, "compression": {
        "id": "zstd", "body": "snappy", "lang": "gzip", "unread": "brotli"}, **options})


def test_a_folder_of_files_is_followed_through_kills(tmp_path):
    generator = random.Random(3)
    folder = tmp_path / "docs"
    folder.mkdir()
    parts = [documents(generator, part, 300) for part in range(3)]
    for part, texts in enumerate(parts):
        write(folder / f"{part}.parquet", texts, compression="zstd")
    pipeline = Pipeline(tmp_path, "source: {files: {path: docs, key: id}}\n" + REST
                        + "batch: {records: 20}\n")
    for _ in range(8):
        pipeline.run_until_killed(generator.uniform(0.05, 0.4))
    pipeline.run()
    pipeline.assert_holds({key: text for part in parts for key, text in part.items()})
    assert pipeline.run()["progress"]["counters"]["unchanged"] == 900

    (folder / "1.parquet").unlink()
    parts[2]["2-7"] = "Something else."
    del parts[2]["2-8"]
    write(folder / "2.parquet", parts[2], compression="zstd")
    changed = pipeline.run()["progress"]["counters"]
    assert changed["swept"] == 301 and changed["written"] == 1
    pipeline.assert_holds(parts[0] | parts[2])


def test_columns_that_are_not_mapped_are_not_read(tmp_path):
    texts = documents(random.Random(4), 0, 100)
    table = pa.table({"id": list(texts), "body": list(texts.values()),
                      "lang": ["en"] * 100, "unread": list(range(100))})
    pq.write_table(table, tmp_path / "docs.parquet", compression="none", use_dictionary=False,
                   write_statistics=False, write_page_checksum=True)
    chunk = pq.ParquetFile(tmp_path / "docs.parquet").metadata.row_group(0).column(3)
    damaged = bytearray((tmp_path / "docs.parquet").read_bytes())
    for n in range(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size):
        damaged[n] = 0xff
    (tmp_path / "docs.parquet").write_bytes(damaged)
    source = "source: {files: {path: docs.parquet, key: id}}\n"
    pipeline = Pipeline(tmp_path, source + REST)
    assert pipeline.run()["progress"]["counters"]["setAside"] == 0
    pipeline.assert_holds(texts)
    pipeline.write(source + REST.replace("[lang]", "[lang, unread]"))
    assert pipeline.run()["progress"]["counters"]["setAside"] == 1
    assert "row group 0, column unread, page 0" in pipeline.dead_letters[0]["cause"]


def test_damage_is_named_and_nothing_behind_it_is_deleted(tmp_path):
    texts = documents(random.Random(5), 0, 200)
    path = tmp_path / "docs.parquet"
    write(path, texts, compression="snappy", write_page_checksum=True)
    pipeline = Pipeline(tmp_path, "source: {files: {path: docs.parquet, key: id}}\n" + REST)
    pipeline.run()
    column = pq.ParquetFile(path).metadata.row_group(2).column(1)
    content = bytearray(path.read_bytes())
    start = min(offset for offset in (column.dictionary_page_offset, column.data_page_offset)
                if offset)
    content[start + column.total_compressed_size - 5] ^= 1
    path.write_bytes(content)
    counters = pipeline.run()["progress"]["counters"]
    assert counters["setAside"] == 1 and counters["swept"] == 0
    letter = pipeline.dead_letters[0]
    assert "row group 2, column body, page" in letter["cause"]
    assert letter["place"].startswith(f"{path}, row 1")
    pipeline.assert_holds(texts)


def test_vectors_of_a_file_come_as_they_are(tmp_path):
    vectors = np.random.default_rng(6).normal(size=(80, 5)).astype(np.float32)
    rows = [list(map(float, vector)) for vector in vectors]
    rows[7] = None
    rows[8] = rows[8][:4]
    rows[9][2] = float("nan")
    pq.write_table(pa.table({"name": [str(n) for n in range(80)],
                             "e": pa.array(rows, pa.list_(pa.float64()))}),
                   tmp_path / "v.parquet")
    pipeline = Pipeline(
        tmp_path, "source: {files: {path: v.parquet}}\nmap: {payload: [name]}\n"
        "embed: {vector: {field: e, dimension: 5}}\n"
        "collection: {name: c, data: data, metric: l2}\n")
    pipeline.run()
    found = {p.payload["name"]: p for p in pipeline.points().values()}
    assert set(found) == {str(n) for n in range(80)} - {"7", "8", "9"}
    assert all(np.allclose(p.vector, vectors[int(n)], atol=1e-6) for n, p in found.items())
    assert {p.payload["_source"]["key"] for p in found.values()} == {
        f"v.parquet#{n}" for n in range(80) if n not in (7, 8, 9)}
    causes = [letter["cause"] for letter in pipeline.dead_letters]
    assert "expected a finite number at position 2" in causes[2]
    assert causes[1] == "field 'e' has 4 numbers, expected 5"


def test_objects_of_s3_are_read_in_parts(tmp_path, tmp_path_factory):
    with components.seaweed(tmp_path_factory.mktemp("seaweed")) as (client, url):
        client.create_bucket(Bucket="tables")
        generator = random.Random(7)
        expected = {}
        for part in range(2):
            texts = documents(generator, part, 400)
            expected |= texts
            write(tmp_path / "x.parquet", texts)
            client.upload_file(str(tmp_path / "x.parquet"), "tables", f"docs/{part}.parquet")
        client.put_object(Bucket="tables", Key="docs/bad.parquet", Body=b"PAR1 and no more")
        pipeline = Pipeline(
            tmp_path, f"source: {{s3: {{endpoint: '{url}', bucket: tables, prefix: docs/, key: id,"
            " accessKey: 'env:S3_KEY', secretKey: 'env:S3_SECRET'}}\n" + REST
            + "batch: {records: 50}\n")
        pipeline.environment |= {"S3_KEY": "test", "S3_SECRET": "testsecret"}
        for _ in range(4):
            pipeline.run_until_killed(generator.uniform(0.1, 0.5))
        pipeline.run()
        pipeline.assert_holds(expected)
        assert {letter["place"] for letter in pipeline.dead_letters} == {
            "tables/docs/bad.parquet"}
        client.delete_object(Bucket="tables", Key="docs/bad.parquet")
        client.delete_object(Bucket="tables", Key="docs/0.parquet")
        pipeline.run()
        pipeline.assert_holds({k: t for k, t in expected.items() if k.startswith("1-")})


def test_a_file_of_spark(tmp_path):
    """On demand: takes most of a minute, and a download of several hundred MB."""
    sql = pytest.importorskip("pyspark.sql", reason="on demand: install pyspark==3.5.8")
    spark = (sql.SparkSession.builder.master("local[1]")
             .config("spark.driver.bindAddress", "127.0.0.1").config("spark.ui.enabled", "false")
             .getOrCreate())
    rows = [(n, [n + 1.0, 0.5, float(-n)], None if n % 3 == 0 else f"text {n}",
             [str(k) for k in range(n % 4)]) for n in range(500)]
    frame = spark.createDataFrame(rows, "id long, vector array<float>, text string, tags array<string>")
    frame.coalesce(1).write.parquet(str(tmp_path / "spark"))
    spark.stop()
    (path,) = (tmp_path / "spark").glob("*.parquet")
    ingest(tmp_path, path)
    assert_holds(tmp_path, [{"text": row[2], "tags": row[3]} for row in rows])
