"""What a server process uses, by /proc."""

from __future__ import annotations

import pathlib

import pytest

MEGABYTE = 1 << 20


def resident_bytes(server) -> int:
    path = pathlib.Path(f"/proc/{server.process.pid}/status")
    if not path.exists():
        pytest.skip("there is no /proc here to measure by")
    fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024
