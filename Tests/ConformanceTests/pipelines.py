"""Pipelines under test: their files, runs, and what they leave in a collection."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time
import uuid

import apus_server
import components
from conftest import connect


class Pipeline:
    """A pipeline file in a folder of its own, with a database beside it."""

    def __init__(self, folder: pathlib.Path, text: str, name: str = "p") -> None:
        self.folder = folder
        self.name = name
        self.data = folder / "data"
        self.path = folder / "pipeline.yaml"
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        self.write(text)

    def write(self, text: str) -> None:
        self.path.write_text(f"pipeline: {self.name}\n{text}\n")

    def command(self, *arguments: str) -> list[str]:
        return [str(apus_server.binary()), "pipeline", *arguments]

    def run(self, *arguments: str, succeeds: bool = True, patience: float = 300):
        """Runs to the end. Gives the status, or what it said where it should fail."""
        result = subprocess.run(
            self.command("run", str(self.path), *arguments), capture_output=True, text=True,
            timeout=patience, env=self.environment, check=False,
        )
        assert (result.returncode == 0) == succeeds, result.stderr + result.stdout
        return json.loads(result.stdout) if succeeds else result.stderr

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command("run", str(self.path), *arguments), env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def run_until_killed(
        self, after: float, *arguments: str, meanwhile=lambda: None
    ) -> int | None:
        """Starts a run and kills it after a while. Gives its exit status if it was faster."""
        began = time.monotonic()
        process = self.start(*arguments)
        try:
            meanwhile()
            process.communicate(timeout=max(0, began + after - time.monotonic()))
            return process.returncode
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return None

    def survives_kills(self, change, expected) -> None:
        """Kills run after run at random moments, and compares the collection with its source at
        the end and after every tenth kill.

        `change(generator)` changes the source, between runs and while they run; `expected()` says
        what it has. A moment is a share of what the last whole runs took, so that a run is met in
        its start, its batches, its search for what is gone, and its end. APUS_KILLS is how
        many, APUS_SEED what moments and changes follow from; both are told at the end.
        """
        wanted = int(os.environ.get("APUS_KILLS", 8))
        seed = int(os.environ.get("APUS_SEED", 1))
        generator = random.Random(seed)
        began = time.monotonic()

        def whole_run() -> float:
            started = time.monotonic()
            self.run()
            return time.monotonic() - started

        whole = whole_run()
        #: Kills by the third of a run that they fell in; the last one has the runs' ends as well.
        thirds = [0, 0, 0]
        completed = 0
        try:
            while sum(thirds) < wanted:
                for _ in range(generator.randint(0, 2)):
                    change(generator)
                meanwhile = change if generator.random() < 0.3 else lambda _: None
                anew = ["--start-over"] if generator.random() < 0.2 else []
                share = generator.uniform(0, 1.1)
                started = time.monotonic()
                status = self.run_until_killed(
                    share * whole, *anew, meanwhile=lambda: meanwhile(generator))
                # Other work comes and goes on a machine, so how long a run takes is learnt anew.
                if status is not None:
                    assert status == 0, f"a run ended with {status}"
                    completed += 1
                    whole = (whole + time.monotonic() - started) / 2
                    continue
                thirds[min(2, int(share * 3))] += 1
                if sum(thirds) % 10 == 0:
                    whole = (whole + whole_run()) / 2
                    self.assert_holds(expected())
            self.run()
            self.assert_holds(expected())
        finally:
            print(f"\n{sum(thirds)} kills of a pipeline, by thirds of a run: {thirds}; {completed} "
                  f"runs were faster; {len(expected())} records at the end; APUS_SEED={seed}, "
                  f"{time.monotonic() - began:.0f} s", flush=True)

    def status(self, *arguments: str):
        result = subprocess.run(
            self.command("status", str(self.path), *arguments), capture_output=True, text=True,
            env=self.environment, check=True,
        )
        return json.loads(result.stdout) if result.stdout else None

    @property
    def dead_letters(self) -> list[dict]:
        path = self.folder / f"{self.name}.dead.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def serving(self):
        """A server of the database, for as long as the context is open."""
        return apus_server.ApusServer(self.data)

    def points(self, collection: str = "c") -> dict[str, object]:
        """The collection's points by id, with payloads and vectors, read from a server."""
        with self.serving() as server:
            client = connect(server, "grpc")
            found = {}
            offset = None
            while True:
                page, offset = client.scroll(
                    collection, limit=5000, offset=offset, with_vectors=True)
                found.update({str(point.id): point for point in page})
                if offset is None:
                    break
            client.close()
        return found

    def texts(self, collection: str = "c") -> dict[str, list[str]]:
        """The texts of the chunks of each key, in order."""
        chunks: dict[str, list] = {}
        for point in self.points(collection).values():
            source = point.payload["_source"]
            chunks.setdefault(source["key"], []).append(
                (source["chunk"], source["chunks"], point.payload.get("text", "")))
        for key, parts in chunks.items():
            numbers = sorted(part[0] for part in parts)
            assert numbers == list(range(parts[0][1])), f"{key} has the chunks {numbers}"
        return {key: [part[2] for part in sorted(parts)] for key, parts in chunks.items()}

    def assert_holds(self, expected: dict[str, str], collection: str = "c") -> None:
        """Each key has exactly its text, whitespace at the chunks' ends aside, under the ids that
        follow from it."""
        found = self.texts(collection)
        assert set(found) == {key for key, text in expected.items() if text.strip()}
        for key, chunks in found.items():
            assert " ".join(" ".join(chunks).split()) == " ".join(expected[key].split()), key
        ids = {identity(self.name, key, n) for key, chunks in found.items()
               for n in range(len(chunks))}
        assert set(self.points(collection)) == ids


