#!/usr/bin/env python3
"""Kills the server under concurrent writes, again and again, and looks for what it promised.

    kill_loop.py [--iterations 30] [--writers 4] [--seed N] [--keep]

Writers send batches over gRPC and wait for the acknowledgement. Each batch owns a *slot*: a fixed
set of point ids, which it upserts as one more version or deletes. At a random moment the process
gets SIGKILL; sometimes the next one too, while it recovers. After the restart every slot must be in
its last acknowledged state, or, where a call was cut off, in the state that call asked for: all
points of the slot or none, with the payload and the vectors of one version. At the end
`apus check` must find no fault.

Exit status 0 when every promise was kept. Otherwise the data folder stays and is named.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ConformanceTests"))

import grpc
import numpy as np
from qdrant_client import grpc as wire

import apus_server

COLLECTION = "crash"
DIMENSION = 32
SLOT_POINTS_MAX = 64
SLOTS_PER_WRITER = 60
#: A slot without points: never written, or deleted.
ABSENT = 0
CHANNEL = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A pool shared with earlier channels would wait a second after each kill before it connects.
    ("grpc.use_local_subchannel_pool", 1),
]


class Broken(Exception):
    """A promise that was not kept."""


class Slot:
    """A set of point ids that is written and deleted as one."""

    def __init__(self, number: int, size: int) -> None:
        self.ids = [number * SLOT_POINTS_MAX + index for index in range(size)]
        self.number = number
        self.newest = ABSENT
        #: States that the server may show: the acknowledged one first, then one in flight.
        self.allowed = [ABSENT]

    def vector(self, version: int, index: int) -> np.ndarray:
        generator = np.random.default_rng([self.number, version, index])
        return generator.normal(size=DIMENSION).astype(np.float32)


def upsert(slot: Slot, version: int) -> wire.UpsertPoints:
    points = []
    for index, identifier in enumerate(slot.ids):
        dense = wire.DenseVector(data=slot.vector(version, index).tolist())
        points.append(wire.PointStruct(
            id=wire.PointId(num=identifier),
            vectors=wire.Vectors(vector=wire.Vector(dense=dense)),
            payload={
                "slot": wire.Value(integer_value=slot.number),
                "version": wire.Value(integer_value=version),
                "text": wire.Value(string_value=f"{slot.number}/{version} " * (version % 40)),
            },
        ))
    return wire.UpsertPoints(collection_name=COLLECTION, wait=True, points=points)


def delete(slot: Slot) -> wire.DeletePoints:
    ids = wire.PointsIdsList(ids=[wire.PointId(num=each) for each in slot.ids])
    return wire.DeletePoints(
        collection_name=COLLECTION, wait=True, points=wire.PointsSelector(points=ids)
    )


class Writer(threading.Thread):
    """Writes to slots of its own until its calls fail or it is told to stop."""

    def __init__(self, number: int, slots: list[Slot], address: str, seed: str) -> None:
        super().__init__(daemon=True)
        self.number, self.slots, self.address = number, slots, address
        self.random = random.Random(seed)
        self.acknowledged = 0
        self.failure: str | None = None
        self.stopping = False

    def run(self) -> None:
        with grpc.insecure_channel(self.address, options=CHANNEL) as channel:
            points = wire.PointsStub(channel)
            while not self.stopping:
                try:
                    self.write(points)
                except grpc.RpcError as error:
                    # Only a connection that broke may end a call: that was the kill.
                    if error.code() not in (
                        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                    ):
                        self.failure = f"{error.code()}: {error.details()}"
                    return

    def write(self, points: wire.PointsStub) -> None:
        slot = self.pick()
        removes = slot.allowed[0] != ABSENT and self.random.random() < 0.15
        state = ABSENT if removes else slot.newest + 1
        slot.newest = max(slot.newest, state)
        slot.allowed = [slot.allowed[0], state]
        if removes:
            reply = points.Delete(delete(slot), timeout=120)
        else:
            reply = points.Upsert(upsert(slot, state), timeout=120)
        if reply.result.status != wire.UpdateStatus.Completed:
            self.failure = f"wait=true was answered with status {reply.result.status}"
            self.stopping = True
        slot.allowed = [state]
        self.acknowledged += 1

    def pick(self) -> Slot:
        if len(self.slots) < SLOTS_PER_WRITER and self.random.random() < 0.5:
            number = self.number * SLOTS_PER_WRITER + len(self.slots)
            self.slots.append(Slot(number, self.random.randint(1, SLOT_POINTS_MAX)))
            return self.slots[-1]
        return self.random.choice(self.slots) if self.slots else self.pick()


def verify(address: str, slots: list[Slot]) -> int:
    """Compares the whole collection with what was promised; gives the number of points."""
    with grpc.insecure_channel(address, options=CHANNEL) as channel:
        points = wire.PointsStub(channel)
        found: dict[int, dict[int, wire.RetrievedPoint]] = {}
        offset = None
        while True:
            page = points.Scroll(wire.ScrollPoints(
                collection_name=COLLECTION, limit=1000, offset=offset,
                with_payload=wire.WithPayloadSelector(enable=True),
                with_vectors=wire.WithVectorsSelector(enable=True),
            ), timeout=120)
            for each in page.result:
                slot = each.payload["slot"].integer_value
                if each.id.num in found.setdefault(slot, {}):
                    raise Broken(f"point {each.id.num} was listed twice")
                found[slot][each.id.num] = each
            if not page.HasField("next_page_offset"):
                break
            offset = page.next_page_offset
        total = sum(len(each) for each in found.values())
        counted = points.Count(
            wire.CountPoints(collection_name=COLLECTION, exact=True), timeout=120
        ).result.count
        if counted != total:
            raise Broken(f"count says {counted}, scroll listed {total}")
        for slot in slots:
            check_slot(slot, found.pop(slot.number, {}))
        if found:
            raise Broken(f"slots that nobody wrote: {sorted(found)}")
        check_search(points, [each for each in slots if each.allowed[0] != ABSENT][:20])
    return total


def check_slot(slot: Slot, found: dict[int, wire.RetrievedPoint]) -> None:
    """One slot: whole, of one allowed version, every number as it was sent."""
    versions = {each.payload["version"].integer_value for each in found.values()}
    if len(versions) > 1:
        raise Broken(f"slot {slot.number} is half applied: versions {sorted(versions)}")
    state = versions.pop() if versions else ABSENT
    if state != ABSENT and sorted(found) != slot.ids:
        raise Broken(
            f"slot {slot.number} is half applied: {len(found)} of {len(slot.ids)} points of "
            f"version {state}"
        )
    if state not in slot.allowed:
        raise Broken(
            f"slot {slot.number} is at version {state}, acknowledged is {slot.allowed[0]} "
            f"(allowed {slot.allowed}; {ABSENT} means absent)"
        )
    for index, identifier in enumerate(slot.ids if state != ABSENT else []):
        vector = found[identifier].vectors.vector
        data = vector.dense.data if vector.HasField("dense") else vector.data
        if not np.array_equal(np.float32(data), slot.vector(state, index)):
            raise Broken(f"point {identifier} has another vector than version {state}")
        text = found[identifier].payload["text"].string_value
        if text != f"{slot.number}/{state} " * (state % 40):
            raise Broken(f"point {identifier} has another payload than version {state}")
    slot.allowed = [state]


def check_search(points: wire.PointsStub, slots: list[Slot]) -> None:
    """A stored vector is its own nearest neighbour."""
    for slot in slots:
        vector = slot.vector(slot.allowed[0], 0).tolist()
        nearest = wire.Query(nearest=wire.VectorInput(dense=wire.DenseVector(data=vector)))
        reply = points.Query(
            wire.QueryPoints(collection_name=COLLECTION, query=nearest, limit=1), timeout=120
        )
        if [each.id.num for each in reply.result] != slot.ids[:1]:
            raise Broken(f"a search does not find point {slot.ids[0]} by its own vector")


def create(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        wire.CollectionsStub(channel).Create(wire.CreateCollection(
            collection_name=COLLECTION,
            vectors_config=wire.VectorsConfig(
                params=wire.VectorParams(size=DIMENSION, distance=wire.Distance.Euclid)
            ),
        ), timeout=60)


def iterate(
    server: apus_server.ApusServer, slots: list[list[Slot]], iteration: int, seed: int
) -> str:
    """Writes, kills, restarts, verifies; gives a line of figures."""
    chance = random.Random(f"{seed}/{iteration}")
    address = f"127.0.0.1:{server.grpc_port}"
    writers = [
        Writer(number, own, address, f"{seed}/{iteration}/{number}")
        for number, own in enumerate(slots)
    ]
    for writer in writers:
        writer.start()
    # The moment counts from the first acknowledged batch: a kill before any is a kill of nothing.
    while server.alive and not any(writer.acknowledged or writer.failure for writer in writers):
        time.sleep(0.002)
    delay = chance.uniform(0, 1.0)
    time.sleep(delay)
    if not server.alive:
        raise Broken(f"the server ended by itself:\n{server.output[-4000:]}")
    server.kill()
    for writer in writers:
        writer.stopping = True
        writer.join(130)
        if writer.failure:
            raise Broken(f"writer {writer.number}: {writer.failure}")
    kills = 1
    while chance.random() < 0.25:
        server.launch()
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        kills += 1
    began = time.monotonic()
    server.start(patience=120)
    opened = time.monotonic() - began
    total = verify(f"127.0.0.1:{server.grpc_port}", [each for own in slots for each in own])
    batches = sum(writer.acknowledged for writer in writers)
    return (
        f"{kills} kill{'s' if kills > 1 else ''} after {delay:.2f} s and {batches} acknowledged "
        f"batches, opened in {opened:.2f} s, {total} points, all promises kept"
    )


def loop(options: argparse.Namespace, data: pathlib.Path) -> None:
    slots: list[list[Slot]] = [[] for _ in range(options.writers)]
    server = apus_server.ApusServer(data)
    try:
        server.start()
        create(f"127.0.0.1:{server.grpc_port}")
        for iteration in range(options.iterations):
            figures = iterate(server, slots, iteration, options.seed)
            print(f"{iteration + 1}/{options.iterations}: {figures}", flush=True)
        status = server.stop()
        if status != 0:
            raise Broken(f"SIGTERM ended with status {status}:\n{server.output[-4000:]}")
    finally:
        if server.process is not None:
            server.kill()
    checked = apus_server.run("check", str(data))
    if checked.returncode != 0:
        raise Broken(f"apus check found faults:\n{checked.stdout}{checked.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--keep", action="store_true", help="keep the data folder")
    options = parser.parse_args()
    print(f"kill loop: {options.iterations} iterations, {options.writers} writers, "
          f"--seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-crash-"))
    try:
        loop(options, folder / "data")
    except (Broken, apus_server.StartFailed, grpc.RpcError) as error:
        print(f"FAILED (--seed {options.seed}, data in {folder}): {error}", file=sys.stderr)
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    print(f"kill loop passed: {options.iterations} iterations, no acknowledged batch lost, none "
          "half applied, apus check clean", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
