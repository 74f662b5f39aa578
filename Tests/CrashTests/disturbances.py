"""What happens to a server between its writes and its next start, besides the kill."""

from __future__ import annotations

import json
import pathlib
import random
import threading
import urllib.error
import urllib.request

import grpc
from qdrant_client import grpc as wire

from slots import CHANNEL, COLLECTION, Broken, Slot, scroll, state_of

RESTORED = "restored"
SNAPSHOTS_KEPT = 3


class SnapshotTaker(threading.Thread):
    """Makes snapshots while writers write, until the server is gone; keeps the last few."""

    def __init__(self, address: str, kept: list[str]) -> None:
        super().__init__(daemon=True)
        self.address, self.kept = address, kept
        self.failure: str | None = None
        self.stopping = False

    def run(self) -> None:
        with grpc.insecure_channel(self.address, options=CHANNEL) as channel:
            snapshots = wire.SnapshotsStub(channel)
            while not self.stopping:
                try:
                    made = snapshots.Create(
                        wire.CreateSnapshotRequest(collection_name=COLLECTION), timeout=120)
                    self.kept.append(made.snapshot_description.name)
                    if len(self.kept) > SNAPSHOTS_KEPT:
                        # Whether it is gone after a kill is open: it is looked for no more.
                        oldest = self.kept.pop(0)
                        snapshots.Delete(wire.DeleteSnapshotRequest(
                            collection_name=COLLECTION, snapshot_name=oldest), timeout=120)
                except grpc.RpcError as error:
                    if error.code() not in (
                        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                    ):
                        self.failure = f"snapshot: {error.code()}: {error.details()}"
                    return


def check_snapshots(address: str, url: str, data: pathlib.Path, kept: list[str],
                    slots: list[Slot], restores: bool) -> None:
    """Every acknowledged snapshot is there; one restores into a collection of whole slots."""
    with grpc.insecure_channel(address, options=CHANNEL) as channel:
        snapshots = wire.SnapshotsStub(channel)
        listed = [each.name for each in snapshots.List(
            wire.ListSnapshotsRequest(collection_name=COLLECTION), timeout=120
        ).snapshot_descriptions]
        for name in kept:
            if name not in listed:
                raise Broken(f"the acknowledged snapshot {name} is gone; there are {listed}")
        if not restores or not kept:
            return
        location = f"file://{data}/snapshots.d/collections/{COLLECTION}/{kept[-1]}"
        body = json.dumps({"location": location, "priority": "snapshot"}).encode()
        request = urllib.request.Request(
            f"{url}/collections/{RESTORED}/snapshots/recover?wait=true", data=body, method="PUT",
            headers={"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise Broken(f"snapshot {kept[-1]} does not restore: {error.read()!r}") from error
        found = scroll(wire.PointsStub(channel), RESTORED)
        for slot in slots:
            # Which batches it holds depends on when it was taken; each is there as a whole.
            state_of(slot, found.pop(slot.number, {}))
        if found:
            raise Broken(f"the snapshot has slots that nobody wrote: {sorted(found)}")


def spoil_log_tail(data: pathlib.Path, chance: random.Random) -> str:
    """Adds to the newest log file what a crash may leave behind its last record: zeros, old bytes
    or garbage. No acknowledged byte is touched."""
    logs = sorted((data / COLLECTION / "wal").glob("*.wal"))
    if not logs:
        return "no log"
    kind = chance.choice(["zeros", "garbage", "stale bytes"])
    size = chance.randint(1, 9000)
    with open(logs[-1], "r+b") as log:
        if kind == "zeros":
            tail = bytes(size)
        elif kind == "garbage":
            tail = chance.randbytes(size)
        else:
            # The start of an earlier record, from somewhere in the file.
            log.seek(chance.randint(0, max(0, logs[-1].stat().st_size - size)))
            tail = log.read(size)
        log.seek(0, 2)
        log.write(tail)
    return f"{len(tail)} {kind} behind the log"
