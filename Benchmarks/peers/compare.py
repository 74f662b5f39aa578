"""Apus beside its peers: speed at a recall, build time and memory, in one run.

All get the same vectors, k and metric, and take turns, round after round, on the same core, so that
a busy machine slows all. Each builds once with two threads on all cores and keeps its index on
disk; each round starts a fresh process for each that opens the finished index. What counts are the
ratios; times alone depend on the machine and on what else it does.

Every engine's configuration is one short file in libraries/. A peer that is not installed, or
fails, has its reason in the table, and the others run.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from engines import REPOSITORY, Apus, ApusLists, EngineFailed, Peer

import vector_datasets as datasets
import libraries
import table


def compare(options: argparse.Namespace, key: str, scratch: pathlib.Path) -> dict:
    """Builds all, runs the rounds; gives every figure of one dataset."""
    dataset = datasets.at(key, options.datasets)

    def note(text: str) -> None:
        print(f"{dataset.name}: {text}", file=sys.stderr, flush=True)

    engines, results = [], {}
    candidates = [Apus(options, key, scratch), ApusLists(options, key, scratch)]
    candidates += [Peer(name, options, key, scratch) for name in options.peers]
    for engine in candidates:
        result = results[engine.name] = {"engine": engine.name, "name": engine.name, "rounds": []}
        try:
            result["name"] = engine.version()
            result["about"] = engine.about
            result |= engine.build()
        except EngineFailed as reason:
            result["failed"] = str(reason)
            note(f"{engine.name}: {reason}")
            continue
        engines.append(engine)
        note(f"{engine.name} built in {result['build_s']:.1f} s")
    for number in range(options.rounds):
        # Who goes first changes from round to round.
        for engine in list(engines if number % 2 == 0 else engines[::-1]):
            try:
                results[engine.name]["rounds"].append(engine.search())
            except EngineFailed as reason:
                results[engine.name] |= {"failed": str(reason), "rounds": []}
                engines.remove(engine)
                note(f"{engine.name}: {reason}")
        note(f"round {number + 1} of {options.rounds} done")
    return {"dataset": dataset.name, "metric": dataset.metric, "k": options.k,
            "engines": [table.summarise(result) for result in results.values()]}


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
    parser.add_argument("--peers", type=libraries.matching, default=list(libraries.ENGINES),
                        help="comma-separated, instead of all; `faiss` is all of faiss's: "
                        + ", ".join(libraries.ENGINES))
    parser.add_argument("--limit", type=int, default=0, help="first rows of each base only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=3, help="timed passes a round; best counts")
    parser.add_argument("--ef", help="comma-separated, for all that have one")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--build-threads", type=int, default=2)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1,
                        help="core that searches are pinned to (%(default)s)")
    parser.add_argument("--apus", type=pathlib.Path,
                        default=os.environ.get("APUS_BINARY", REPOSITORY / ".build/release/apus"))
    parser.add_argument("--scratch", type=pathlib.Path,
                        help="where indexes are kept during the run (a temporary folder)")
    parser.add_argument("--points", action="store_true", help="print every setting of every engine")
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
        with tempfile.TemporaryDirectory(prefix="apus-peers-", dir=options.scratch) as scratch:
            results.append(compare(options, key, pathlib.Path(scratch)))
        print(table.markdown(results[-1], options), flush=True)
        about["load_after"] = os.getloadavg()
        if options.json:
            # After each dataset, so that a run that is stopped has what was done.
            options.json.write_text(json.dumps({"machine": about, "results": results}, indent=1))


if __name__ == "__main__":
    main()
