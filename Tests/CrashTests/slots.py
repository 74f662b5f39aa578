"""What the crash loop writes and what it may find: slots, and the writers that own them.

A *slot* is a fixed set of point ids that one writer upserts, changes in part and deletes as one.
Its state is a pair of versions, one of the vectors and one of the payload; every write call takes
it from one pair to another, so a slot that is half one and half another was torn.
"""

from __future__ import annotations

import random
import threading

import grpc
import numpy as np
from qdrant_client import grpc as wire

COLLECTION = "crash"
DIMENSION = 32
SLOT_POINTS_MAX = 64
SLOTS_PER_WRITER = 60
#: A slot without points: never written, or deleted.
ABSENT = (0, 0)
CHANNEL = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A pool shared with earlier channels would wait a second after each kill before it connects.
    ("grpc.use_local_subchannel_pool", 1),
]

State = tuple[int, int]


class Broken(Exception):
    """A promise that was not kept."""


class Slot:
    """A set of point ids that is written and deleted as one."""

    def __init__(self, number: int, size: int) -> None:
        self.ids = [number * SLOT_POINTS_MAX + index for index in range(size)]
        self.number = number
        self.newest = 0
        #: States that the server may show: the acknowledged one first, then one in flight.
        self.allowed: list[State] = [ABSENT]

    def vector(self, version: int, index: int) -> np.ndarray:
        generator = np.random.default_rng([self.number, version, index])
        return generator.normal(size=DIMENSION).astype(np.float32)

    def text(self, version: int) -> str:
        return f"{self.number}/{version} " * (version % 40)

    def payload(self, version: int) -> dict[str, wire.Value]:
        return {
            "slot": wire.Value(integer_value=self.number),
            "version": wire.Value(integer_value=version),
            "text": wire.Value(string_value=self.text(version)),
        }

    @property
    def id_list(self) -> wire.PointsIdsList:
        return wire.PointsIdsList(ids=[wire.PointId(num=each) for each in self.ids])

    @property
    def by_ids(self) -> wire.PointsSelector:
        return wire.PointsSelector(points=self.id_list)

    @property
    def by_filter(self) -> wire.PointsSelector:
        """The same points, by what their payload says."""
        match = wire.Match(integer=self.number)
        condition = wire.Condition(field=wire.FieldCondition(key="slot", match=match))
        return wire.PointsSelector(filter=wire.Filter(must=[condition]))


# One write call each: it takes the slot to `state`, and needs `wait` to be acknowledged.

def upsert(points: wire.PointsStub, slot: Slot, state: State):
    rows = [
        wire.PointStruct(
            id=wire.PointId(num=identifier),
            vectors=wire.Vectors(vector=wire.Vector(dense=wire.DenseVector(
                data=slot.vector(state[0], index).tolist()))),
            payload=slot.payload(state[1]),
        )
        for index, identifier in enumerate(slot.ids)
    ]
    return points.Upsert(
        wire.UpsertPoints(collection_name=COLLECTION, wait=True, points=rows), timeout=120)


def set_payload(points: wire.PointsStub, slot: Slot, state: State, selector):
    return points.SetPayload(wire.SetPayloadPoints(
        collection_name=COLLECTION, wait=True, payload=slot.payload(state[1]),
        points_selector=selector), timeout=120)


def update_vectors(points: wire.PointsStub, slot: Slot, state: State):
    rows = [
        wire.PointVectors(
            id=wire.PointId(num=identifier),
            vectors=wire.Vectors(vector=wire.Vector(dense=wire.DenseVector(
                data=slot.vector(state[0], index).tolist()))))
        for index, identifier in enumerate(slot.ids)
    ]
    return points.UpdateVectors(
        wire.UpdatePointVectors(collection_name=COLLECTION, wait=True, points=rows), timeout=120)


def delete(points: wire.PointsStub, slot: Slot, selector):
    return points.Delete(wire.DeletePoints(
        collection_name=COLLECTION, wait=True, points=selector), timeout=120)


class Writer(threading.Thread):
    """Writes to slots of its own until its calls fail or it is told to stop."""

    def __init__(self, number: int, slots: list[Slot], address: str, seed: str) -> None:
        super().__init__(daemon=True)
        self.number, self.slots, self.address = number, slots, address
        self.random = random.Random(seed)
        self.acknowledged = 0
        self.failure: str | None = None
        self.stopping = False

    def run(self) -> None:
        with grpc.insecure_channel(self.address, options=CHANNEL) as channel:
            points = wire.PointsStub(channel)
            while not self.stopping:
                try:
                    self.write(points)
                except grpc.RpcError as error:
                    # Only a connection that broke may end a call: that was the kill.
                    if error.code() not in (
                        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                    ):
                        self.failure = f"{error.code()}: {error.details()}"
                    return

    def write(self, points: wire.PointsStub) -> None:
        slot = self.pick()
        present = slot.allowed[0]
        next_version = slot.newest + 1
        selector = slot.by_filter if self.random.random() < 0.5 else slot.by_ids
        chance = self.random.random() if present != ABSENT else 1.0
        if chance < 0.15:
            state, call = ABSENT, lambda: delete(points, slot, selector)
        elif chance < 0.3:
            state = (present[0], next_version)
            call = lambda: set_payload(points, slot, state, selector)
        elif chance < 0.4:
            state = (next_version, present[1])
            call = lambda: update_vectors(points, slot, state)
        else:
            state = (next_version, next_version)
            call = lambda: upsert(points, slot, state)
        slot.newest = max(slot.newest, *state)
        slot.allowed = [present, state]
        reply = call()
        if reply.result.status != wire.UpdateStatus.Completed:
            self.failure = f"wait=true was answered with status {reply.result.status}"
            self.stopping = True
        slot.allowed = [state]
        self.acknowledged += 1

    def pick(self) -> Slot:
        if len(self.slots) < SLOTS_PER_WRITER and self.random.random() < 0.5:
            number = self.number * SLOTS_PER_WRITER + len(self.slots)
            self.slots.append(Slot(number, self.random.randint(1, SLOT_POINTS_MAX)))
            return self.slots[-1]
        return self.random.choice(self.slots) if self.slots else self.pick()


