#!/usr/bin/env python3
"""A flood of searches over REST: what a server still answers, what it uses, and how soon it is over.

    Benchmarks/grpc/flood.py [--connections N] [--seconds S]

First its capacity: searches a second with 64 connections. Then many times as many connections at once,
each asking again as soon as it is answered or refused, for a minute. wrk asks, on the same cores.
Needs wrk and the clients of the tests (`make .venv/.apus-clients`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(REPOSITORY / "Tests" / "ConformanceTests")]

import apus_server
import measure
import vector_datasets as datasets


def resident_megabytes(process: int) -> float:
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def ask(url: str, bodies: pathlib.Path, connections: int, seconds: int) -> dict:
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30s",
         "-s", str(HERE / "search.lua"), url, "--", str(bodies)],
        check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--connections", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--limit", type=int, default=0, help="first rows of the base only")
    parser.add_argument("--data", type=pathlib.Path, help="keep the database here, or find it")
    options = parser.parse_args()
    options.k, options.ef = 10, 64
    dataset = dataclasses.replace(datasets.KNOWN["minilm"], folder=options.datasets)
    with tempfile.TemporaryDirectory(prefix="apus-flood-") as folder:
        data = options.data or pathlib.Path(folder) / "data"
        measure.in_process(options, dataset, data, 1)
        bodies = pathlib.Path(folder) / "bodies"
        measure.write_bodies(bodies, dataset, options)
        with apus_server.ApusServer(data) as server:
            url = f"{server.url}/collections/{measure.COLLECTION}/points/query"
            before = ask(url, bodies, 64, 10)
            most, ended = [resident_megabytes(server.process.pid)], threading.Event()

            def watch() -> None:
                while not ended.wait(0.2):
                    most.append(resident_megabytes(server.process.pid))

            watcher = threading.Thread(target=watch)
            watcher.start()
            flood = ask(url, bodies, options.connections, options.seconds)
            over = time.monotonic()
            body = bodies.read_text().splitlines()[0].encode()
            request = urllib.request.Request(
                url, data=body, headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
            recovered = time.monotonic() - over
            ended.set()
            watcher.join()
            after = ask(url, bodies, 64, 10)
    answered = (flood["calls"] - flood["failures"]) / options.seconds
    print(f"capacity: {before['qps']:,.0f} searches/s with 64 connections, "
          f"{after['qps']:,.0f} afterwards")
    print(f"flood of {options.connections} connections for {options.seconds} s: "
          f"{flood['qps']:,.0f} calls/s, of them {answered:,.0f} answered "
          f"({answered / before['qps']:.2f} of capacity), the others refused; "
          f"p50 {flood['p50_us'] / 1e3:.1f} ms, p99 {flood['p99_us'] / 1e3:.1f} ms")
    print(f"memory: {most[0]:,.0f} MB before, {max(most):,.0f} MB at most")
    print(f"the first search after its end took {recovered * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
