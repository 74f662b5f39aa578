"""Searches over gRPC and REST on loopback beside the same searches in process.

Builds a collection once with `apus bench ann`, then in each round asks it in process (on one thread
and on as many as there are cores) and through `apus serve`: over gRPC with a number of calls in
flight on one connection, over REST with as many connections (by wrk, where it is installed; its share
of the cores is not printed). Prints the rates, the part that the server reaches, and the processor time of the server
for each call. The client sends prepared bytes, but it runs on the same machine and takes its share
of the cores: its processor time is printed too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(REPOSITORY / "Tests" / "ConformanceTests")]

import apus_server
import client
import vector_datasets as datasets
import frames
from processor import processor_seconds

#: The collection that `apus bench ann` makes.
COLLECTION = "bench"


def in_process(options, dataset: datasets.Dataset, data: pathlib.Path, threads: int) -> dict:
    """One line of `apus bench ann` on the collection in `data`."""
    command = [
        "bench", "ann", "--base", str(dataset.base_path), "--queries", str(dataset.query_path),
        "--truth", str(dataset.truth_path), "--metric", dataset.metric, "--ef", str(options.ef),
        "--k", str(options.k), "--threads", str(threads), "--data", str(data),
    ]
    if options.limit:
        command += ["--limit", str(options.limit)]
    done = apus_server.run(*command, patience=3600)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def timed_calls(
    port: int, process: int, requests: list[tuple[bytes, bytes, bytes]], in_flight: int, calls: int,
    warming: int | None = None,
) -> dict:
    """What `calls` prepared requests come to over one connection, after `warming` others (each of
    them once)."""
    connection = client.Connection(port, requests)
    connection.run(len(requests) if warming is None else warming, in_flight)
    before = processor_seconds(process), time.process_time()
    began = time.perf_counter()
    tally = connection.run(calls, in_flight)
    seconds = time.perf_counter() - began
    after = processor_seconds(process), time.process_time()
    connection.close()
    latencies = sorted(tally.latencies) or [0.0]
    return {
        "in_flight": in_flight, "qps": calls / seconds, "failures": tally.failures,
        "p50_us": statistics.median(latencies) * 1e6,
        "p99_us": latencies[int(len(latencies) * 0.99)] * 1e6,
        "server_cpu_us": (after[0] - before[0]) / calls * 1e6,
        "client_cpu_us": (after[1] - before[1]) / calls * 1e6,
    }


def prepared(row: np.ndarray, options) -> tuple[bytes, bytes, bytes]:
    """A search of Apus for the neighbours of `row`."""
    block = frames.header_block("/qdrant.Points/Query", "127.0.0.1")
    return frames.request(block, frames.query(COLLECTION, row.tobytes(), options.k, options.ef))


def over_grpc(options, dataset: datasets.Dataset, data: pathlib.Path) -> list[dict]:
    """Rates for each number of calls in flight, on a server of its own."""
    requests = [prepared(row, options) for row in dataset.queries()]
    results = []
    with apus_server.ApusServer(data) as server:
        for in_flight in options.in_flight:
            result = timed_calls(
                server.grpc_port, server.process.pid, requests, in_flight, options.calls)
            if result["failures"]:
                sys.exit(f"{result['failures']} of {options.calls} calls failed\n{server.output}")
            results.append(result)
    return results


def printed(row: np.ndarray) -> list[float]:
    """Floats as clients print them: the shortest decimals that are the same float32."""
    return [float(str(number)) for number in row]


def body(row: np.ndarray, options) -> str:
    """The same search as the body of a REST call."""
    return json.dumps(
        {"query": printed(row), "limit": options.k, "params": {"hnsw_ef": options.ef}})


def write_bodies(path: pathlib.Path, dataset: datasets.Dataset, options) -> None:
    """The body for each query, a line each."""
    path.write_text("".join(body(row, options) + "\n" for row in dataset.queries()))


def wrk(url: str, process: int, bodies: pathlib.Path, in_flight: int, seconds: int) -> dict:
    """What wrk makes of the prepared bodies with a connection for each call in flight, after a
    second for warming up."""
    command = [
        "wrk", "-t1", f"-c{in_flight}", "--timeout", "30s", "-s", str(HERE / "search.lua"), url]
    script = ["--", str(bodies)]
    subprocess.run([*command, "-d1", *script], check=True, capture_output=True)
    before = processor_seconds(process)
    done = subprocess.run(
        [*command, f"-d{seconds}", *script], check=True, capture_output=True, text=True)
    used = processor_seconds(process) - before
    result = json.loads(done.stdout.splitlines()[-1])
    return {"in_flight": in_flight, "server_cpu_us": used / max(result["calls"], 1) * 1e6, **result}


def over_rest(options, dataset: datasets.Dataset, data: pathlib.Path) -> list[dict]:
    """The same over REST, a connection for each call in flight."""
    results = []
    with tempfile.TemporaryDirectory(prefix="apus-rest-") as folder, \
            apus_server.ApusServer(data) as server:
        bodies = pathlib.Path(folder) / "bodies"
        write_bodies(bodies, dataset, options)
        url = f"{server.url}/collections/{COLLECTION}/points/query"
        for in_flight in options.in_flight:
            result = wrk(url, server.process.pid, bodies, in_flight, options.seconds)
            if result["failures"]:
                sys.exit(f"{result['failures']} of {result['calls']} calls failed\n{server.output}")
            results.append(result)
    return results


def measure(options, data: pathlib.Path) -> dict:
    dataset = dataclasses.replace(datasets.KNOWN[options.dataset], folder=options.datasets)
    cores = os.cpu_count() or 1
    in_process(options, dataset, data, 1)
    rounds = []
    for number in range(options.rounds):
        rounds.append({
            "one": in_process(options, dataset, data, 1),
            "all": in_process(options, dataset, data, cores),
            "grpc": over_grpc(options, dataset, data),
            "rest": over_rest(options, dataset, data) if shutil.which("wrk") else [],
        })
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return {"dataset": dataset.name, "cores": cores, "ef": options.ef, "rounds": rounds}


def table(result: dict) -> str:
    rounds = result["rounds"]

    def middle(values) -> float:
        return statistics.median(list(values))

    one = middle(each["one"]["qps"] for each in rounds)
    whole = middle(each["all"]["qps"] for each in rounds)
    rows = [
        f"## {result['dataset']}, ef {result['ef']}, recall {rounds[0]['one']['recall']:.4f}, "
        f"median of {len(rounds)} rounds", "",
        f"In process: {one:,.0f} queries/s on one thread ({1e6 / one:.0f} µs each), "
        f"{whole:,.0f} on {result['cores']} threads.", "",
        "| calls in flight | queries/s | p50 µs | p99 µs | of one thread in process | "
        f"of {result['cores']} threads | server CPU µs a call | client CPU µs a call |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for index, first in enumerate(rounds[0]["grpc"]):
        def of(key: str, index: int = index) -> float:
            return middle(each["grpc"][index][key] for each in rounds)

        part_one = middle(each["grpc"][index]["qps"] / each["one"]["qps"] for each in rounds)
        part_all = middle(each["grpc"][index]["qps"] / each["all"]["qps"] for each in rounds)
        rows.append(
            f"| {first['in_flight']} | {of('qps'):,.0f} | {of('p50_us'):,.0f} | "
            f"{of('p99_us'):,.0f} | **{part_one:.2f}** | **{part_all:.2f}** | "
            f"{of('server_cpu_us'):,.0f} | {of('client_cpu_us'):,.0f} |"
        )
    if rounds[0]["rest"]:
        rows += [
            "", "| REST: connections | queries/s | p50 µs | p99 µs | of gRPC's rate | "
            "server CPU µs a call |", "| ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
    for index, first in enumerate(rounds[0]["rest"]):
        def at(key: str, index: int = index) -> float:
            return middle(each["rest"][index][key] for each in rounds)

        part = middle(
            each["rest"][index]["qps"] / each["grpc"][index]["qps"] for each in rounds)
        rows.append(
            f"| {first['in_flight']} | {at('qps'):,.0f} | {at('p50_us'):,.0f} | "
            f"{at('p99_us'):,.0f} | **{part:.2f}** | {at('server_cpu_us'):,.0f} |")
    return "\n".join([*rows, ""])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--dataset", choices=list(datasets.KNOWN), default="minilm")
    parser.add_argument("--limit", type=int, default=0, help="first rows of the base only")
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--calls", type=int, default=20_000, help="timed calls of each setting")
    parser.add_argument("--seconds", type=int, default=5, help="of each setting over REST")
    parser.add_argument("--in-flight", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 8, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=pathlib.Path, help="keep the database here, or find it")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure of the run here")
    options = parser.parse_args()
    if not options.datasets.is_dir():
        parser.error(f"no datasets in {options.datasets}: give their folder with --datasets")
    return options


def main() -> None:
    options = arguments()
    if options.data:
        result = measure(options, options.data)
    else:
        with tempfile.TemporaryDirectory(prefix="apus-grpc-") as folder:
            result = measure(options, pathlib.Path(folder) / "data")
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
