#!/usr/bin/env python3
"""Runs everything that looks for lost or wrong data for a long time, and sums it up.

    soak.py [--minutes M] [--histories N] [--executions N] [--kills N] [--pipeline-kills N]
            [--seed S]

Four parts take turns: random histories against a dictionary over a simulated file system (model),
changed bytes into every decoder (fuzz), a real server that is killed under load (kills), and pipelines
from Kafka and PostgreSQL that are killed at any moment (pipelines; each of them so often). With
--minutes the turns go on until the time is over; without it until each part has done its number.
Executions of the fuzzers are counted in nominal ones: what takes milliseconds does a share of them
(Tests/FuzzTests/FuzzRun.swift). The last lines say what was done. Exit status 0 when nothing
failed; otherwise the seeds and the whole output of the failed turns are told.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
#: Work of one turn: each takes a minute or two.
HISTORIES_PER_TURN = 2_000
EXECUTIONS_PER_TURN = 200_000
KILLS_PER_TURN = 50
PIPELINE_KILLS_PER_TURN = 25

MODEL_LINE = re.compile(
    r"^model: (\d+) histories from seed (\d+): (\d+) steps, (\d+) crashes, (\d+) failed calls", re.M)
FUZZ_LINE = re.compile(r"^fuzz (.+): (\d+) executions for (\d+) nominal, ", re.M)
KILLS_LINE = re.compile(r"^\d+/\d+: (\d+) kills?", re.M)
PIPELINE_LINE = re.compile(r"^(\d+) kills of a pipeline", re.M)


class Soak:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path) -> None:
        self.options, self.folder = options, folder
        self.seed = options.seed
        self.histories = self.steps = self.crashes = self.failed_calls = 0
        #: Nominal executions of all turns; and of each decoder, with the real ones.
        self.nominal = 0
        self.executions: dict[str, tuple[int, int]] = {}
        self.kill_iterations = self.kills = 0
        #: Kills of each pipeline that were asked for, and those of all of them that were.
        self.pipeline_share = self.pipeline_kills = 0
        self.failures: list[str] = []
        self.turns = 0

    # One turn each

    def model(self) -> None:
        first = self.seed + self.histories
        text = self.test("ModelTests/simulated", "model", {
            "APUS_SEED": str(first), "APUS_HISTORIES": str(self.share(
                HISTORIES_PER_TURN, self.options.histories, self.histories)),
        })
        for histories, _, steps, crashes, failed in MODEL_LINE.findall(text):
            self.histories += int(histories)
            self.steps += int(steps)
            self.crashes += int(crashes)
            self.failed_calls += int(failed)
        if not MODEL_LINE.search(text):
            # A failure ends the turn; the next one begins behind it.
            found = re.search(r"seed (\d+): ", text)
            self.histories = int(found[1]) + 1 - self.seed if found else self.histories + 1

    def fuzz(self) -> None:
        first = self.nominal
        # A turn that fails counts too: the next one has other inputs.
        self.nominal += self.share(EXECUTIONS_PER_TURN, self.options.executions, first)
        text = self.test("FuzzTests", "fuzz", {
            "APUS_FUZZ_SEED": str(self.seed), "APUS_FUZZ_FIRST": str(first),
            "APUS_FUZZ_EXECUTIONS": str(self.nominal - first),
            "APUS_FUZZ_JOURNALS": str(self.folder),
        })
        for name, *counts in FUZZ_LINE.findall(text):
            before = self.executions.get(name, (0, 0))
            real, nominal = (old + int(new) for old, new in zip(before, counts))
            self.executions[name] = (real, nominal)
        for journal in self.folder.glob("apus-fuzz-*"):
            # A decoder trapped: its journal outlived it.
            self.failures.append(f"fuzz: a trap at {journal.read_text(errors='replace').strip()}")
            journal.unlink()

    def kill(self) -> None:
        count = self.share(KILLS_PER_TURN, self.options.kills, self.kill_iterations)
        seed = self.seed + self.kill_iterations
        text = self.run("kills", [
            sys.executable, str(REPOSITORY / "Tests/CrashTests/kill_loop.py"),
            "--iterations", str(count), "--seed", str(seed),
        ], {})
        found = KILLS_LINE.findall(text)
        self.kill_iterations += max(1, len(found))
        self.kills += sum(int(each) for each in found)

    def pipeline(self) -> None:
        count = self.share(
            PIPELINE_KILLS_PER_TURN, self.options.pipeline_kills, self.pipeline_share)
        tests = REPOSITORY / "Tests/ConformanceTests"
        text = self.run("pipelines", [
            sys.executable, "-m", "pytest", "-q", "-s", "-k", "killed_at_any_moment",
            *(str(tests / f"test_pipeline_{name}.py") for name in ("kafka", "postgres",
                                                                   "postgres_slot", "remote")),
        ], {"APUS_KILLS": str(count), "APUS_SEED": str(self.seed + self.pipeline_share)})
        self.pipeline_share += count
        self.pipeline_kills += sum(int(each) for each in PIPELINE_LINE.findall(text))

    # How

    def share(self, turn: int, total: int, done: int) -> int:
        """What one turn takes of a part's work; all turns are alike when time decides."""
        return turn if self.options.minutes else max(1, min(turn, total - done))

    def test(self, test: str, part: str, environment: dict[str, str]) -> str:
        return self.run(part, [
            "swift", "test", "-c", "release", "--skip-build", "--filter", test], environment)

    def run(self, part: str, command: list[str], environment: dict[str, str]) -> str:
        self.turns += 1
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=REPOSITORY, env={**os.environ, **environment}, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        took = time.monotonic() - began
        if done.returncode != 0:
            log = self.folder / f"{self.turns}-{part}.log"
            settings = " ".join(f"{name}={value}" for name, value in environment.items())
            log.write_text(f"{settings} {' '.join(command)}\n{text}")
            first = next((line for line in text.splitlines()
                          if line.startswith(("↳", "FAILED"))), f"status {done.returncode}")
            self.failures.append(f"{part}: {first.strip()} (all of it: {log})")
        print(f"turn {self.turns}: {part}, {took:.0f} s, "
              f"{'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        return text

    def unfinished(self) -> list:
        options = self.options
        parts = [
            (self.model, self.histories < options.histories),
            (self.fuzz, self.nominal < options.executions),
            (self.kill, self.kill_iterations < options.kills),
            (self.pipeline, self.pipeline_share < options.pipeline_kills),
        ]
        return [part for part, goes_on in parts if options.minutes or goes_on]

    def go(self) -> None:
        deadline = time.monotonic() + 60 * self.options.minutes if self.options.minutes else None
        while parts := self.unfinished():
            for part in parts:
                part()
                if deadline is not None and time.monotonic() > deadline:
                    return
                if len(self.failures) >= 10:
                    print("ten failures are enough", flush=True)
                    return

    def summary(self, seconds: float) -> str:
        lines = [
            f"soak: {seconds / 60:.1f} minutes, {self.turns} turns, seed {self.seed}",
            f"  model: {self.histories} histories, {self.steps} steps, {self.crashes} crashes, "
            f"{self.failed_calls} failed calls",
            f"  kills: {self.kill_iterations} iterations, {self.kills} SIGKILLs of a real server",
            f"  pipelines: {self.pipeline_kills} SIGKILLs, {self.pipeline_share} of each",
            f"  fuzz: {self.nominal} nominal executions, "
            f"{sum(real for real, _ in self.executions.values())} real ones",
        ]
        lines += [f"    {name}: {real} for {nominal} nominal"
                  for name, (real, nominal) in sorted(self.executions.items())]
        lines += [f"  failures: {len(self.failures)}"]
        lines += [f"    {failure}" for failure in self.failures]
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, help="go on for so long, whatever the numbers")
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--executions", type=int, default=1_000_000,
                        help="for each decoder, in nominal ones")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--pipeline-kills", type=int, default=50, help="of each pipeline")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-soak-"))
    soak = Soak(options, folder)
    print(f"soak: seed {options.seed}", flush=True)
    began = time.monotonic()
    try:
        soak.go()
    finally:
        print(soak.summary(time.monotonic() - began), flush=True)
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
