"""Recommendations and discoveries as clients before the one query method send them.

They answer as the queries that replaced them do.
"""

from __future__ import annotations

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

import conftest


@pytest.fixture(scope="module")
def points(server):
    name = "older-queries"
    client = conftest.connect(server, "rest")
    client.create_collection(name, vectors_config=VectorParams(size=2, distance=Distance.DOT))
    client.upsert(name, [
        PointStruct(id=n, vector=[n, (n * 7) % 5], payload={"odd": n % 2}) for n in range(1, 12)
    ])
    yield name, client
    client.delete_collection(name)
    client.close()


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield wire.PointsStub(channel)


def asked(points, query) -> list[tuple]:
    name, client = points
    points = client.query_points(name, query=query, limit=4).points
    return [(each.id, rounded(each.score)) for each in points]


def rounded(score: float) -> float:
    """gRPC carries scores as 32-bit floats."""
    return round(score, 5)


RECOMMEND = models.RecommendQuery(recommend=models.RecommendInput(
    positive=[3], negative=[5], strategy=models.RecommendStrategy.SUM_SCORES
))
DISCOVER = models.DiscoverQuery(discover=models.DiscoverInput(
    target=4, context=[models.ContextPair(positive=6, negative=2)]
))
CONTEXT = models.ContextQuery(context=[models.ContextPair(positive=6, negative=2)])

RECOMMEND_BODY = {"positive": [3], "negative": [5], "strategy": "sum_scores", "limit": 4}
PAIRS = [{"positive": 6, "negative": 2}]


def test_over_rest(points, rest):
    name, _ = points
    root = f"/collections/{name}/points"

    def pairs(result) -> list[tuple]:
        return [(each["id"], rounded(each["score"])) for each in result]

    found = rest("POST", f"{root}/recommend", RECOMMEND_BODY).result
    assert pairs(found) == asked(points, RECOMMEND)
    discover = {"target": 4, "context": PAIRS, "limit": 4}
    assert pairs(rest("POST", f"{root}/discover", discover).result) == asked(points, DISCOVER)
    context = {"context": PAIRS, "limit": 4}
    assert pairs(rest("POST", f"{root}/discover", context).result) == asked(points, CONTEXT)
    batch = rest("POST", f"{root}/recommend/batch", {"searches": [RECOMMEND_BODY] * 2}).result
    assert [pairs(each) for each in batch] == [asked(points, RECOMMEND)] * 2
    batch = rest("POST", f"{root}/discover/batch", {"searches": [discover, context]}).result
    assert [pairs(each) for each in batch] == [asked(points, DISCOVER), asked(points, CONTEXT)]
    groups = rest(
        "POST", f"{root}/recommend/groups", {**RECOMMEND_BODY, "group_by": "odd", "group_size": 1}
    ).result["groups"]
    assert {each["id"] for each in groups} == {0, 1}
    reply = rest("POST", f"{root}/discover", {"limit": 4})
    assert reply.status == 422 and "target" in reply.error


def test_over_grpc(points, stub):
    name, _ = points

    def pairs(result) -> list[tuple]:
        return [(each.id.num, rounded(each.score)) for each in result]

    def point(number: int) -> wire.PointId:
        return wire.PointId(num=number)

    def example(number: int) -> wire.VectorExample:
        return wire.VectorExample(id=point(number))

    recommend = wire.RecommendPoints(
        collection_name=name, positive=[point(3)], negative=[point(5)], limit=4,
        strategy=wire.RecommendStrategy.SumScores,
    )
    assert pairs(stub.Recommend(recommend).result) == asked(points, RECOMMEND)
    pair = wire.ContextExamplePair(positive=example(6), negative=example(2))
    discover = wire.DiscoverPoints(
        collection_name=name, target=wire.TargetVector(single=example(4)), context=[pair], limit=4
    )
    assert pairs(stub.Discover(discover).result) == asked(points, DISCOVER)
    context = wire.DiscoverPoints(collection_name=name, context=[pair], limit=4)
    reply = stub.DiscoverBatch(wire.DiscoverBatchPoints(
        collection_name=name, discover_points=[discover, context]
    ))
    assert [pairs(each.result) for each in reply.result] == [
        asked(points, DISCOVER), asked(points, CONTEXT)
    ]