class RemotePipeline(Pipeline):
    """A pipeline into a server's collection, each run of it on a machine of its own: a folder that
    is thrown away with everything that the run left there. Say `data: data` in the text."""

    def __init__(self, folder: pathlib.Path, text: str, name: str = "p", server=None) -> None:
        self.machines = 0
        #: Chooses who is killed.
        self.generator = random.Random(int(os.environ.get("APUS_SEED", 1)) + 1)
        #: How often each was.
        self.victims: collections.Counter[str] = collections.Counter()
        self.server = server
        if server is None:
            # The same ports at each start, as a server that people know has.
            ports = ("--http-port", str(components.free_port()),
                     "--grpc-port", str(components.free_port()))
            self.server = apus_server.ApusServer(folder / "data", arguments=ports).start()
        self.root = folder
        self.text = ""
        super().__init__(folder / "machine-0", text, name)

    def write(self, text: str) -> None:
        self.text = text.replace("data: data", f"url: 'grpc://127.0.0.1:{self.server.grpc_port}'")
        self.move()

    def move(self) -> None:
        """To a new machine, on which nothing ran."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.machines += 1
        self.folder = self.root / f"machine-{self.name}-{self.machines}"
        self.folder.mkdir(parents=True)
        self.path = self.folder / "pipeline.yaml"
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state")}
        super().write(self.text)

    def run(self, *arguments: str, **options):
        self.move()
        return super().run(*arguments, **options)

    def start(self, *arguments: str) -> subprocess.Popen:
        self.move()
        return super().start(*arguments)

    def run_until_killed(
        self, after: float, *arguments: str, meanwhile=lambda: None
    ) -> int | None:
        """Kills the run, the server, or both. A run whose server comes back goes on with it, or ends
        where it met its absence too early."""
        victims = self.generator.choice(["run", "server", "both"])
        if victims == "run":
            status = super().run_until_killed(after, *arguments, meanwhile=meanwhile)
            self.victims[victims] += status is None
            return status
        began = time.monotonic()
        process = self.start(*arguments)
        try:
            meanwhile()
            process.communicate(timeout=max(0, began + after - time.monotonic()))
            return process.returncode
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.victims[victims] += 1
        if victims == "both":
            process.send_signal(signal.SIGKILL)
        self.server.start()
        _, said = process.communicate(timeout=300)
        if victims == "server":
            assert process.returncode == 0 or "unavailable" in said, said
        return None

    def survives_kills(self, change, expected) -> None:
        super().survives_kills(change, expected)
        print(f"killed were {dict(self.victims)}", flush=True)

    @contextlib.contextmanager
    def serving(self):
        yield self.server

    def stop(self) -> None:
        assert self.server.stop() == 0


def identity(pipeline: str, key: str, chunk: int) -> str:
    """The id of a chunk, as docs/pipelines.md says."""

    def varint(n: int) -> bytes:
        out = bytearray()
        while n >= 0x80:
            out.append(n & 0x7F | 0x80)
            n >>= 7
        return bytes([*out, n])

    parts = [part.encode() for part in (pipeline, key, str(chunk))]
    digest = bytearray(hashlib.sha256(
        b"".join(varint(len(part)) + part for part in parts)).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def words(generator: random.Random, count: int) -> str:
    """Sentences of common words."""
    vocabulary = ("river mountain engine database vector search house garden music window paper "
                  "winter summer bridge language machine ocean forest market teacher").split()
    sentences = []
    while count > 0:
        length = min(count, generator.randint(4, 9))
        sentences.append(" ".join(generator.choices(vocabulary, k=length)).capitalize() + ".")
        count -= length
    return " ".join(sentences)


def wait_for(condition, what: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.05)
