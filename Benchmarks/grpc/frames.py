"""Just enough protobuf and HTTP/2 to ask one unary method, prepared before the clock starts.

An ordinary Python gRPC client costs several hundred microseconds a call, more than the server: it
would measure itself. Here each request is a block of bytes made beforehand, of which only the
stream number is filled in, and each answer is looked at for its end and its status.
"""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACKNOWLEDGE = 1, 4, 1

#: A window that no run of this benchmark fills up.
LARGE = 2**31 - 1


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def opening() -> bytes:
    """What a client says first: large windows for all streams and for the connection."""
    settings = struct.pack(">HI", 4, LARGE)
    more = struct.pack(">I", LARGE - 65_535)
    return PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW, 0, 0, more)


def header_block(path: str, authority: str) -> bytes:
    """Request headers as literals that neither side has to remember (HPACK, RFC 7541)."""

    def text(value: str) -> bytes:
        raw = value.encode()
        assert len(raw) < 127
        return bytes([len(raw)]) + raw

    def literal(name: str, value: str) -> bytes:
        return b"\x00" + text(name) + text(value)

    return (
        literal(":method", "POST") + literal(":scheme", "http") + literal(":path", path)
        + literal(":authority", authority) + literal("content-type", "application/grpc")
        + literal("te", "trailers")
    )


def request(block: bytes, message: bytes) -> tuple[bytes, bytes, bytes]:
    """The parts of one call, between which its stream number goes: see `numbered`."""
    body = b"\x00" + struct.pack(">I", len(message)) + message
    assert len(body) <= 16_384, "one frame must hold the message"
    head = struct.pack(">I", len(block))[1:] + bytes([HEADERS, END_HEADERS])
    middle = block + struct.pack(">I", len(body))[1:] + bytes([DATA, END_STREAM])
    return head, middle, body


def numbered(parts: tuple[bytes, bytes, bytes], stream: int) -> bytes:
    number = struct.pack(">I", stream)
    return parts[0] + number + parts[1] + number + parts[2]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def query(collection: str, vector: bytes, limit: int, ef: int) -> bytes:
    """A `qdrant.QueryPoints` message: nearest to packed float32 `vector`."""
    dense = field(1, vector)
    nearest = field(1, field(2, dense))
    parameters = varint(1 << 3) + varint(ef)
    return (
        field(1, collection.encode()) + field(3, nearest) + field(6, parameters)
        + varint(8 << 3) + varint(limit)
    )


def fields(message: bytes) -> dict[int, list]:
    """The fields of a protobuf message by number: bytes of the length-delimited ones, numbers of
    varints, and nothing of the fixed ones."""
    found: dict[int, list] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 0:
            found.setdefault(key >> 3, []).append(number())
        elif key & 7 == 2:
            length = number()
            found.setdefault(key >> 3, []).append(message[at:at + length])
            at += length
        else:
            at += 8 if key & 7 == 1 else 4
    return found


def found_ids(answer: bytes) -> list[int]:
    """The numbers of the points in a `qdrant.QueryResponse`."""
    return [
        fields(identifier).get(1, [0])[0]
        for point in fields(answer).get(1, []) for identifier in fields(point)[1]
    ]
