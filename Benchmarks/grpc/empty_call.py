"""What a gRPC call costs a server when there is nothing to do: processor time of the server.

Asks the version check (`qdrant.Qdrant/HealthCheck`) of `apus serve`, of a server of C++'s gRPC that
answers the same (built here, where its compiler and headers are), and of other builds of `apus`
that are given. The servers take turns within each round, so that what else the machine does meets
all of them; compare ratios. The message is padded with a field that the servers do not know, to the
size of a query with 384 dimensions.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "Tests" / "ConformanceTests")]

import apus_server
import client
import frames
from processor import processor_seconds

METHOD = "/qdrant.Qdrant/HealthCheck"


@contextlib.contextmanager
def apus(binary: pathlib.Path):
    """Process id and port of a server from `binary`."""
    os.environ["APUS_BINARY"] = str(binary)
    with apus_server.temporary_server() as server:
        yield server.process.pid, server.grpc_port


@contextlib.contextmanager
def cpp(binary: pathlib.Path):
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


def build_cpp(folder: pathlib.Path) -> pathlib.Path | None:
    """The C++ server; None where something for it is missing."""
    plugin = shutil.which("grpc_cpp_plugin")
    if not plugin or not shutil.which("protoc") or not shutil.which("g++"):
        return None
    proto = REPOSITORY / "Sources" / "ApusWire" / "Proto"
    subprocess.run(
        ["protoc", "-I", proto, f"--plugin=protoc-gen-grpc={plugin}", f"--cpp_out={folder}",
         f"--grpc_out={folder}", "qdrant.proto"], check=True)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], check=True,
        capture_output=True, text=True).stdout.split()
    binary = folder / "health_server"
    subprocess.run(
        ["g++", "-O2", "-std=c++17", "-I", folder, HERE / "cpp" / "health_server.cc",
         folder / "qdrant.pb.cc", folder / "qdrant.grpc.pb.cc", "-o", binary, *flags], check=True)
    return binary


def measure(options, servers: dict[str, tuple[int, int]]) -> dict[str, dict[int, list[float]]]:
    """Microseconds of processor time a call, by server and calls in flight, one a round."""
    block = frames.header_block(METHOD, "127.0.0.1")
    request = frames.request(block, frames.field(1000, bytes(options.bytes)))
    found = {name: {n: [] for n in options.in_flight} for name in servers}
    for number in range(options.rounds):
        for in_flight in options.in_flight:
            for name, (process, port) in servers.items():
                connection = client.Connection(port, [request])
                connection.run(options.calls // 10, in_flight)
                before = processor_seconds(process)
                tally = connection.run(options.calls, in_flight)
                seconds = processor_seconds(process) - before
                connection.close()
                if tally.failures:
                    sys.exit(f"{tally.failures} of {options.calls} calls failed at {name}")
                found[name][in_flight].append(seconds / options.calls * 1e6)
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return found


def table(options, found: dict[str, dict[int, list[float]]]) -> str:
    head = " | ".join(f"{n} in flight" for n in options.in_flight)
    rows = [
        f"Server CPU µs a call, {options.bytes} bytes in, {options.rounds} rounds of "
        f"{options.calls} calls, median (least–most):", "",
        f"| server | {head} |", "| --- |" + " ---: |" * len(options.in_flight),
    ]
    for name, by_load in found.items():
        cells = [
            f"**{statistics.median(values):.0f}** ({min(values):.0f}–{max(values):.0f})"
            for values in by_load.values()
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=pathlib.Path, action="append", default=[],
                        help="another build of apus; may be given several times")
    parser.add_argument("--bytes", type=int, default=1_600)
    parser.add_argument("--calls", type=int, default=20_000, help="timed calls of each setting")
    parser.add_argument("--in-flight", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 8, 64])
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apus-grpc-")))
        servers = {"apus": stack.enter_context(apus(apus_server.binary()))}
        for binary in options.other:
            servers[f"apus ({binary})"] = stack.enter_context(apus(binary))
        if built := build_cpp(folder):
            servers["C++ gRPC, callback API"] = stack.enter_context(cpp(built))
        else:
            print("no C++ server: libgrpc++-dev, protobuf-compiler-grpc, g++", file=sys.stderr)
        print(table(options, measure(options, servers)))


if __name__ == "__main__":
    main()
