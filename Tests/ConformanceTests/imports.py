"""`apus import` under test: how it is run, and what it leaves in a collection."""

from __future__ import annotations

import os
import pathlib
import subprocess

import apus_server
from conftest import connect


def environment(folder: pathlib.Path) -> dict:
    return {**os.environ, "XDG_STATE_HOME": str(folder / "state")}


def run(folder: pathlib.Path, *arguments: str, more: dict | None = None):
    return subprocess.run(
        [str(apus_server.binary()), *arguments], capture_output=True, text=True,
        env={**environment(folder), **(more or {})}, timeout=300, check=False)


def command(folder: pathlib.Path, *arguments: str, more: dict | None = None):
    """A run that succeeds."""
    result = run(folder, *arguments, more=more)
    assert result.returncode == 0, result.stderr
    return result


def refusal(folder: pathlib.Path, *arguments: str, more: dict | None = None) -> str:
    """What a run says that fails."""
    result = run(folder, *arguments, more=more)
    assert result.returncode != 0, result.stdout
    return result.stderr


def everything(client, name: str) -> dict:
    records, _ = client.scroll(name, limit=10_000, with_vectors=True)
    return {str(record.id): (record.payload, record.vector) for record in records}


def imported(data: pathlib.Path, name: str):
    """What a database has of a collection: its points by id, and what its server says of it."""
    with apus_server.ApusServer(data) as server:
        client = connect(server, "grpc")
        found, settings = everything(client, name), client.get_collection(name)
        client.close()
    return found, settings
