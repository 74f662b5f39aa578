#!/usr/bin/env python3
"""Kills the server under concurrent writes, again and again, and looks for what it promised.

    kill_loop.py [--iterations 30] [--seconds S] [--writers 4] [--seed N] [--keep]

Writers send batches over gRPC and wait for the acknowledgement. Each batch owns a *slot*: a fixed
set of point ids, which it upserts as one more version, changes in part or deletes, by ids or by
filter (slots.py). Snapshots are taken meanwhile. At a random moment the process gets SIGKILL, or
now and then SIGTERM, which makes segment files that later updates and deletes make worth
compacting; sometimes the next process is killed too, while it recovers, or bytes as a crash leaves
them are put behind the log (disturbances.py). After the restart every slot must be in its last
acknowledged state, or, where a call was cut off, in the state that call asked for: all points of
the slot or none, with the payload and the vectors of one version each. Acknowledged snapshots are
there, and restore. At the end `apus check` must find no fault.

Exit status 0 when every promise was kept. Otherwise the data folder stays and is named.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "ConformanceTests"))

import grpc
from qdrant_client import grpc as wire

import apus_server
from disturbances import SnapshotTaker, check_snapshots, spoil_log_tail
from slots import COLLECTION, DIMENSION, Broken, Slot, Writer, verify


def create(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        wire.CollectionsStub(channel).Create(wire.CreateCollection(
            collection_name=COLLECTION,
            vectors_config=wire.VectorsConfig(
                params=wire.VectorParams(size=DIMENSION, distance=wire.Distance.Euclid)
            ),
        ), timeout=60)


def iterate(
    server: apus_server.ApusServer, slots: list[list[Slot]], snapshots: list[str],
    iteration: int, seed: int
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
    taker = SnapshotTaker(address, snapshots)
    # The moment counts from the first acknowledged batch: a kill before any is a kill of nothing.
    while server.alive and not any(writer.acknowledged or writer.failure for writer in writers):
        time.sleep(0.002)
    if chance.random() < 0.4:
        taker.start()
    delay = chance.uniform(0, 1.0)
    time.sleep(delay)
    if not server.alive:
        raise Broken(f"the server ended by itself:\n{server.output[-4000:]}")
    # Segment files come from orderly ends.
    is_orderly = chance.random() < 0.2
    if is_orderly:
        for each in [*writers, taker]:
            each.stopping = True
        if (status := server.stop()) != 0:
            raise Broken(f"SIGTERM ended with status {status}:\n{server.output[-4000:]}")
    else:
        server.kill()
    for writer in [*writers, taker]:
        writer.stopping = True
        if writer.ident is not None:
            writer.join(130)
        if writer.failure:
            raise Broken(f"{writer.name}: {writer.failure}")
    kills = 0 if is_orderly else 1
    remains = ""
    if not is_orderly and chance.random() < 0.3:
        remains = f", {spoil_log_tail(server.data, chance)}"
    while chance.random() < 0.25:
        server.launch()
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        kills += 1
    began = time.monotonic()
    server.start(patience=120)
    opened = time.monotonic() - began
    address = f"127.0.0.1:{server.grpc_port}"
    all_slots = [each for own in slots for each in own]
    total = verify(address, all_slots)
    check_snapshots(
        address, server.url, server.data, snapshots, all_slots, restores=iteration % 4 == 3)
    batches = sum(writer.acknowledged for writer in writers)
    return (
        f"{kills} kill{'' if kills == 1 else 's'} after {delay:.2f} s and {batches} acknowledged "
        f"batches{remains}, opened in {opened:.2f} s, {total} points, all promises kept"
    )


def loop(options: argparse.Namespace, data: pathlib.Path) -> int:
    """Gives the number of iterations done."""
    began = time.monotonic()
    done = 0
    snapshots: list[str] = []
    slots: list[list[Slot]] = [[] for _ in range(options.writers)]
    server = apus_server.ApusServer(data)
    try:
        server.start()
        create(f"127.0.0.1:{server.grpc_port}")
        for iteration in range(options.iterations):
            if options.seconds is not None and time.monotonic() - began > options.seconds:
                break
            figures = iterate(server, slots, snapshots, iteration, options.seed)
            done += 1
            print(f"{done}/{options.iterations}: {figures}", flush=True)
        status = server.stop()
        if status != 0:
            raise Broken(f"SIGTERM ended with status {status}:\n{server.output[-4000:]}")
    finally:
        if server.process is not None:
            server.kill()
    checked = apus_server.run("check", str(data))
    if checked.returncode != 0:
        raise Broken(f"apus check found faults:\n{checked.stdout}{checked.stderr}")
    return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--seconds", type=float, help="begin no iteration after so many seconds")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--keep", action="store_true", help="keep the data folder")
    options = parser.parse_args()
    print(f"kill loop: {options.iterations} iterations, {options.writers} writers, "
          f"--seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-crash-"))
    try:
        done = loop(options, folder / "data")
    except (Broken, apus_server.StartFailed, grpc.RpcError) as error:
        print(f"FAILED (--seed {options.seed}, data in {folder}): {error}", file=sys.stderr)
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    print(f"kill loop passed: {done} iterations, no acknowledged batch lost, none "
          "half applied, apus check clean", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
