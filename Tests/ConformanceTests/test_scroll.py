"""Scrolling: order, pages, limits, filters."""

from __future__ import annotations

import random
import uuid

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

from failures import fails

PLAIN = VectorParams(size=2, distance=Distance.DOT)


@pytest.fixture
def mixed(client, collection):
    """A collection with numeric and UUID ids, upserted in random order; and its ids in order."""
    own = collection(vectors_config=PLAIN)
    numbers = [1, 2, 3, 10, 256, 257, 65_536, 2**40]
    names = sorted(str(uuid.uuid5(uuid.NAMESPACE_DNS, str(n))) for n in range(8))
    shuffled: list = [*numbers, *names]
    random.Random(4).shuffle(shuffled)
    client.upsert(own, [PointStruct(id=each, vector=[1, 1], payload={"k": 1}) for each in shuffled])
    return own, [*numbers, *names]


def test_numbers_come_before_uuids_each_in_order(client, mixed):
    own, ordered = mixed
    records, following = client.scroll(own, limit=100)
    assert [each.id for each in records] == ordered
    assert following is None


def test_the_next_offset_is_the_first_id_not_returned(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[1, 1]) for n in (1, 2, 3, 4, 5)])
    records, following = client.scroll(own, limit=3)
    assert [each.id for each in records] == [1, 2, 3]
    assert following == 4
    records, following = client.scroll(own, limit=3, offset=following)
    assert [each.id for each in records] == [4, 5]
    assert following is None


@pytest.mark.parametrize("limit", [1, 3, 7, 16])
def test_pages_together_are_the_whole(client, mixed, limit):
    own, ordered = mixed
    seen, offset = [], None
    for _ in range(len(ordered) + 1):
        records, offset = client.scroll(own, limit=limit, offset=offset)
        seen += [each.id for each in records]
        if offset is None:
            break
    assert seen == ordered


def test_an_offset_between_ids_starts_at_the_next_one(client, mixed):
    own, _ = mixed
    records, _ = client.scroll(own, limit=2, offset=11)
    assert [each.id for each in records] == [256, 257]


@pytest.mark.parametrize("limit", [999_999_999, 2**31 - 1])
def test_a_huge_limit_costs_nothing(client, mixed, limit):
    own, ordered = mixed
    records, following = client.scroll(own, limit=limit)
    assert [each.id for each in records] == ordered and following is None


def test_the_defaults(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[1, 1], payload={"n": n}) for n in range(15)])
    records, following = client.scroll(own)
    assert len(records) == 10 and following == 10
    assert records[3].payload == {"n": 3}
    assert records[3].vector is None


def test_a_filter_and_its_pages(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own, [PointStruct(id=n, vector=[1, 1], payload={"odd": n % 2 == 1}) for n in range(20)]
    )
    odd = models.Filter(
        must=[models.FieldCondition(key="odd", match=models.MatchValue(value=True))]
    )
    records, following = client.scroll(own, scroll_filter=odd, limit=4)
    assert [each.id for each in records] == [1, 3, 5, 7]
    seen = [each.id for each in records]
    while following is not None:
        records, following = client.scroll(own, scroll_filter=odd, limit=4, offset=following)
        seen += [each.id for each in records]
    assert seen == list(range(1, 20, 2))


def test_vectors_on_request(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=1, vector=[1, 2])])
    records, _ = client.scroll(own, with_vectors=True, with_payload=False)
    assert records[0].vector == [1, 2] and not records[0].payload


@pytest.mark.server_only("the in-memory mode does not check")
def test_limit_zero_is_refused(client, transport, mixed):
    own, _ = mixed
    with fails(transport, (400, 422), "limit"):
        client.scroll(own, limit=0)


@pytest.mark.server_only("the in-memory mode does not check")
def test_ordering_without_an_index_names_the_field(client, transport, mixed):
    own, _ = mixed
    with fails(transport, 400, "k"):
        client.scroll(own, order_by="k")
