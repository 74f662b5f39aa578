"""Apus beside hnswlib: recall, queries per second and build time, in one run.

Both get the same vectors and settings and take turns, round after round, on the same core, so that
a busy machine slows both. Each builds once with two threads on all cores, and each round starts a
fresh process that opens the finished index. What counts are the ratios; times alone depend on the
machine and on what else it does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import datasets

#: Recalls at which speeds are compared.
LEVELS = (0.90, 0.95, 0.99)

EFS = {
    "sift": "10,16,24,32,48,64,96,128,192,256",
    "minilm": "10,16,32,48,64,96,128,192,256,384",
}


def lines(command: list[str], core: int | None) -> list[dict]:
    """Runs a command, pinned to `core` where one is given; gives its JSON lines."""
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Apus:
    """`apus bench ann`, whose database stays between rounds."""

    name = "apus"

    def __init__(self, options, key: str, dataset: datasets.Dataset, scratch: pathlib.Path) -> None:
        self.command = [
            str(options.apus), "bench", "ann", "--base", str(dataset.base_path),
            "--queries", str(dataset.query_path), "--truth", str(dataset.truth_path),
            "--metric", dataset.metric, "--index", "hnsw", "--m", str(options.m),
            "--ef-construction", str(options.ef_construction), "--k", str(options.k),
            "--threads", "1", "--build-threads", str(options.build_threads),
            "--passes", str(options.passes), "--data", str(scratch / "apus"),
        ]
        if options.limit:
            self.command += ["--limit", str(options.limit)]

    def build(self) -> dict:
        [line] = lines([*self.command, "--ef", "16"], None)
        return line

    def search(self, efs: str, core: int) -> list[dict]:
        found = lines([*self.command, "--ef", efs], core)
        return [{"ef": each["params"]["ef"], **each} for each in found]


class HNSWLib:
    """hnswlib through Python; the index is saved once and loaded in each round."""

    name = "hnswlib"

    def __init__(self, options, key: str, dataset: datasets.Dataset, scratch: pathlib.Path) -> None:
        self.options = options
        self.head = [sys.executable, str(HERE / "hnswlib_worker.py")]
        self.place = [key, str(dataset.folder), str(scratch / "hnswlib.index"), str(options.limit)]

    def build(self) -> dict:
        options = self.options
        settings = [options.m, options.ef_construction, options.build_threads]
        [line] = lines([*self.head, "build", *self.place, *map(str, settings)], None)
        return line

    def search(self, efs: str, core: int) -> list[dict]:
        settings = [str(self.options.k), str(self.options.passes), efs]
        return lines([*self.head, "search", *self.place, *settings], core)


def speed_at(curve: list[dict], level: float) -> float | None:
    """Queries per second at a recall, between the settings around it (log of speed, linear)."""
    points = sorted((each["recall"], each["qps"]) for each in curve)
    for (low, low_speed), (high, high_speed) in zip(points, points[1:]):
        if low <= level <= high and high > low:
            part = (level - low) / (high - low)
            return math.exp(math.log(low_speed) * (1 - part) + math.log(high_speed) * part)
    return None


def compare(options, key: str, scratch: pathlib.Path) -> dict:
    """Builds both, runs the rounds; gives all figures of one dataset."""
    dataset = dataclasses.replace(datasets.KNOWN[key], folder=options.datasets)
    engines = [Apus(options, key, dataset, scratch), HNSWLib(options, key, dataset, scratch)]
    builds = {}
    for engine in engines[::-1]:
        builds[engine.name] = engine.build()
        print(f"{dataset.name}: {engine.name} built in {builds[engine.name]['build_s']:.1f} s",
              file=sys.stderr)
    efs = options.ef or EFS[key]
    rounds: dict[str, list[list[dict]]] = {engine.name: [] for engine in engines}
    for number in range(options.rounds):
        # Who goes first changes from round to round.
        for engine in engines if number % 2 == 0 else engines[::-1]:
            rounds[engine.name].append(engine.search(efs, options.core))
        print(f"{dataset.name}: round {number + 1} of {options.rounds} done", file=sys.stderr)
    return {"dataset": dataset.name, "metric": dataset.metric, "build": builds,
            "rounds": rounds, "summary": summarise(rounds, builds)}


def summarise(rounds: dict[str, list[list[dict]]], builds: dict) -> dict:
    """Medians over the rounds, and the median of each round's own ratio."""
    curves = {}
    for name, runs in rounds.items():
        curves[name] = [
            {"ef": settings[0]["ef"], "recall": statistics.median(s["recall"] for s in settings),
             "qps": statistics.median(s["qps"] for s in settings)}
            for settings in zip(*runs)
        ]
    levels = []
    for level in LEVELS:
        pairs = [
            (speed_at(ours, level), speed_at(theirs, level))
            for ours, theirs in zip(rounds["apus"], rounds["hnswlib"])
        ]
        whole = [pair for pair in pairs if None not in pair]
        if whole:
            ratios = [ours / theirs for ours, theirs in whole]
            levels.append({
                "recall": level, "apus": statistics.median(p[0] for p in whole),
                "hnswlib": statistics.median(p[1] for p in whole),
                "ratio": statistics.median(ratios), "ratios": ratios,
            })
    behind = max(
        theirs["recall"] - ours["recall"]
        for ours, theirs in zip(curves["apus"], curves["hnswlib"])
    )
    return {
        "curves": curves, "levels": levels, "recall_behind_most": behind,
        "build_time_ratio": builds["apus"]["build_s"] / builds["hnswlib"]["build_s"],
    }


