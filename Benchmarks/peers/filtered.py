"""Searches that must match a filter: Apus beside its peers on pypi-minilm-100k.

Four filters, from half of the rows to one in a thousand. Every engine is built once and searched in
fresh processes pinned to one core, in turns, one query a call; recall is counted among the rows
that match. A pass ends after --seconds, with the queries that it got to, since some take a second.

Apus is measured by a command that prints the JSON lines of `apus bench ann`. Its default is used
where the program knows `bench ann --filter`; --apus-command gives another, in which {apus}, {base},
{queries}, {truth}, {payload}, {filter} (JSON), {ef}, {k}, {passes}, {m}, {ef_construction},
{build_threads} and {data} are filled in.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

import compare
from engines import HERE, EngineFailed, lines

import vector_datasets as datasets
import filters

APUS_COMMAND = (
    "{apus} bench ann --base {base} --queries {queries} --truth {truth} --payload {payload} "
    "--filter {filter} --metric cosine --m {m} --ef-construction {ef_construction} --k {k} "
    "--ef {ef} --threads 1 --build-threads {build_threads} --passes {passes} --data {data}"
)
#: Engine -> package; in the order of the table.
PEERS = {
    "faiss-hnsw-bitmap": "faiss-cpu", "faiss-scan": "faiss-cpu", "hnswlib-callback": "hnswlib",
    "qdrant-edge": "qdrant-edge-py", "lancedb": "lancedb", "chromadb": "chromadb",
}


def run_peer(name: str, options: argparse.Namespace, folder: pathlib.Path, action: str) -> list:
    task = {"datasets": str(options.datasets), "folder": str(folder / name), "k": options.k,
            "limit": options.limit, "m": options.m, "ef_construction": options.ef_construction,
            "threads": options.build_threads, "passes": options.passes,
            "seconds": options.seconds, "efs": options.ef}
    command = [sys.executable, str(HERE / "filtered_worker.py"), action, name, json.dumps(task)]
    if action == "build":
        return lines(command, None, options.build_threads)
    return lines(command, options.core, 1)


def run_apus(options: argparse.Namespace, folder: pathlib.Path) -> list[dict]:
    dataset = datasets.at(filters.DATASET, options.datasets)
    found = []
    for each in filters.ALL:
        values = {
            "apus": options.apus, "base": dataset.base_path, "queries": dataset.query_path,
            "truth": each.truth_path(dataset), "payload": filters.payload_path(dataset),
            "filter": json.dumps(each.json), "ef": ",".join(map(str, options.ef)),
            "k": options.k, "passes": options.passes, "m": options.m,
            "ef_construction": options.ef_construction, "data": folder / "apus",
            "build_threads": options.build_threads,
        }
        command = [word.format(**values) for word in shlex.split(options.apus_command)]
        if options.limit:
            command += ["--limit", str(options.limit)]
        for line in lines(command, options.core, 1):
            found.append({"filter": each.name, "setting": f"ef={line['params']['ef']}",
                          "recall": line["recall"], "qps": line["qps"]})
    return found


def knows_filters(apus: pathlib.Path) -> bool:
    told = subprocess.run([str(apus), "bench", "ann", "--help"], capture_output=True, text=True,
                          check=False).stdout
    return "--filter" in told


def measure(options: argparse.Namespace, folder: pathlib.Path) -> dict[str, dict]:
    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    results: dict[str, dict] = {}
    searches = {}
    if options.apus_command or knows_filters(options.apus):
        options.apus_command = options.apus_command or APUS_COMMAND
        searches["apus"] = lambda: run_apus(options, folder)
        results["apus"] = {"rounds": []}
    else:
        results["apus"] = {"rounds": [], "failed": "not measured: this program has no "
                           "`bench ann --filter` (or give --apus-command)"}
    for name in options.peers:
        results[name] = {"rounds": []}
        (folder / name).mkdir()
        try:
            results[name] |= run_peer(name, options, folder, "build")[0]
        except EngineFailed as reason:
            results[name]["failed"] = str(reason)
            note(f"{name}: {reason}")
            continue
        note(f"{name} built in {results[name]['build_s']:.1f} s")
        searches[name] = lambda name=name: run_peer(name, options, folder, "search")
    for number in range(options.rounds):
        for name in list(searches) if number % 2 == 0 else list(searches)[::-1]:
            try:
                results[name]["rounds"].append(searches[name]())
            except EngineFailed as reason:
                results[name] |= {"rounds": [], "failed": str(reason)}
                del searches[name]
                note(f"{name}: {reason}")
        note(f"round {number + 1} of {options.rounds} done")
    return results


def medians(rounds: list[list[dict]]) -> list[dict]:
    return [
        {**same[0], "recall": statistics.median(each["recall"] for each in same),
         "qps": statistics.median(each["qps"] for each in same)}
        for same in zip(*rounds)
    ]


def table(results: dict[str, dict], options: argparse.Namespace) -> str:
    heads = [each.title for each in filters.ALL]
    rows = [
        f"## {filters.DATASET_NAME}, filtered: recall@{options.k} / queries per second on one core"
        + (f" (first {options.limit:,} rows)" if options.limit else ""),
        "", "| engine | setting | " + " | ".join(heads) + " |",
        "| --- | --- |" + " ---: |" * len(heads),
    ]
    for name, result in results.items():
        label = f"{name} {result.get('version', '')}".strip()
        if "failed" in result:
            reason = result["failed"].replace("|", "/")
            rows.append(f"| {label} | {reason} |" + " |" * len(heads))
            continue
        points = medians(result["rounds"])
        for setting in dict.fromkeys(point["setting"] for point in points):
            cells = []
            for each in filters.ALL:
                [point] = [p for p in points if (p["filter"], p["setting"]) == (each.name, setting)]
                cells.append(f"{point['recall']:.3f} / {point['qps']:,.0f}")
            rows.append(f"| {label} | {setting} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh --filtered", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path,
                        default=compare.REPOSITORY / "../shared/datasets")
    parser.add_argument("--peers", type=lambda names: [n for n in names.split(",") if n],
                        default=list(PEERS), help="comma-separated: " + ", ".join(PEERS))
    parser.add_argument("--limit", type=int, default=0, help="first rows of the base only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=2, help="timed passes a round; best counts")
    parser.add_argument("--seconds", type=float, default=10, help="longest pass")
    parser.add_argument("--ef", default="64,256")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--build-threads", type=int, default=2)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    parser.add_argument("--apus", type=pathlib.Path, default=os.environ.get(
        "APUS_BINARY", compare.REPOSITORY / ".build/release/apus"))
    parser.add_argument("--apus-command", default=os.environ.get("APUS_FILTERED_COMMAND"),
                        help="instead of the default (environment: APUS_FILTERED_COMMAND)")
    parser.add_argument("--scratch", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="write every figure of the run here")
    options = parser.parse_args()
    options.ef = [int(ef) for ef in options.ef.split(",")]
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"no peer {', '.join(unknown)}: there are {', '.join(PEERS)}")
    if not options.datasets.is_dir():
        parser.error(f"no datasets in {options.datasets}: give their folder with --datasets")
    return options


def main() -> None:
    options = arguments()
    about = compare.machine()
    print(f"# {about['cpu']}, {about['cores']} cores, load {about['load'][0]:.1f}, "
          f"commit {about['commit']}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="apus-filtered-", dir=options.scratch) as folder:
        results = measure(options, pathlib.Path(folder))
    print(table(results, options), flush=True)
    if options.json:
        engines = [{"name": name, **result, "points": medians(result["rounds"])}
                   for name, result in results.items()]
        options.json.write_text(json.dumps(
            {"machine": about, "dataset": filters.DATASET_NAME, "k": options.k,
             "filters": {each.name: each.json for each in filters.ALL}, "engines": engines},
            indent=1))


if __name__ == "__main__":
    main()
