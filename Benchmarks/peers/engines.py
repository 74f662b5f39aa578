"""Who is compared: Apus through its own benchmark command, peers through `worker.py`.

Each builds once, with all cores, and is searched in fresh processes that are pinned to one.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[1:1] = [str(HERE.parent), str(REPOSITORY / "Tests" / "ConformanceTests")]

import apus_server
import vector_datasets as datasets
import libraries
from memory import Resident


class EngineFailed(Exception):
    """Why an engine is not in the table; the last line of what it printed."""


def lines(command: list[str], core: int | None, threads: int) -> list[dict]:
    """Runs a command, pinned to `core` where one is given; gives its JSON lines."""
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False,
        env={**os.environ, **{name: str(threads) for name in pools}})
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        reason = told[-1] if told else "without a word"
        # Below zero it is a signal, and the last line need not say why.
        signal = f"signal {-done.returncode}: " if done.returncode < 0 else ""
        raise EngineFailed(signal + reason)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Apus:
    """`apus bench ann`, whose database stays between rounds."""

    name = "apus"
    about = "HNSW over 8-bit codes, ordered by float32; a database on disk"
    index = "hnsw"
    # What is varied: the option, and its name in the results.
    effort = ("--ef", "ef")

    def __init__(self, options: argparse.Namespace, key: str, scratch: pathlib.Path) -> None:
        self.options = options
        self.dataset = datasets.at(key, options.datasets)
        self.folder = scratch / self.name
        self.efforts = self.settings()
        self.command = [
            str(options.apus), "bench", "ann", "--base", str(self.dataset.base_path),
            "--queries", str(self.dataset.query_path), "--truth", str(self.dataset.truth_path),
            "--metric", self.dataset.metric, "--index", self.index, "--m", str(options.m),
            "--ef-construction", str(options.ef_construction), "--k", str(options.k),
            "--threads", "1", "--build-threads", str(options.build_threads),
            "--passes", str(options.passes), "--data", str(self.folder),
        ]
        if options.limit:
            self.command += ["--limit", str(options.limit)]

    def settings(self) -> str:
        return self.options.ef or ",".join(map(str, libraries.EFS))

    def version(self) -> str:
        done = subprocess.run([str(self.options.apus), "--version"], capture_output=True,
                              text=True, check=True)
        return f"{self.name} {done.stdout.split()[-1]}"

    def build(self) -> dict:
        [line] = lines(
            [*self.command, self.effort[0], "16"], None, self.options.build_threads)
        return {"build_s": line["build_s"], "build_cpu_s": line.get("build_cpu_s"),
                "disk_bytes_per_vector": line["bytes_per_vector"], "isa": line["isa"],
                **self.memory(line["base"])}

    def search(self) -> list[dict]:
        option, name = self.effort
        found = lines([*self.command, option, self.efforts], self.options.core, 1)
        return [{"setting": f"{name}={each['params'][name]}", "recall": each["recall"],
                 "qps": each["qps"]} for each in found]

    def memory(self, rows: int) -> dict[str, float]:
        """Resident memory of a server that answered all queries, less those of one without data:
        the benchmark's own process holds the dataset too. The server's code counts against us.
        It gets a copy, so that what it may tidy up is not searched later.
        """
        os.environ["APUS_BINARY"] = str(self.options.apus)
        copy = self.folder.with_name(f"{self.name}-copy")
        shutil.copytree(self.folder, copy)
        with apus_server.temporary_server() as server:
            empty = Resident.of(server.process.pid)
        with apus_server.ApusServer(copy) as server:
            for query in self.dataset.queries():
                body = json.dumps({"query": query.tolist(), "limit": self.options.k}).encode()
                request = urllib.request.Request(
                    f"{server.url}/collections/bench/points/query", data=body,
                    headers={"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answer.read()
            memory = Resident.of(server.process.pid).since(empty, rows)
        shutil.rmtree(copy)
        return memory


class ApusLists(Apus):
    """The same with inverted lists and product codes."""

    name = "apus-ivfpq"
    about = "IVF-PQ fast scan, ordered by float32; a database on disk"
    index = "ivfpq"
    effort = ("--nprobe", "probes")

    def settings(self) -> str:
        return "4,8,16,24,32,48,64,96,128,192,256,384"


class Peer:
    """A library through its worker; the index is saved once and loaded in each round."""

    def __init__(
        self, engine: str, options: argparse.Namespace, key: str, scratch: pathlib.Path
    ) -> None:
        self.name = engine
        self.options = options
        self.about = ""
        folder = scratch / engine
        folder.mkdir(parents=True, exist_ok=True)
        self.task = {
            "dataset": key, "datasets": str(options.datasets), "folder": str(folder),
            "limit": options.limit, "k": options.k, "m": options.m,
            "ef_construction": options.ef_construction, "threads": options.build_threads,
            "passes": options.passes,
            "efs": [int(ef) for ef in options.ef.split(",")] if options.ef else None,
        }

    def version(self) -> str:
        try:
            [told] = lines([*self.worker("probe")], None, 1)
        except EngineFailed as reason:
            raise EngineFailed(f"not installed: {self.why_not_installed() or reason}") from None
        self.about = told["about"]
        return f"{self.name} {told['version']}"

    def build(self) -> dict:
        [line] = lines(self.worker("build"), None, self.options.build_threads)
        return line

    def search(self) -> list[dict]:
        return lines(self.worker("search"), self.options.core, 1)

    def worker(self, action: str) -> list[str]:
        rest = [] if action == "probe" else [json.dumps(self.task)]
        return [sys.executable, str(HERE / "worker.py"), action, self.name, *rest]

    def why_not_installed(self) -> str | None:
        """What `venv.sh` left, if it could not."""
        package = libraries.ENGINES[self.name][2]
        told = pathlib.Path(sys.prefix) / ".peers" / f"{package}.failed"
        return told.read_text().strip() if told.exists() else None
