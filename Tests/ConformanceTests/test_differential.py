"""Random points and questions, asked of the server and of the client's own in-memory mode.

The questions keep to rules on which both are known to agree. Scores may differ by 1e-4, and points
whose scores are that close may change places.
"""

from __future__ import annotations

import json
import random
import uuid

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.models import (
    Distance, FieldCondition, Filter, MatchAny, MatchValue, PointStruct, Range, SparseVector,
    VectorParams,
)

pytestmark = pytest.mark.server_only("compares the server with the in-memory mode")

DIMENSION = 8
POINTS = 200
WORDS = ["red", "green", "blue", "grey", "Grün", "赤"]


class Questions:
    """Seeded points, filters and queries."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.ids: list = [
            str(uuid.UUID(int=self.random.getrandbits(128))) if self.random.random() < 0.3
            else self.random.randrange(2**40)
            for _ in range(POINTS)
        ]

    def dense(self) -> list[float]:
        return self.numbers.normal(size=DIMENSION).astype(np.float32).tolist()

    def sparse(self) -> SparseVector:
        indices = self.random.sample(range(40), self.random.randint(1, 8))
        return SparseVector(indices=indices, values=[self.random.uniform(0.1, 2) for _ in indices])

    def payload(self) -> dict:
        chance = self.random
        payload: dict = {"group": chance.randrange(12)}
        if chance.random() < 0.8:
            payload["word"] = chance.choice(WORDS)
        if chance.random() < 0.5:
            payload["tags"] = chance.sample(WORDS, chance.randint(1, 3))
        if chance.random() < 0.7:
            payload["price"] = round(chance.uniform(-10, 10), 3)
        if chance.random() < 0.7:
            payload["items"] = [
                {"size": chance.randrange(5), "kind": chance.choice("abc")}
                for _ in range(chance.randint(1, 3))
            ]
        if chance.random() < 0.5:
            payload["at"] = {"lon": chance.uniform(-170, 170), "lat": chance.uniform(-80, 80)}
        return payload

    def point(self, identifier) -> PointStruct:
        vectors: dict = {"d": self.dense(), "s": self.sparse()}
        if self.random.random() < 0.2:
            del vectors[self.random.choice(["d", "s"])]
        return PointStruct(id=identifier, vector=vectors, payload=self.payload())

    def condition(self, depth: int):
        chance = self.random
        kind = chance.randrange(9 if depth > 0 else 8)
        if kind == 0:
            return FieldCondition(key="word", match=MatchValue(value=chance.choice(WORDS)))
        if kind == 1:
            return FieldCondition(key="tags", match=MatchAny(any=chance.sample(WORDS, 2)))
        if kind == 2:
            low = chance.uniform(-10, 5)
            return FieldCondition(key="price", range=Range(gte=low, lt=low + 6))
        if kind == 3:
            return models.IsEmptyCondition(is_empty=models.PayloadField(key="word"))
        if kind == 4:
            return models.HasIdCondition(has_id=chance.sample(self.ids, 40))
        if kind == 5:
            return models.NestedCondition(nested=models.Nested(key="items", filter=Filter(must=[
                FieldCondition(key="size", range=Range(gt=chance.randrange(4))),
                FieldCondition(key="kind", match=MatchValue(value=chance.choice("abc"))),
            ])))
        if kind == 6:
            return FieldCondition(
                key="items[].size", match=MatchAny(any=[chance.randrange(5), chance.randrange(5)])
            )
        if kind == 7:
            return FieldCondition(key="at", geo_radius=models.GeoRadius(
                center=models.GeoPoint(lon=chance.uniform(-170, 170), lat=chance.uniform(-80, 80)),
                radius=4_000_000,
            ))
        return self.filter(depth - 1)

    def filter(self, depth: int = 2) -> Filter:
        def some(most: int) -> list:
            return [self.condition(depth) for _ in range(self.random.randint(1, most))]

        parts: dict = {}
        if self.random.random() < 0.5:
            parts["must"] = some(2)
        if self.random.random() < 0.5:
            parts["should"] = some(3)
        if self.random.random() < 0.3:
            parts["must_not"] = some(2)
        if self.random.random() < 0.15:
            conditions = [self.condition(0) for _ in range(4)]
            parts["min_should"] = models.MinShould(conditions=conditions, min_count=2)
        return Filter(**parts)


def assert_same_ranking(ours, theirs, question) -> None:
    """Equal scores to 1e-4 at each place; equal ids among scores that differ by more."""
    assert len(ours) == len(theirs), question
    scores = [each.score for each in theirs]
    assert [each.score for each in ours] == pytest.approx(scores, abs=1e-4, rel=1e-4), question
    last = scores[-1] if scores else 0
    # At the end of the list, ties may have chosen other points.
    mine = {each.id for each in ours if abs(each.score - last) > 1e-3}
    other = {each.id for each in theirs if abs(each.score - last) > 1e-3}
    assert mine == other, question


@pytest.mark.parametrize("distance", list(Distance))
def test_the_server_answers_as_the_in_memory_mode_does(client, collection, distance):
    questions = Questions(seed=[*Distance].index(distance) + 100)
    local = QdrantClient(":memory:")
    options = {
        "vectors_config": {"d": VectorParams(size=DIMENSION, distance=distance)},
        "sparse_vectors_config": {"s": models.SparseVectorParams()},
    }
    own = collection(**options)
    local.create_collection(own, **options)
    both = (client, local)

    points = [questions.point(each) for each in questions.ids]
    for each in both:
        for start in range(0, POINTS, 50):
            each.upsert(own, points[start:start + 100])
    changed = [questions.point(each) for each in questions.random.sample(questions.ids, 60)]
    gone = questions.random.sample(questions.ids, 40)
    for each in both:
        each.upsert(own, changed)
        each.delete(own, gone)
        present = [one for one in questions.ids[:30] if one not in gone]
        each.set_payload(own, {"price": 1.5, "new": ["x"]}, points=present)

    for number in range(40):
        tree = questions.filter()
        question = f"{distance} question {number}: {tree.model_dump(exclude_none=True)}"
        ours, theirs = (
            sorted((str(record.id), json.dumps(record.payload, sort_keys=True)) for record in
                   each.scroll(own, scroll_filter=tree, limit=POINTS)[0])
            for each in both
        )
        assert ours == theirs, question
        assert client.count(own, count_filter=tree).count == len(ours), question
        dense, sparse = questions.dense(), questions.sparse()
        limit = questions.random.choice([1, 5, 50])
        for query, using in ((dense, "d"), (sparse, "s")):
            ours, theirs = (
                each.query_points(own, query=query, using=using, query_filter=tree, limit=limit)
                .points
                for each in both
            )
            assert_same_ranking(ours, theirs, question)
    local.close()
