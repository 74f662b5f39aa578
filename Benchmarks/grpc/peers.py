"""Searches through servers from PyPI beside the same searches through Apus, at equal recall.

The same vectors and queries for `apus serve` (over gRPC with prepared frames, over REST with wrk),
milvus-lite's server (gRPC, the same client) and chromadb's (REST, wrk). Each builds its collection
once; then every peer takes the search breadth whose recall, counted from its own answers, is
nearest to that of Apus; then they take turns, round after round, each with a fresh process and the
machine to itself. The clients run on the same cores. A peer that is missing, or fails, has its
reason under the table, and the others run.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

import measure
import servers
import vector_datasets as datasets
from servers import PeerFailed, Server

#: The search breadths that a peer may take.
BREADTHS = [10, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 128, 160, 192, 256, 384, 512]
#: Recalls that are no farther apart count as equal.
EQUAL = 0.01


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Truth:
    """What the answers are compared with."""

    def __init__(self, options: argparse.Namespace, dataset: datasets.Dataset) -> None:
        self.dataset, self.k = dataset, options.k
        self.base = dataset.base(options.limit or None)
        self.queries = dataset.queries()
        self.ids = dataset.truth(self.base, self.queries, options.k)

    def recall(self, server: Server) -> float:
        """Of a server that is started for it."""
        with server.serve():
            found = server.found()
        return datasets.recall(
            self.dataset.metric, self.base, self.queries, self.ids, found, self.k)


def match(server: Server, truth: Truth, wanted: float) -> float:
    """Chooses the breadth whose recall is nearest to `wanted`; gives that recall."""
    breadths = [each for each in BREADTHS if each >= truth.k]
    recalls: dict[int, float] = {}
    low, high = 0, len(breadths) - 1
    while low < high:
        middle = (low + high) // 2
        server.choose(breadths[middle])
        recalls[breadths[middle]] = truth.recall(server)
        note(f"{server.name}: recall {recalls[breadths[middle]]:.4f} with ef {breadths[middle]}")
        if recalls[breadths[middle]] < wanted:
            low = middle + 1
        else:
            high = middle
    if breadths[low] not in recalls:
        server.choose(breadths[low])
        recalls[breadths[low]] = truth.recall(server)
    chosen = min(recalls, key=lambda breadth: (abs(recalls[breadth] - wanted), breadth))
    server.choose(chosen)
    return recalls[chosen]


def one_round(server: Server, options: argparse.Namespace) -> list[dict]:
    figures = []
    with server.serve():
        for in_flight in options.in_flight:
            figures.append(server.timed(in_flight))
            if figures[-1]["failures"]:
                raise PeerFailed(
                    f"{figures[-1]['failures']} calls failed with {in_flight} in flight")
    return figures


def compare(options: argparse.Namespace, scratch: pathlib.Path) -> dict:
    dataset = datasets.at(options.dataset, options.datasets)
    truth = Truth(options, dataset)
    results: dict[str, dict] = {}
    ready: list[Server] = []

    def leave_out(server: Server, reason: Exception) -> None:
        # A fault of Apus is not left out: without it there is nothing to compare with.
        if isinstance(server, servers.Apus) and not isinstance(reason, PeerFailed):
            raise reason
        results[server.name] |= {"failed": str(reason) or type(reason).__name__, "rounds": []}
        note(f"{server.name}: {results[server.name]['failed']}")

    wanted = None
    for kind in servers.ALL:
        server = kind(options, dataset, scratch)
        result = results[server.name] = {
            "name": server.name, "about": server.about, "rounds": [],
            "apus": isinstance(server, servers.Apus)}
        try:
            if isinstance(server, servers.OverREST) and not shutil.which("wrk"):
                raise PeerFailed("wrk is missing")
            result["name"] = server.version()
            server.build()
            note(f"{server.name} built")
            result["recall"] = (
                truth.recall(server) if result["apus"] else match(server, truth, wanted))
            result["ef"] = server.ef
        # What a foreign client throws is a reason like any other.
        except Exception as reason:
            leave_out(server, reason)
            continue
        wanted = wanted or result["recall"]
        note(f"{server.name}: recall {result['recall']:.4f} with ef {result['ef']}")
        ready.append(server)
    for number in range(options.rounds):
        # Who goes first changes from round to round.
        for server in list(ready if number % 2 == 0 else ready[::-1]):
            try:
                results[server.name]["rounds"].append(one_round(server, options))
            except Exception as reason:
                leave_out(server, reason)
                ready.remove(server)
        note(f"round {number + 1} of {options.rounds} done")
    return {"dataset": dataset.name, "rows": len(truth.base), "k": options.k,
            "cores": os.cpu_count(), "in_flight": options.in_flight, "servers": results}


def middle(result: dict, index: int, key: str) -> float:
    return statistics.median(each[index][key] for each in result["rounds"])


def ratio(first: dict, second: dict, index: int) -> str:
    """How often the rate of `second` goes into that of `first`: the median over the rounds."""
    if first is second:
        return ""
    pairs = list(zip(first["rounds"], second["rounds"]))
    if not pairs:
        return "-"
    return f"**{statistics.median(a[index]['qps'] / b[index]['qps'] for a, b in pairs):.2f}**"


def table(outcome: dict) -> str:
    results = outcome["servers"]
    grpc, rest = (results[kind.name] for kind in (servers.ApusGRPC, servers.ApusREST))
    timed = [each for each in results.values() if each["rounds"]]
    rows = [
        f"## {outcome['dataset']}, {outcome['rows']:,} vectors, k {outcome['k']}, "
        f"{outcome['cores']} cores, median of {len(grpc['rounds'])} rounds", "",
        "| server | in flight | recall | queries/s | p50 µs | p99 µs | server CPU µs a call | "
        "Apus over gRPC is | Apus over REST is |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for index, in_flight in enumerate(outcome["in_flight"]):
        for each in timed:
            apart = abs(each["recall"] - grpc["recall"]) > EQUAL
            rows.append(
                f"| {each['name']} (ef {each['ef']}) | {in_flight} | {each['recall']:.4f}"
                f"{' (apart)' if apart else ''} | "
                + " | ".join(f"{middle(each, index, key):,.0f}"
                             for key in ("qps", "p50_us", "p99_us", "server_cpu_us"))
                + f" | {ratio(grpc, each, index)} | {ratio(rest, each, index)} |")
    rows.append("")
    if any(abs(each["recall"] - grpc["recall"]) > EQUAL for each in timed):
        rows += [f"(apart): no search breadth of this server comes within {EQUAL} of the recall of "
                 "Apus; the nearest was taken.", ""]
    rows += [f"- {each['name']}: {each['about']}" for each in timed]
    rows += [f"- {each['name']} was left out: {each['failed']}"
             for each in results.values() if "failed" in each]
    return "\n".join([*rows, ""])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path,
                        default=measure.REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--dataset", choices=list(datasets.KNOWN), default="minilm")
    parser.add_argument("--limit", type=int, default=0, help="first rows of the base only")
    parser.add_argument("--ef", type=int, default=64, help="of Apus; the peers follow its recall")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=5, help="of each setting")
    parser.add_argument("--in-flight", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=pathlib.Path, help="keep Apus's database here, or find it")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure of the run here")
    options = parser.parse_args()
    if not options.datasets.is_dir():
        parser.error(f"no datasets in {options.datasets}: give their folder with --datasets")
    return options


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="apus-servers-") as scratch:
        outcome = compare(options, pathlib.Path(scratch))
    print(table(outcome))
    if options.json:
        options.json.write_text(json.dumps(outcome, indent=1))


if __name__ == "__main__":
    main()