def table(result: dict, options) -> str:
    summary, builds = result["summary"], result["build"]
    rows = [
        f"## {result['dataset']} ({result['metric']}, M={options.m}, "
        f"efConstruction={options.ef_construction}, k={options.k}, one thread, "
        f"median of {options.rounds} rounds)",
        "", "| ef | recall Apus | recall hnswlib | queries/s Apus | queries/s hnswlib |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for ours, theirs in zip(summary["curves"]["apus"], summary["curves"]["hnswlib"]):
        rows.append(f"| {ours['ef']} | {ours['recall']:.4f} | {theirs['recall']:.4f} | "
                    f"{ours['qps']:,.0f} | {theirs['qps']:,.0f} |")
    rows += ["", "| at recall | Apus | hnswlib | ratio | of each round |",
             "| ---: | ---: | ---: | ---: | --- |"]
    for each in summary["levels"]:
        single = " ".join(f"{ratio:.2f}" for ratio in each["ratios"])
        rows.append(f"| {each['recall']:.2f} | {each['apus']:,.0f} | {each['hnswlib']:,.0f} | "
                    f"**{each['ratio']:.2f}** | {single} |")
    ours, theirs = builds["apus"], builds["hnswlib"]
    rows += [
        "",
        f"Build with {options.build_threads} threads: Apus {ours['build_s']:.1f} s "
        f"({ours.get('build_cpu_s') or 0:.0f} s of processor, durable on disk), hnswlib "
        f"{theirs['build_s']:.1f} s ({theirs['build_cpu_s']:.0f} s, in memory): "
        f"time ratio {summary['build_time_ratio']:.2f}. "
        f"Recall at the same ef is behind hnswlib's by {summary['recall_behind_most']:+.4f} at "
        f"most. Kernels: {ours['isa']}; {ours['bytes_per_vector']:.0f} bytes a vector on disk.",
        "",
    ]
    return "\n".join(rows)


def machine() -> dict:
    model = platform.processor()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "load": os.getloadavg(), "commit": commit}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--only", choices=list(datasets.KNOWN), help="one dataset instead of all")
    parser.add_argument("--limit", type=int, default=0, help="first rows of each base only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=3, help="timed passes a round; best counts")
    parser.add_argument("--ef", help="comma-separated settings instead of each dataset's own")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--build-threads", type=int, default=2)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1,
                        help="core that searches are pinned to (%(default)s)")
    parser.add_argument("--apus", type=pathlib.Path,
                        default=os.environ.get("APUS_BINARY", REPOSITORY / ".build/release/apus"))
    parser.add_argument("--json", type=pathlib.Path, help="write every figure of the run here")
    options = parser.parse_args()
    if not options.apus.exists():
        parser.error(f"{options.apus} is missing: run `swift build -c release --product apus`")
    if not options.datasets.is_dir():
        parser.error(f"no datasets in {options.datasets}: give their folder with --datasets")
    if shutil.which("taskset") is None:
        parser.error("taskset is missing (package util-linux)")
    return options


def main() -> None:
    options = arguments()
    about = machine()
    print(f"# {about['cpu']}, {about['cores']} cores, load {about['load'][0]:.1f}, "
          f"commit {about['commit']}\n", flush=True)
    results = []
    for key in [options.only] if options.only else list(datasets.KNOWN):
        with tempfile.TemporaryDirectory(prefix="apus-peers-") as scratch:
            results.append(compare(options, key, pathlib.Path(scratch)))
        print(table(results[-1], options), flush=True)
    about["load_after"] = os.getloadavg()
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "results": results}, indent=1))


if __name__ == "__main__":
    main()
