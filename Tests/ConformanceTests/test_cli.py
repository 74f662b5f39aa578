"""The command line, from outside: help, ingest of every format, inspect, check, bench."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import time

import numpy as np
import pytest

import apus_server
from conftest import connect

ROWS = np.random.default_rng(9).integers(0, 256, size=(300, 16))


def fvecs(rows) -> bytes:
    return b"".join(struct.pack("<i", len(row)) + np.float32(row).tobytes() for row in rows)


def bvecs(rows) -> bytes:
    return b"".join(struct.pack("<i", len(row)) + np.uint8(row).tobytes() for row in rows)


def write(folder, kind: str):
    """The same rows in a file of `kind`."""
    path = folder / f"rows-{kind}.{kind.split('-')[-1]}"
    if kind.endswith("npy"):
        np.save(path, ROWS.astype({"f16": "f2", "f32": "f4", "u8": "u1"}[kind.split("-")[0]]))
    elif kind == "fvecs":
        path.write_bytes(fvecs(ROWS))
    elif kind == "bvecs":
        path.write_bytes(bvecs(ROWS))
    else:
        with path.open("w") as lines:
            for n, row in enumerate(ROWS.tolist()):
                lines.write(json.dumps({"id": n, "vector": row, "payload": {"n": n}}) + "\n")
    return path


def assert_holds_the_rows(data) -> None:
    with apus_server.ApusServer(data) as server:
        client = connect(server, "grpc")
        assert client.count("c").count == len(ROWS)
        records, _ = client.scroll("c", limit=1000, with_vectors=True)
        assert np.array_equal(np.array([each.vector for each in records]), ROWS)
        assert [each.payload.get("n") for each in records] == list(range(len(ROWS)))
        client.close()


@pytest.mark.parametrize("command", [[], ["serve"], ["ingest"], ["bench", "ann"], ["inspect"],
                                     ["check"]])
def test_help_teaches(command):
    result = apus_server.run(*command, "--help")
    assert result.returncode == 0
    assert "USAGE" in result.stdout and len(result.stdout.splitlines()) > 5


def test_a_wrong_argument_is_refused_with_a_hint():
    result = apus_server.run("serve", "--dta", "x")
    assert result.returncode not in (0, None) and result.returncode > 0
    assert "--help" in result.stdout + result.stderr


@pytest.mark.parametrize("kind", ["f16-npy", "f32-npy", "u8-npy", "fvecs", "bvecs", "jsonl"])
def test_ingest_reads_every_format(tmp_path, kind):
    data = tmp_path / "data"
    arguments = ["--collection", "c", "--metric", "l2", "--data", str(data),
                 "--vectors", str(write(tmp_path, kind))]
    if kind != "jsonl":
        payload = tmp_path / "payload.jsonl.gz"
        with gzip.open(payload, "wt") as lines:
            for n in range(len(ROWS)):
                lines.write(json.dumps({"n": n}) + "\n")
        arguments += ["--payload", str(payload)]
    result = apus_server.run("ingest", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    assert_holds_the_rows(data)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"not vectors at all" * 9],
                         ids=["empty", "cut", "noise"])
@pytest.mark.parametrize("suffix", ["npy", "fvecs", "bvecs", "jsonl"])
def test_files_that_hold_no_vectors_are_named(tmp_path, suffix, content):
    if content == b"" and suffix != "npy":
        pytest.skip("an empty list of rows is no error")
    file = tmp_path / f"bad.{suffix}"
    file.write_bytes(content)
    result = apus_server.run(
        "ingest", "--collection", "c", "--data", str(tmp_path / "data"), "--vectors", str(file)
    )
    assert result.returncode > 0
    assert "bad." in result.stdout + result.stderr


def test_an_ingest_that_was_killed_goes_on(tmp_path):
    rows = np.random.default_rng(3).normal(size=(40_000, 32)).astype(np.float32)
    file = tmp_path / "rows.npy"
    np.save(file, rows)
    with apus_server.ApusServer(tmp_path / "data") as server:
        command = [
            "ingest", "--collection", "c", "--metric", "l2", "--vectors", str(file),
            "--url", f"grpc://127.0.0.1:{server.grpc_port}",
        ]
        client = connect(server, "grpc")
        process = subprocess.Popen(
            [str(apus_server.binary()), *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            if client.collection_exists("c") and client.count("c").count > 2_000:
                process.kill()
            time.sleep(0.01)
        assert client.count("c").count > 0
        result = apus_server.run(*command)
        assert result.returncode == 0, result.stdout + result.stderr
        assert client.count("c").count == len(rows)
        records = client.retrieve("c", [0, 2_500, 39_999], with_vectors=True)
        assert all(np.array_equal(np.float32(each.vector), rows[each.id]) for each in records)
        client.close()


def test_bench_prints_one_line_of_json_for_each_setting(tmp_path):
    base = apus_server.REPOSITORY / "Fixtures" / "sample"
    result = apus_server.run(
        "bench", "ann", "--base", str(base / "base.f16.npy"),
        "--queries", str(base / "queries.f32.npy"), "--truth", str(base / "neighbours.i32.npy"),
        "--metric", "cosine", "--index", "hnsw", "--m", "16", "--ef-construction", "100",
        "--ef", "16,64",
    )
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert set(line) >= {
            "index", "params", "recall", "qps", "p50_us", "p95_us", "p99_us", "build_s",
            "bytes_per_vector", "isa",
        }
        assert 0 < line["p50_us"] <= line["p95_us"] <= line["p99_us"]
    assert lines[0]["recall"] <= lines[1]["recall"] <= 1
    assert lines[1]["recall"] > 0.95
    assert "recall" in result.stderr.lower(), "a table for people on standard error"


def test_check_of_nothing_says_so(tmp_path):
    result = apus_server.run("check", str(tmp_path / "nowhere"))
    assert result.returncode > 0
    assert "nowhere" in result.stdout + result.stderr
