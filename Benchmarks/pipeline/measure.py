#!/usr/bin/env python3
"""What it costs that rows are texts: pipelines with static embeddings, beside vectors that are there.

    Benchmarks/pipeline/measure.py [--rows N] [--rounds N] [--sources NAMES] [--targets NAMES]

Takes the packages of pypi-minilm-100k, each a row with its summary as the text, and makes them a
Parquet file, a table of PostgreSQL and a topic of Kafka (real servers, as the tests start them: Kafka is
librdkafka's mock cluster, in this process). In each round `apus pipeline run` brings each source into
an empty collection, with the static embedding table, and `apus ingest` the same vectors and payloads from
an npy and a JSON lines file: into a database of its own (embedded), and into a server. All in turn, each
in a process of its own. Rows a second are what each command says at its end: until the last row was
acknowledged, which is when it is on disk. Of a pipeline that has the search for rows that are gone.

Prints rows a second, their ratio to the ingest of vectors in the same round, and the peak memory of the
process (VmHWM) for a quarter of the rows and for all; with a database of its own that has the rows
which are not in a segment file yet. Needs what the tests need
(`make .venv/.apus-clients`); what is missing is left out by name. A quick test: --rows 2000 --rounds 1.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "Tests" / "ConformanceTests")]

import pytest

import apus_server
import components

FIELDS = ("name", "year", "keyword")
#: Rows of the smaller runs that show what memory depends on.
SHARE = 4


#: What `apus ingest` says at its end, and `apus pipeline run`.
RATE = re.compile(r"^\d+ rows in .*, (\d+) rows/s$|^  \"rate\" : ([0-9.]+)", re.M)


def peak_memory(process: int) -> int:
    """In KiB; 0 when it is over."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        if found := re.search(r"^VmHWM:\s+(\d+) kB", status, re.M):
            return int(found[1])
    return 0


def rows(path: pathlib.Path, count: int) -> list[dict]:
    """Rows with a text of one line."""
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if text := " ".join((row["summary"] or "").split()):
                found.append({"id": row["id"], "text": text, **{f: row[f] for f in FIELDS}})
            if len(found) == count:
                break
    return found


