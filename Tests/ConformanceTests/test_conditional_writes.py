"""Upserts and vector updates that write only some of their points."""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, UpdateMode, VectorParams

PLAIN = VectorParams(size=1, distance=Distance.EUCLID)


@pytest.fixture
def own(client, collection):
    name = collection(vectors_config=PLAIN)
    client.upsert(name, [
        PointStruct(id=1, vector=[1], payload={"v": 1}),
        PointStruct(id=2, vector=[2], payload={"v": 2}),
    ])
    return name


def values(client, own) -> dict[int, float]:
    records = client.scroll(own, with_vectors=True)[0]
    return {record.id: record.vector[0] for record in records}


NEW = [PointStruct(id=number, vector=[9], payload={"v": 9}) for number in (1, 2, 3)]
SECOND = models.Filter(
    must=[models.FieldCondition(key="v", match=models.MatchValue(value=2))]
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {1: 9, 2: 9, 3: 9}),
        ({"update_mode": UpdateMode.UPSERT}, {1: 9, 2: 9, 3: 9}),
        ({"update_mode": UpdateMode.INSERT_ONLY}, {1: 1, 2: 2, 3: 9}),
        ({"update_mode": UpdateMode.UPDATE_ONLY}, {1: 9, 2: 9}),
        ({"update_filter": SECOND}, {1: 1, 2: 9, 3: 9}),
        ({"update_filter": SECOND, "update_mode": UpdateMode.UPDATE_ONLY}, {1: 1, 2: 9}),
    ],
    ids=str,
)
def test_upserts_write_what_their_condition_admits(client, own, options, expected):
    client.upsert(own, NEW, **options)
    assert values(client, own) == expected


def test_a_column_batch_has_the_same_conditions(client, own):
    client.upsert(
        own, models.Batch(ids=[2, 3], vectors=[[5], [6]], payloads=[{}, {}]),
        update_mode=UpdateMode.INSERT_ONLY,
    )
    assert values(client, own) == {1: 1, 2: 2, 3: 6}


@pytest.mark.server_only("the in-memory mode ends at the first point that does not match")
def test_vector_updates_write_points_that_match(client, own):
    client.update_vectors(
        own, [models.PointVectors(id=number, vector=[7]) for number in (1, 2)],
        update_filter=SECOND,
    )
    assert values(client, own) == {1: 1, 2: 7}


def test_a_batch_of_operations_has_conditions_too(client, own):
    client.batch_update_points(own, [
        models.UpsertOperation(upsert=models.PointsList(
            points=NEW, update_mode=UpdateMode.INSERT_ONLY
        )),
        models.UpsertOperation(upsert=models.PointsList(
            points=[PointStruct(id=2, vector=[4], payload={"v": 4})], update_filter=SECOND
        )),
    ])
    assert values(client, own) == {1: 1, 2: 4, 3: 9}
