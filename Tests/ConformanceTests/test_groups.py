"""Grouped queries."""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

PLAIN = VectorParams(size=2, distance=Distance.DOT)


@pytest.fixture
def documents(client, collection) -> str:
    """Points 0…29, the larger the better: `doc` is id mod 4 (but none of 3's), `tag` a word."""
    own = collection(vectors_config=PLAIN)
    points = []
    for n in range(30):
        payload = {"tag": "even" if n % 2 == 0 else "odd"}
        if n % 4 != 3:
            payload["doc"] = n % 4
        points.append(PointStruct(id=n, vector=[n, 0], payload=payload))
    client.upsert(own, points)
    return own


def test_groups_hold_the_best_of_each_value(client, documents):
    response = client.query_points_groups(
        documents, group_by="doc", query=[1, 0], limit=10, group_size=2
    )
    groups = [(each.id, [hit.id for hit in each.hits]) for each in response.groups]
    assert groups == [(1, [29, 25]), (0, [28, 24]), (2, [26, 22])]


def test_the_defaults_are_ten_groups_of_three(client, documents):
    response = client.query_points_groups(documents, group_by="doc", query=[1, 0])
    assert [len(each.hits) for each in response.groups] == [3, 3, 3]


def test_limit_counts_groups(client, documents):
    response = client.query_points_groups(
        documents, group_by="doc", query=[1, 0], limit=2, group_size=1
    )
    assert [(each.id, [hit.id for hit in each.hits]) for each in response.groups] == [
        (1, [29]), (0, [28])
    ]


def test_groups_by_a_word_under_a_filter(client, documents):
    below = models.Filter(must=[models.HasIdCondition(has_id=list(range(10)))])
    response = client.query_points_groups(
        documents, group_by="tag", query=[1, 0], query_filter=below, group_size=2,
        with_payload=True,
    )
    assert [(each.id, [hit.id for hit in each.hits]) for each in response.groups] == [
        ("odd", [9, 7]), ("even", [8, 6])
    ]
    assert response.groups[0].hits[0].payload["tag"] == "odd"


def test_a_list_puts_a_point_in_several_groups(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [
        PointStruct(id=1, vector=[3, 0], payload={"k": ["a", "b"]}),
        PointStruct(id=2, vector=[2, 0], payload={"k": ["b"]}),
        PointStruct(id=3, vector=[1, 0], payload={"k": []}),
    ])
    response = client.query_points_groups(own, group_by="k", query=[1, 0])
    groups = {each.id: [hit.id for hit in each.hits] for each in response.groups}
    assert groups == {"a": [1], "b": [1, 2]}


def test_groups_look_their_documents_up(client, documents, collection):
    library = collection(vectors_config={})
    client.upsert(library, [
        PointStruct(id=n, vector={}, payload={"title": f"book {n}", "pages": n}) for n in (0, 1)
    ])
    response = client.query_points_groups(
        documents, group_by="doc", query=[1, 0],
        with_lookup=models.WithLookup(collection=library, with_payload=["title"]),
    )
    found = {each.id: each.lookup for each in response.groups}
    assert found[0].payload == {"title": "book 0"}
    assert found[1].id == 1
    assert found[2] is None


def test_groups_over_a_prefetch(client, collection):
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    client.upsert(own, [
        PointStruct(id=n, vector={"a": [n, 0], "b": [-n, 0]}, payload={"g": n % 2})
        for n in range(10)
    ])
    response = client.query_points_groups(
        own, group_by="g", query=[1, 0], using="b", limit=2, group_size=2,
        prefetch=models.Prefetch(
            query=[1, 0], using="a",
            filter=models.Filter(must=[models.HasIdCondition(has_id=[6, 7, 8, 9])]),
        ),
    )
    groups = {each.id: [hit.id for hit in each.hits] for each in response.groups}
    assert groups == {0: [6, 8], 1: [7, 9]}
