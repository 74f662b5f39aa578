"""Resident memory of a process: its own, and pages of files that it maps.

The kernel can drop the latter and read them again, but an engine that searches them needs them.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Resident:
    own: int
    mapped: int

    @classmethod
    def of(cls, process: int | str = "self") -> Resident:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            kib = {name: int(rest.split()[0]) for name, rest in
                   (line.split(":", 1) for line in file) if name.startswith("Rss")}
        return cls(own=1024 * (kib["RssAnon"] + kib["RssShmem"]), mapped=1024 * kib["RssFile"])

    def since(self, before: Resident, rows: int) -> dict[str, float]:
        """What was added, per row."""
        return {"bytes_per_vector": (self.own - before.own) / rows,
                "mapped_bytes_per_vector": max(0, self.mapped - before.mapped) / rows}
