"""Messages without sense to every gRPC method: each call gets a status, and the server lives.

Some are random bytes, some real messages with bytes changed, some made up field by field from the
descriptors of the published client, with values that nobody would send.
"""

from __future__ import annotations

import collections
import random

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from qdrant_client import grpc as wire

import apus_server

SEED = 20261130
#: Of each method; three ways to make a message.
MESSAGES = 60
COLLECTION = "fuzz"

SERVICES = ("qdrant.Collections", "qdrant.Points", "qdrant.Snapshots", "qdrant.Qdrant")
#: A caller's mistakes, refusals and what this server does not have; never INTERNAL or UNKNOWN.
CODES = {
    grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}


def methods():
    pool = descriptor_pool.Default()
    for service in SERVICES:
        yield from pool.FindServiceByName(service).methods


class Maker:
    """Makes messages up, with a taste for edges."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def message(self, descriptor, depth: int = 0):
        made = GetMessageClass(descriptor)()
        oneofs = {oneof.name: self.random.choice(list(oneof.fields))
                  for oneof in descriptor.oneofs if oneof.fields}
        for field in descriptor.fields:
            chosen = field.containing_oneof and oneofs[field.containing_oneof.name]
            if (chosen and chosen is not field) or self.random.random() < 0.35 + 0.06 * depth:
                continue
            self.fill(made, field, depth)
        return made

    def fill(self, made, field, depth: int) -> None:
        if field.message_type and depth > 6:
            return
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = (field.message_type.fields_by_name[each] for each in ("key", "value"))
            for _ in range(self.random.randint(0, 2)):
                entry = getattr(made, field.name)
                name = self.value(key)
                if value.message_type:
                    entry[name].CopyFrom(self.message(value.message_type, depth + 1))
                else:
                    entry[name] = self.value(value)
        elif field.is_repeated:
            for _ in range(self.random.choice([0, 1, 1, 2, 3])):
                if field.message_type:
                    getattr(made, field.name).add().CopyFrom(
                        self.message(field.message_type, depth + 1))
                else:
                    getattr(made, field.name).append(self.value(field))
        elif field.message_type:
            getattr(made, field.name).CopyFrom(self.message(field.message_type, depth + 1))
        else:
            setattr(made, field.name, self.value(field))

    def value(self, field):
        choose = self.random.choice
        kind = field.cpp_type
        if field.name == "collection_name" and self.random.random() < 0.95:
            return COLLECTION
        if kind == FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return choose([b"", b"\x00", b"\xff" * 5])
            return choose([
                "", "a", "n", "t", "a.b[]", "[", "\x00", "x" * 300, "2020-01-01T00:00:00Z", "\u2603",
                "00000000-0000-4000-8000-000000000001", "qdrant/bm25"])
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return choose([True, False])
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return choose([each.number for each in field.enum_type.values] + [99])
        if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
            return choose([0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), -float("inf"), 1e38,
                           1e-40])
        small = choose([0, 1, 2, 3, 10])
        limits = {
            FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
            FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
            FieldDescriptor.CPPTYPE_INT32: (-2**31, 2**31 - 1),
            FieldDescriptor.CPPTYPE_INT64: (-2**63, 2**63 - 1),
        }[kind]
        return choose([small, small, small, *limits])

    def bytes_for(self, descriptor) -> bytes:
        way = self.random.randrange(3)
        if way == 0:
            return self.random.randbytes(self.random.randrange(1, 200))
        message = self.message(descriptor).SerializeToString()
        if way == 1 or not message:
            return message
        changed = bytearray(message)
        for _ in range(self.random.randint(1, 4)):
            where = self.random.randrange(len(changed))
            if self.random.random() < 0.5:
                changed[where] = self.random.randrange(256)
            else:
                changed[where:where + self.random.randrange(4)] = self.random.randbytes(
                    self.random.randrange(4))
            changed = changed or bytearray(b"\x00")
        return bytes(changed)


@pytest.fixture(scope="module")
def fuzzed():
    with apus_server.temporary_server() as running:
        with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
            yield running, channel
        assert running.alive, running.output


def restore(channel) -> None:
    """The collection with some points, whatever was done to it."""
    collections_stub = wire.CollectionsStub(channel)
    exists = collections_stub.CollectionExists(
        wire.CollectionExistsRequest(collection_name=COLLECTION))
    if exists.result.exists:
        return
    vectors = wire.VectorsConfig(params=wire.VectorParams(size=1, distance=wire.Distance.Dot))
    collections_stub.Create(wire.CreateCollection(
        collection_name=COLLECTION, vectors_config=vectors))
    points = [
        wire.PointStruct(
            id=wire.PointId(num=n), payload={"n": wire.Value(integer_value=n)},
            vectors=wire.Vectors(vector=wire.Vector(dense=wire.DenseVector(data=[n]))))
        for n in range(20)]
    wire.PointsStub(channel).Upsert(
        wire.UpsertPoints(collection_name=COLLECTION, points=points, wait=True))


@pytest.mark.parametrize("method", list(methods()), ids=lambda method: method.full_name)
def test_every_message_gets_a_status(fuzzed, method):
    server, channel = fuzzed
    maker = Maker(SEED + sum(map(ord, method.full_name)))
    service, name = method.full_name.rsplit(".", 1)
    call = channel.unary_unary(f"/{service}/{name}")
    codes: collections.Counter = collections.Counter()
    for number in range(MESSAGES):
        if number % 10 == 0:
            restore(channel)
        message = maker.bytes_for(method.input_type)
        try:
            call(message, timeout=60)
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code = error.code()
            assert code in CODES, f"{code} {error.details()}: {message!r}\n{server.output[-2000:]}"
        codes[code] += 1
    assert sum(codes.values()) == MESSAGES and server.alive
