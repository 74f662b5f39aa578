"""A real `apus serve` process under test: started, watched, stopped, killed.

The client tests, the crash loop and the gRPC benchmark share this file. It needs nothing but the
standard library.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

#: The line that the server prints once both ports answer.
LISTENING = re.compile(r"apus: listening http=\S+:(\d+) grpc=\S+:(\d+)")


def binary() -> pathlib.Path:
    """The program under test: APUS_BINARY, or the release build of this checkout."""
    path = pathlib.Path(os.environ.get("APUS_BINARY", REPOSITORY / ".build" / "release" / "apus"))
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run `swift build -c release --product apus`")
    return path


class StartFailed(Exception):
    """The server ended, or said nothing for too long, instead of listening."""

    def __init__(self, message: str, status: int | None, output: str) -> None:
        super().__init__(f"{message} (exit status {status})\n{output}")
        self.status = status
        self.output = output


class ApusServer:
    """One server process on one data folder. It takes free ports, new ones at each start."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        *,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.data = pathlib.Path(data)
        self.arguments = arguments
        self.environment = environment or {}
        self.http_port = 0
        self.grpc_port = 0
        self.process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._reader: threading.Thread | None = None
        self._listening = threading.Event()

    def start(self, patience: float = 60) -> ApusServer:
        """Starts the process and returns once it listens; throws `StartFailed` otherwise."""
        self.launch()
        self.wait_until_listening(patience)
        return self

    def launch(self) -> None:
        """Starts the process without waiting for anything."""
        self._lines, self._listening = [], threading.Event()
        self.process = subprocess.Popen(
            [
                str(binary()), "serve", "--data", str(self.data),
                "--http-port", "0", "--grpc-port", "0", *self.arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **self.environment},
        )
        self._reader = threading.Thread(target=self._collect, args=(self.process,), daemon=True)
        self._reader.start()

    def wait_until_listening(self, patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        while not self._listening.wait(0.02):
            status = self.process.poll()
            if status is not None:
                self._reader.join(5)
                if not self._listening.is_set():
                    raise StartFailed("the server ended at once", status, self.output)
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"no listening line within {patience} s", None, self.output)

    def _collect(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout:
            self._lines.append(line)
            if found := LISTENING.search(line):
                self.http_port, self.grpc_port = int(found[1]), int(found[2])
                self._listening.set()

    @property
    def output(self) -> str:
        """What the process has printed so far on both streams."""
        return "".join(self._lines)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, patience: float = 60) -> int:
        """Asks for an orderly end (SIGTERM) and returns the exit status."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(patience)

    def kill(self) -> None:
        """Ends the process as a crash would (SIGKILL)."""
        if self.alive:
            self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self, patience: float = 60) -> int:
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self._reader.join(5)
        return status

    def __enter__(self) -> ApusServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.alive:
            self.stop()


@contextlib.contextmanager
def temporary_server(**options):
    """A server on a data folder that goes away with it."""
    with tempfile.TemporaryDirectory(prefix="apus-test-") as folder:
        with ApusServer(pathlib.Path(folder) / "data", **options) as server:
            yield server


def run(
    *arguments: str, patience: float = 300, input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs another command of the program (`check`, `inspect`, `ingest`) to its end."""
    return subprocess.run(
        [str(binary()), *arguments],
        input=input, capture_output=True, text=True, errors="replace",
        timeout=patience, check=False,
    )
