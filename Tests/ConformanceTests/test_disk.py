"""Disks that are full, read-only or damaged."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import shutil
import subprocess

import grpc
import numpy as np
import pytest
from qdrant_client.models import Distance, PointStruct, VectorParams

import apus_server
from conftest import connect
from rest import Rest
from test_process import assert_filled, fill


@contextlib.contextmanager
def mounted(folder: pathlib.Path, *arguments: str):
    """A mount for the length of the block; the test is skipped where one may not mount."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", *arguments, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"this machine allows no mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refuse_to_start(data: pathlib.Path) -> str:
    """The server must end with an error of its own, no signal; gives what it printed."""
    with pytest.raises(apus_server.StartFailed) as failure:
        apus_server.ApusServer(data).start()
    assert failure.value.status is not None and failure.value.status > 0, failure.value
    return failure.value.output


@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: a full disk needs root, to mount a tmpfs")
def test_a_full_disk_refuses_writes_keeps_reads_and_recovers(tmp_path):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=96m", "tmpfs") as disk:
        server = apus_server.ApusServer(disk / "data").start()
        client = connect(server, "grpc")
        client.create_collection(
            "full", vectors_config=VectorParams(size=256, distance=Distance.DOT)
        )
        ballast = disk / "ballast"
        free = shutil.disk_usage(disk).free
        with ballast.open("wb") as file:
            with contextlib.suppress(OSError):
                file.write(b"\0" * max(0, free - (8 << 20)))
        rows = np.random.default_rng(1).normal(size=(100, 256)).astype(np.float32)
        acknowledged = 0
        for batch in range(1000):
            points = [
                PointStruct(id=batch * 100 + n, vector=row.tolist()) for n, row in enumerate(rows)
            ]
            try:
                client.upsert("full", points, wait=True)
            except grpc.RpcError as error:
                assert error.code() in (
                    grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.INTERNAL,
                ), error
                assert "space" in error.details().lower(), error.details()
                break
            acknowledged += 1
        else:
            pytest.fail("the disk never filled up")
        assert server.alive, server.output
        assert client.count("full").count == acknowledged * 100, "the failed batch left nothing"
        over_rest = Rest(server.url)("PUT", "/collections/full/points?wait=true", {
            "points": [{"id": 10**9 + n, "vector": row.tolist()} for n, row in enumerate(rows)]
        })
        assert over_rest.status in (500, 503, 507), over_rest.text
        assert client.query_points("full", query=rows[0]).points
        client.close()
        server.stop()
        ballast.unlink()
        with server:
            client = connect(server, "grpc")
            assert client.count("full").count == acknowledged * 100
            client.upsert("full", [PointStruct(id=10**10, vector=rows[0].tolist())], wait=True)
            assert client.count("full").count == acknowledged * 100 + 1
            client.close()
        checked = apus_server.run("check", str(disk / "data"))
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("state", ["empty", "filled"])
def test_a_read_only_folder_is_refused_and_named(tmp_path, state):
    data = tmp_path / "data"
    if state == "filled":
        with apus_server.ApusServer(data) as server:
            fill(server, count=50)
    else:
        data.mkdir()
    if os.geteuid() == 0:
        # Permissions do not hold root back; a read-only mount does.
        with mounted(tmp_path / "view", "-o", "ro,bind", str(data)) as view:
            output = refuse_to_start(view)
            assert str(view) in output, output
    else:
        data.chmod(0o555)
        output = refuse_to_start(data)
        data.chmod(0o755)
        assert str(data) in output, output


def test_a_file_where_the_folder_should_be_is_refused_and_named(tmp_path):
    data = tmp_path / "data"
    data.write_text("not a database")
    assert str(data) in refuse_to_start(data)


def test_a_folder_of_something_else_is_not_taken_over(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "APUS").write_bytes(b"something else entirely, and longer than any header" * 10)
    (data / "precious").write_text("mine")
    refuse_to_start(data)
    assert (data / "precious").read_text() == "mine"


# Damage: every file of a database, cut short and with flipped bits.


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A stopped database with a log and whatever else a restart or two made; and its rows."""
    data = tmp_path_factory.mktemp("damage") / "data"
    server = apus_server.ApusServer(data)
    with server:
        first = fill(server, name="first", count=300)
    server.start()
    second = fill(server, name="second", count=200)
    # A crash leaves a log to replay; an orderly stop may leave none.
    server.kill()
    return data, {"first": first, "second": second}


def damages(data: pathlib.Path):
    """(name, change of a copy): cut in several places and flipped in several bytes."""
    chance = random.Random(20)
    for file in sorted(each for each in data.rglob("*") if each.is_file()):
        size, relative = file.stat().st_size, file.relative_to(data)
        if size == 0:
            continue
        for length in sorted({0, size // 3, size - 1}):
            yield f"{relative} cut to {length} of {size}", relative, length, None
        places = {0, min(size, 12) - 1, size - 1, size // 2, chance.randrange(size)}
        for place in sorted(places):
            yield f"{relative} flipped at {place} of {size}", relative, None, place


def apply(file: pathlib.Path, length: int | None, place: int | None) -> None:
    content = bytearray(file.read_bytes())
    if length is not None:
        del content[length:]
    else:
        content[place] ^= 0x40
    file.write_bytes(content)


def test_damage_is_found_or_harmless_and_never_a_crash(database, tmp_path):
    data, rows = database
    cases = list(damages(data))
    assert len(cases) > 20
    found = 0
    for name, relative, length, place in cases:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        apply(copy / relative, length, place)
        for command in ("check", "inspect"):
            result = apus_server.run(command, str(copy))
            assert result.returncode >= 0, f"{name}: {command} got signal {-result.returncode}"
            assert result.returncode < 126, f"{name}: {command} {result.returncode}"
        checked = apus_server.run("check", str(copy))
        server = apus_server.ApusServer(copy)
        try:
            server.start()
        except apus_server.StartFailed as failure:
            found += 1
            assert failure.status is not None and failure.status > 0, f"{name}: {failure}"
            assert failure.output.strip(), f"{name}: refused without a word"
            continue
        look(server, name, rows, checked.returncode == 0, relative.name.endswith(".wal"))
        assert server.alive, f"{name}:\n{server.output}"
        assert server.stop() >= 0, f"{name}: {server.output}"
        if checked.returncode != 0:
            found += 1
    assert found > len(cases) // 3, "damage ought to be noticed"


def look(server, name: str, rows: dict, clean: bool, log: bool) -> None:
    """Reads everything: right answers or errors, and only right ones where `check` was content.

    A log may end early without being damaged (that is how a crash leaves it), so there a prefix of
    the writes is an answer too.
    """
    client = connect(server, "grpc")
    with contextlib.closing(client):
        for collection, expected in rows.items():
            try:
                records, _ = client.scroll(collection, limit=10_000, with_vectors=True)
                client.query_points(collection, query=expected[0], limit=100)
            except grpc.RpcError as error:
                assert not clean or log, f"{name}: check was content, but {error.details()}"
                continue
            for each in records:
                right = np.array_equal(np.float32(each.vector[""]), expected[each.id])
                assert right, f"{name}: point {each.id} has a wrong vector"
                assert each.payload == {"n": each.id}, f"{name}: point {each.id}"
            if clean and not log:
                assert len(records) == len(expected), f"{name}: points are missing"
    if clean and not log:
        for collection, expected in rows.items():
            assert_filled(server, expected, name=collection)