class Work:
    """A folder with the sources in two sizes, and what runs on them."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack, table: list[dict]) -> None:
        self.folder, self.stack = folder, stack
        self.tables = {len(part): part for part in (table[:len(table) // SHARE], table)}
        self.sources: dict[str, dict[int, str]] = {}
        self.runs = itertools.count()

    # What is read

    def make(self, name: str) -> None:
        try:
            self.sources[name] = getattr(self, name)()
        except (pytest.skip.Exception, ImportError) as missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)

    def parquet(self) -> dict[int, str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sources = {}
        for count, table in self.tables.items():
            path = self.folder / f"rows-{count}.parquet"
            pq.write_table(pa.Table.from_pylist(table), path)
            sources[count] = f"files: {{path: '{path}', key: id}}"
        return sources

    def postgres(self) -> dict[int, str]:
        uri = self.stack.enter_context(components.postgres(self.folder))
        import psycopg2
        import psycopg2.extras

        sources = {}
        with contextlib.closing(psycopg2.connect(uri)) as connection:
            for count, table in self.tables.items():
                with connection, connection.cursor() as cursor:
                    cursor.execute(f"CREATE TABLE rows_{count} (id bigint PRIMARY KEY, text text,"
                                   " name text, year int, keyword text)")
                    psycopg2.extras.execute_values(
                        cursor, f"INSERT INTO rows_{count} VALUES %s",
                        [(row["id"], row["text"], *(row[f] for f in FIELDS)) for row in table],
                        page_size=1000)
                sources[count] = (
                    f"postgres: {{connection: '{uri}', table: rows_{count}, key: id}}")
        return sources

    def kafka(self) -> dict[int, str]:
        # The cluster holds 5 MiB of batches for each of four partitions: they are compressed.
        producer, address = self.stack.enter_context(components.kafka(
            **{"compression.type": "lz4", "linger.ms": 200, "batch.num.messages": 10_000}))
        sources = {}
        for count, table in self.tables.items():
            for row in table:
                value = json.dumps({name: row[name] for name in ("text", *FIELDS)})
                while True:
                    try:
                        producer.produce(f"rows-{count}", key=str(row["id"]), value=value)
                        break
                    except BufferError:
                        producer.poll(0.1)
            assert producer.flush(60) == 0
            sources[count] = f"kafka: {{brokers: '{address}', topic: rows-{count}}}"
        return sources

    def vectors(self) -> dict[int, str]:
        """The same points as the pipelines make, with their vectors."""
        sources = {}
        for count, table in self.tables.items():
            path = self.folder / f"rows-{count}"
            texts = path.with_suffix(".txt")
            texts.write_text("".join(row["text"] + "\n" for row in table), encoding="utf-8")
            subprocess.run([apus_server.binary(), "embed", texts,
                            "--output", path.with_suffix(".npy")], check=True)
            with path.with_suffix(".jsonl").open("w", encoding="utf-8") as file:
                for row in table:
                    source = {"key": str(row["id"]), "chunk": 0, "chunks": 1,
                              "version": "0" * 32, "hash": "0" * 32}
                    file.write(json.dumps({
                        "text": row["text"], **{f: row[f] for f in FIELDS}, "_source": source,
                    }) + "\n")
            sources[count] = str(path)
        return sources

    # What is measured

    def run(self, source: str, target: str, count: int) -> tuple[float, float]:
        """Rows a second, and the peak memory in MiB."""
        folder = self.folder / f"run-{next(self.runs)}"
        folder.mkdir()
        environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        with contextlib.ExitStack() as stack:
            if target == "server":
                server = stack.enter_context(apus_server.ApusServer(folder / "data"))
                place = ("url", f"grpc://127.0.0.1:{server.grpc_port}")
            else:
                place = ("data", str(folder / "data"))
            if source == "vectors":
                path = self.sources[source][count]
                command = ["ingest", "--collection", "c", "--vectors", f"{path}.npy",
                           "--payload", f"{path}.jsonl", f"--{place[0]}", place[1]]
            else:
                file = folder / "pipeline.yaml"
                file.write_text(
                    f"pipeline: p\nsource: {{{self.sources[source][count]}}}\n"
                    f"map: {{text: '{{text}}', payload: [{', '.join(FIELDS)}]}}\nembed: static\n"
                    f"collection: {{name: c, {place[0]}: '{place[1]}'}}\n")
                command = ["pipeline", "run", str(file)]
            output = folder / "output.txt"
            with output.open("w") as file:
                process = subprocess.Popen([apus_server.binary(), *command], env=environment,
                                           stdout=file, stderr=subprocess.STDOUT)
                peak = 0
                while process.poll() is None:
                    peak = max(peak, peak_memory(process.pid))
                    time.sleep(0.02)
            if process.returncode != 0 or not (said := RATE.search(output.read_text())):
                sys.exit(f"{source} into {target}:\n{output.read_text()}")
        shutil.rmtree(folder)
        return float(said[1] or said[2]), peak / 1024

    def measure(self, targets: list[str], rounds: int) -> None:
        small, all_rows = self.tables
        print(f"| source | target | rows/s | beside vectors | each round | MiB, {small:,} rows "
              f"| MiB, {all_rows:,} rows |\n| --- | --- | ---: | ---: | --- | ---: | ---: |")
        for target in targets:
            memory = {source: self.run(source, target, small)[1] for source in self.sources}
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in self.sources}
            for _ in range(rounds):
                for source in self.sources:
                    found[source].append(self.run(source, target, all_rows))
            for source, values in found.items():
                ratios = [value[0] / vectors[0]
                          for value, vectors in zip(values, found["vectors"])]
                print(f"| {source} | {target} | {max(value[0] for value in values):,.0f} "
                      f"| {statistics.median(ratios):.2f} "
                      f"| {' '.join(f'{ratio:.2f}' for ratio in ratios)} | {memory[source]:,.0f} "
                      f"| {max(value[1] for value in values):,.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=REPOSITORY / "../shared/datasets",
                        help="folder of the datasets (%(default)s)")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sources", default="parquet,postgres,kafka")
    parser.add_argument("--targets", default="embedded,server")
    options = parser.parse_args()
    table = rows(options.datasets / "pypi-minilm-100k" / "base.meta.jsonl.gz", options.rows)
    with tempfile.TemporaryDirectory(prefix="apus-pipeline-") as folder, \
            contextlib.ExitStack() as stack:
        # A server of another user may have to look into it.
        os.chmod(folder, 0o755)
        work = Work(pathlib.Path(folder), stack, table)
        for name in ("vectors", *options.sources.split(",")):
            work.make(name)
        work.measure(options.targets.split(","), options.rounds)


if __name__ == "__main__":
    main()
