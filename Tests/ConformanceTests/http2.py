"""HTTP/2 frame by frame: a gRPC client that may say anything, and hears everything."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct

import hpack
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Errors of HTTP/2 (RFC 9113, 7).
NO_ERROR, PROTOCOL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 8, 11


@dataclasses.dataclass
class Answer:
    """What came on one stream."""

    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    reset: int | None = None
    ended: bool = False

    @property
    def status(self) -> int | None:
        return int(self.fields["grpc-status"]) if "grpc-status" in self.fields else None

    @property
    def message(self) -> bytes:
        return self.body[5:]


def prefixed(message: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


class Connection:
    """One connection. Whatever is read is kept, so that a test may ask in any order."""

    def __init__(self, port: int, *, greet: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.answers: dict[int, Answer] = {}
        self.goodbyes: list[frames.GoAwayFrame] = []
        self.ping_answers: list[bytes] = []
        self.closed = False
        self._received = b""
        self._encoder, self._decoder = hpack.Encoder(), hpack.Decoder()
        if greet:
            self.send_bytes(PREFACE)
            self.send(frames.SettingsFrame(0))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send_bytes(self, data: bytes) -> None:
        # What the server said before it closed the connection is read all the same.
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def send(self, *parts: frames.Frame) -> None:
        self.send_bytes(b"".join(part.serialize() for part in parts))

    def headers(
        self, stream: int, path: str, *, end: bool = False, without: tuple[str, ...] = (),
        **fields: str,
    ) -> None:
        """A request's headers; `fields` replace and add, with `_` for `-`."""
        block = {
            ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x",
            "content-type": "application/grpc", "te": "trailers",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        for name in without:
            del block[name]
        flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
        data = self._encoder.encode(list(block.items()))
        self.send(frames.HeadersFrame(stream, data, flags=flags))

    def data(self, stream: int, body: bytes, *, end: bool = True) -> None:
        self.send(frames.DataFrame(stream, body, flags=["END_STREAM"] if end else []))

    def call(self, stream: int, path: str, message: bytes = b"", **fields: str) -> Answer:
        self.headers(stream, path, **fields)
        self.data(stream, prefixed(message))
        return self.answer(stream)

    def answer(self, stream: int) -> Answer:
        """Waits for the end of the stream, or of the connection."""
        self.read_until(lambda: self.answers.get(stream, Answer()).ended)
        return self.answers.setdefault(stream, Answer())

    def read_until(self, done) -> None:
        while not self.closed and not done():
            self._read()

    def read_to_the_end(self) -> None:
        """Waits until the server closes the connection."""
        self.read_until(lambda: False)

    def _read(self) -> None:
        try:
            piece = self.socket.recv(65_536)
        except ConnectionError:
            piece = b""
        if not piece:
            self.closed = True
        self._received += piece
        while len(self._received) >= 9:
            part, length = frames.Frame.parse_frame_header(memoryview(self._received[:9]))
            if len(self._received) < 9 + length:
                break
            part.parse_body(memoryview(self._received[9:9 + length]))
            self._received = self._received[9 + length:]
            self._take(part)

    def _take(self, part: frames.Frame) -> None:
        answer = self.answers.setdefault(part.stream_id, Answer())
        if isinstance(part, frames.HeadersFrame):
            answer.fields.update(self._decoder.decode(part.data))
        elif isinstance(part, frames.DataFrame):
            answer.body += bytes(part.data)
        elif isinstance(part, frames.RstStreamFrame):
            answer.reset, answer.ended = part.error_code, True
        elif isinstance(part, frames.GoAwayFrame):
            self.goodbyes.append(part)
        elif isinstance(part, frames.PingFrame):
            if "ACK" in part.flags:
                self.ping_answers.append(bytes(part.opaque_data))
            else:
                self.send(frames.PingFrame(0, part.opaque_data, flags=["ACK"]))
        elif isinstance(part, frames.SettingsFrame) and "ACK" not in part.flags:
            self.send(frames.SettingsFrame(0, flags=["ACK"]))
        if "END_STREAM" in part.flags:
            answer.ended = True
