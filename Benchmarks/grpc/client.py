"""One connection that keeps a fixed number of unary calls in flight, and counts."""

from __future__ import annotations

import dataclasses
import select
import socket
import struct
import time

import frames


@dataclasses.dataclass
class Tally:
    """What a run of calls came to."""

    latencies: list[float] = dataclasses.field(default_factory=list)
    failures: int = 0
    #: The message of the last answer, to look into after the clock has stopped.
    answer: bytes = b""


class Connection:
    """HTTP/2 over one socket: prepared requests out, ends of streams in."""

    def __init__(self, port: int, requests: list[tuple[bytes, bytes, bytes]]) -> None:
        self.requests = requests
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(frames.opening())
        self.buffer = b""
        self.next_stream = 1
        self.window = 65_535
        self.started: dict[int, float] = {}
        self.messages: dict[int, bytes] = {}

    def run(self, calls: int, in_flight: int) -> Tally:
        """Makes `calls` calls, `in_flight` at a time."""
        tally = Tally()
        sent = 0
        while len(tally.latencies) + tally.failures < calls:
            out = []
            while sent < calls and len(self.started) < in_flight:
                parts = self.requests[sent % len(self.requests)]
                if self.window < len(parts[2]):
                    break
                self.window -= len(parts[2])
                out.append(frames.numbered(parts, self.next_stream))
                self.started[self.next_stream] = time.perf_counter()
                self.next_stream += 2
                sent += 1
            if out:
                self.socket.sendall(b"".join(out))
            self.receive(tally)
        return tally

    def receive(self, tally: Tally) -> None:
        """Waits for bytes and takes every whole frame in them."""
        if not select.select([self.socket], [], [], 60)[0]:
            raise TimeoutError(f"no answer for 60 s, {len(self.started)} calls in flight")
        received = self.socket.recv(1 << 18)
        if not received:
            raise ConnectionError("the server closed the connection")
        data, at = self.buffer + received, 0
        while len(data) - at >= 9:
            length = int.from_bytes(data[at:at + 3], "big")
            if len(data) - at < 9 + length:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5:at + 9], "big")
            self.take(kind, flags, stream, data[at + 9:at + 9 + length], tally)
            at += 9 + length
        self.buffer = data[at:]

    def take(self, kind: int, flags: int, stream: int, body: bytes, tally: Tally) -> None:
        if kind == frames.DATA:
            self.messages[stream] = self.messages.get(stream, b"") + body
        elif kind == frames.WINDOW and stream == 0:
            self.window += struct.unpack(">I", body)[0]
        elif kind == frames.SETTINGS and not flags & frames.ACKNOWLEDGE:
            self.socket.sendall(frames.frame(frames.SETTINGS, frames.ACKNOWLEDGE, 0, b""))
        elif kind == frames.PING and not flags & frames.ACKNOWLEDGE:
            self.socket.sendall(frames.frame(frames.PING, frames.ACKNOWLEDGE, 0, body))
        elif kind == frames.GOAWAY:
            raise ConnectionError(f"the server said goodbye: {body[8:]!r}")
        ended = flags & frames.END_STREAM and kind in (frames.DATA, frames.HEADERS)
        if ended or kind == frames.RESET:
            message = self.messages.pop(stream, b"")
            began = self.started.pop(stream)
            # An error is trailers without a message.
            if len(message) > 5:
                tally.latencies.append(time.perf_counter() - began)
                tally.answer = message[5:]
            else:
                tally.failures += 1

    def close(self) -> None:
        self.socket.close()
