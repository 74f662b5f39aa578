"""How long a process has been at work."""

from __future__ import annotations

import os


def processor_seconds(process: int) -> float:
    """User and system time of a process so far, in the system's ticks (10 ms as a rule)."""
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