# What is found

Found = dict[int, dict[int, wire.RetrievedPoint]]


def scroll(points: wire.PointsStub, collection: str = COLLECTION) -> Found:
    """Everything in a collection, by slot and id."""
    found: Found = {}
    offset = None
    while True:
        page = points.Scroll(wire.ScrollPoints(
            collection_name=collection, limit=1000, offset=offset,
            with_payload=wire.WithPayloadSelector(enable=True),
            with_vectors=wire.WithVectorsSelector(enable=True),
        ), timeout=120)
        for each in page.result:
            slot = each.payload["slot"].integer_value
            if each.id.num in found.setdefault(slot, {}):
                raise Broken(f"point {each.id.num} was listed twice in {collection}")
            found[slot][each.id.num] = each
        if not page.HasField("next_page_offset"):
            break
        offset = page.next_page_offset
    total = sum(len(each) for each in found.values())
    counted = points.Count(
        wire.CountPoints(collection_name=collection, exact=True), timeout=120
    ).result.count
    if counted != total:
        raise Broken(f"{collection}: count says {counted}, scroll listed {total}")
    return found


def state_of(slot: Slot, found: dict[int, wire.RetrievedPoint]) -> State:
    """The one state that all points of a slot are in, every number as it was sent."""
    if not found:
        return ABSENT
    versions = {each.payload["version"].integer_value for each in found.values()}
    if len(versions) > 1:
        raise Broken(f"slot {slot.number} is half applied: payloads {sorted(versions)}")
    if sorted(found) != slot.ids:
        raise Broken(
            f"slot {slot.number} is half applied: {len(found)} of {len(slot.ids)} points")
    payload = versions.pop()
    first = data_of(found[slot.ids[0]])
    vectors = next(
        (each for each in range(1, slot.newest + 1) if np.array_equal(first, slot.vector(each, 0))),
        None)
    if vectors is None:
        raise Broken(f"point {slot.ids[0]} has a vector that nobody wrote")
    for index, identifier in enumerate(slot.ids):
        if not np.array_equal(data_of(found[identifier]), slot.vector(vectors, index)):
            raise Broken(f"slot {slot.number} is half applied: point {identifier} has another "
                         f"vector than version {vectors}")
        if found[identifier].payload["text"].string_value != slot.text(payload):
            raise Broken(f"point {identifier} has another payload than version {payload}")
    return (vectors, payload)


def data_of(point: wire.RetrievedPoint) -> np.ndarray:
    vector = point.vectors.vector
    return np.float32(vector.dense.data if vector.HasField("dense") else vector.data)


def verify(address: str, slots: list[Slot]) -> int:
    """Compares the whole collection with what was promised; gives the number of points."""
    with grpc.insecure_channel(address, options=CHANNEL) as channel:
        points = wire.PointsStub(channel)
        found = scroll(points)
        total = sum(len(each) for each in found.values())
        for slot in slots:
            state = state_of(slot, found.pop(slot.number, {}))
            if state not in slot.allowed:
                raise Broken(
                    f"slot {slot.number} is at {state}, acknowledged is {slot.allowed[0]} "
                    f"(allowed {slot.allowed}; {ABSENT} means absent)")
            slot.allowed = [state]
        if found:
            raise Broken(f"slots that nobody wrote: {sorted(found)}")
        check_search(points, [each for each in slots if each.allowed[0] != ABSENT][:20])
    return total


def check_search(points: wire.PointsStub, slots: list[Slot]) -> None:
    """A stored vector is its own nearest neighbour."""
    for slot in slots:
        vector = slot.vector(slot.allowed[0][0], 0).tolist()
        nearest = wire.Query(nearest=wire.VectorInput(dense=wire.DenseVector(data=vector)))
        reply = points.Query(
            wire.QueryPoints(collection_name=COLLECTION, query=nearest, limit=1), timeout=120
        )
        if [each.id.num for each in reply.result] != slot.ids[:1]:
            raise Broken(f"a search does not find point {slot.ids[0]} by its own vector")
