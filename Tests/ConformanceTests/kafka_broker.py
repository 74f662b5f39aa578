"""A broker of the tests: one topic with one partition, read by Kafka's protocol, with transactions.

Neither librdkafka's mock cluster nor other brokers that the tests can have say which transactions were
aborted. This one does: a fetch that wants committed messages only ends before the first transaction that
is open, and names the aborted ones, as Kafka's design has it (KIP-98). It answers ApiVersions, Metadata,
ListOffsets, Fetch and FindCoordinator, in the versions that it announces.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import socketserver
import struct
import threading
import time


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(number: int) -> bytes:
    """Zigzag."""
    number = number << 1 ^ number >> 63
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def nullable(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def batch(offset: int, producer: int, key: bytes | None, value: bytes | None,
          *, transactional: bool, control: bool) -> bytes:
    """A record batch of one record (version 2 of messages)."""
    body = b"\0" + varint(0) + varint(0) + nullable(key) + nullable(value) + varint(0)
    record = varint(len(body)) + body
    now = int(time.time() * 1000)
    checked = struct.pack(
        ">hiqqqhii", transactional << 4 | control << 5, 0, now, now, producer, 0, -1 if control else 0,
        1) + record
    rest = struct.pack(">ibI", 0, 2, crc32c(checked)) + checked
    return struct.pack(">qi", offset, len(rest)) + rest


@dataclasses.dataclass
class Transaction:
    producer: int
    first: int
    #: The offset of the marker that ended it.
    end: int | None = None
    is_aborted: bool = False


class Broker:
    TOPIC = "letters"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.batches: list[bytes] = []
        self.transactions: list[Transaction] = []
        self.port = 0

    # What producers would do

    def begin(self, producer: int) -> Transaction:
        transaction = Transaction(producer, -1)
        self.transactions.append(transaction)
        return transaction

    def put(self, key: str, value: bytes | None, within: Transaction | None = None) -> None:
        with self.lock:
            offset = len(self.batches)
            if within and within.first < 0:
                within.first = offset
            self.batches.append(batch(
                offset, within.producer if within else -1, key.encode(), value,
                transactional=within is not None, control=False))

    def end(self, transaction: Transaction, *, commit: bool) -> None:
        with self.lock:
            transaction.end, transaction.is_aborted = len(self.batches), not commit
            self.batches.append(batch(
                transaction.end, transaction.producer, struct.pack(">hh", 0, commit),
                struct.pack(">hi", 0, 0), transactional=True, control=True))

    # What consumers see

    @property
    def stable(self) -> int:
        """The offset of the first message of an open transaction, or the end."""
        return min((t.first for t in self.transactions if t.end is None and t.first >= 0),
                   default=len(self.batches))

    def fetch(self, offset: int, committed: bool) -> bytes:
        """The partition's part of an answer."""
        with self.lock:
            end = self.stable if committed else len(self.batches)
            found = b"".join(self.batches[offset:min(end, offset + 7)])
            aborted = [t for t in self.transactions
                       if committed and t.is_aborted and t.end >= offset and t.first < end]
            return (struct.pack(">ihqqi", 0, 0, len(self.batches), self.stable, len(aborted))
                    + b"".join(struct.pack(">qq", t.producer, t.first) for t in aborted)
                    + struct.pack(">i", len(found)) + found)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, layout: str) -> tuple:
        values = struct.unpack_from(">" + layout, self.data, self.place)
        self.place += struct.calcsize(">" + layout)
        return values

    def text(self) -> str:
        (size,) = self.take("h")
        self.place += max(size, 0)
        return self.data[self.place - max(size, 0):self.place].decode()


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


class Handler(socketserver.BaseRequestHandler):
    #: Key and version of what is answered; clients look at Produce to know the form of messages.
    APIS = {0: 7, 1: 4, 2: 1, 3: 1, 10: 0, 18: 3}

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            while head := self.receive(4):
                request = Reader(self.receive(struct.unpack(">i", head)[0]))
                api, version, number = request.take("hhi")
                request.text()  # the client's id
                answer = struct.pack(">i", number) + self.answer(api, version, request)
                self.request.sendall(struct.pack(">i", len(answer)) + answer)

    def receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                return b""
            data += more
        return data

    def answer(self, api: int, version: int, request: Reader) -> bytes:
        broker: Broker = self.server.broker
        node = struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">i", broker.port)
        topic = struct.pack(">i", 1) + text(broker.TOPIC) + struct.pack(">i", 1)
        match api:
            case 18:
                ranges = [struct.pack(">hhh", key, version if key in (1, 2, 3) else 0, version)
                          for key, version in self.APIS.items()]
                if version >= 3:
                    return (struct.pack(">hb", 0, len(ranges) + 1)
                            + b"".join(each + b"\0" for each in ranges) + struct.pack(">ib", 0, 0))
                return struct.pack(">hi", 0, len(ranges)) + b"".join(ranges) + (
                    struct.pack(">i", 0) if version else b"")
            case 3:
                return (struct.pack(">i", 1) + node + struct.pack(">h", -1) + struct.pack(">i", 1)
                        + struct.pack(">ih", 1, 0) + text(broker.TOPIC) + b"\0" + struct.pack(">i", 1)
                        + struct.pack(">hii", 0, 0, 1) + struct.pack(">iiii", 1, 1, 1, 1))
            case 2:
                request.take("ii")
                request.text()
                _, _, when = request.take("iiq")
                offset = 0 if when == -2 else len(broker.batches)
                return topic + struct.pack(">ihqq", 0, 0, -1, offset)
            case 1:
                _, wait, _, _, isolation, topics = request.take("iiiibi")
                if topics == 0:
                    return struct.pack(">ii", 0, 0)
                request.text()
                _, _, offset, _ = request.take("iiqi")
                committed = isolation == 1
                if offset >= (broker.stable if committed else len(broker.batches)):
                    time.sleep(min(wait, 50) / 1000)
                return struct.pack(">i", 0) + topic + broker.fetch(offset, committed)
            case 10:
                return struct.pack(">h", 0) + node
            case _:
                raise ConnectionError(f"nobody answers {api}")


@contextlib.contextmanager
def running():
    """A broker, whose address is its `address`."""
    broker = Broker()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        server.broker = broker
        broker.port = server.server_address[1]
        broker.address = f"127.0.0.1:{broker.port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield broker
        finally:
            server.shutdown()
