"""Queries: metrics, scores, thresholds, defaults, prefetch, fusion, batches, groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

from failures import fails

PLAIN = VectorParams(size=2, distance=Distance.DOT)


def ids(response) -> list:
    return [each.id for each in response.points]


def field(key: str, value) -> models.Filter:
    """Points whose `key` equals `value`."""
    return models.Filter(
        must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))]
    )


def test_cosine_scores_and_returns_normalised_vectors(client, collection):
    own = collection(vectors_config=VectorParams(size=2, distance=Distance.COSINE))
    client.upsert(own, [
        PointStruct(id=1, vector=[3, 4]), PointStruct(id=2, vector=[0, 2]),
        PointStruct(id=3, vector=[-3, -4]),
    ])
    hits = client.query_points(own, query=[30, 40], with_vectors=True).points
    assert [each.id for each in hits] == [1, 2, 3]
    assert [each.score for each in hits] == pytest.approx([1, 0.8, -1], abs=1e-6)
    assert hits[0].vector == pytest.approx([0.6, 0.8], abs=1e-6)
    [record] = client.retrieve(own, [2], with_vectors=True)
    assert record.vector == pytest.approx([0, 1])


def test_dot_scores_the_larger_the_better(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, -1]) for n in range(1, 5)])
    hits = client.query_points(own, query=[2, 1]).points
    assert [(each.id, each.score) for each in hits] == [(4, 7), (3, 5), (2, 3), (1, 1)]


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(Distance.EUCLID, [(1, 0), (2, 5), (3, 10)]), (Distance.MANHATTAN, [(1, 0), (2, 7), (3, 14)])],
)
def test_a_distance_is_the_score_and_ascends(client, collection, distance, expected):
    own = collection(vectors_config=VectorParams(size=2, distance=distance))
    client.upsert(own, [
        PointStruct(id=3, vector=[6, 8]), PointStruct(id=1, vector=[0, 0]),
        PointStruct(id=2, vector=[3, 4]),
    ])
    hits = client.query_points(own, query=[0, 0]).points
    assert [(each.id, each.score) for each in hits] == expected
    near = client.query_points(own, query=[0, 0], score_threshold=expected[1][1] + 0.5).points
    assert [each.id for each in near] == [1, 2], "a threshold on distances cuts the far ones"


def test_a_threshold_on_similarities_cuts_the_small_ones(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, 0]) for n in range(1, 6)])
    assert ids(client.query_points(own, query=[1, 0], score_threshold=2.5)) == [5, 4, 3]


def test_the_defaults(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, 0], payload={"n": n}) for n in range(20)])
    hits = client.query_points(own, query=[1, 0]).points
    assert len(hits) == 10
    assert hits[0].payload == {"n": 19}, "this client asks for payloads by default"
    assert hits[0].vector is None


def test_limit_and_offset(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, 0]) for n in range(20)])
    assert ids(client.query_points(own, query=[1, 0], limit=3)) == [19, 18, 17]
    assert ids(client.query_points(own, query=[1, 0], limit=3, offset=5)) == [14, 13, 12]
    assert ids(client.query_points(own, query=[1, 0], limit=5, offset=18)) == [1, 0]
    assert ids(client.query_points(own, query=[1, 0], limit=5, offset=500)) == []


@pytest.mark.parametrize("limit", [1_000_000_000, 2**32])
def test_a_limit_of_a_billion_returns_what_there_is(client, collection, limit):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, 0]) for n in range(20)])
    assert len(client.query_points(own, query=[1, 0], limit=limit).points) == 20


@pytest.mark.server_only("the in-memory mode does not check")
def test_limit_zero_is_refused(client, transport, collection):
    own = collection(vectors_config=PLAIN)
    with fails(transport, (400, 422), "limit"):
        client.query_points(own, query=[1, 0], limit=0)


def test_an_empty_collection_has_no_answer_and_no_error(client, collection):
    own = collection(vectors_config=PLAIN)
    assert ids(client.query_points(own, query=[1, 0])) == []
    assert client.scroll(own) == ([], None)


def test_a_filtered_query(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own, [PointStruct(id=n, vector=[n, 0], payload={"m": n % 3}) for n in range(30)]
    )
    assert ids(client.query_points(own, query=[1, 0], query_filter=field("m", 1), limit=4)) == [
        28, 25, 22, 19
    ]
    everything = client.query_points(own, query=[1, 0], query_filter=models.Filter(), limit=2)
    assert ids(everything) == [29, 28], "an empty filter is no filter"


def test_a_query_by_id_leaves_that_point_out(client, collection):
    own = collection(vectors_config=VectorParams(size=2, distance=Distance.EUCLID))
    client.upsert(own, [PointStruct(id=n, vector=[n, 0]) for n in range(6)])
    assert ids(client.query_points(own, query=2, limit=1)) in ([1], [3])
    assert 2 not in ids(client.query_points(own, query=2, limit=10))
    assert len(client.query_points(own, query=2, limit=10).points) == 5


@pytest.mark.server_only("the in-memory mode words it differently")
def test_a_query_by_an_unknown_id_is_not_found(client, transport, collection):
    own = collection(vectors_config=PLAIN)
    with fails(transport, 404, "No point with id 77 found"):
        client.query_points(own, query=77)


def test_a_query_by_id_with_the_vector_of_another_collection(client, collection):
    own = collection(vectors_config=PLAIN)
    other = collection(vectors_config={"v": PLAIN})
    client.upsert(own, [PointStruct(id=n, vector=[n, 10 - n]) for n in range(10)])
    client.upsert(other, [PointStruct(id=3, vector={"v": [0, 1]})])
    hits = client.query_points(
        own, query=3, lookup_from=models.LookupLocation(collection=other, vector="v"), limit=2
    )
    assert ids(hits)[:1] == [0]


def test_no_query_scrolls_by_id(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, 1]) for n in (5, 3, 9, 1)])
    assert ids(client.query_points(own, limit=3)) == [1, 3, 5]


def test_exact_and_approximate_agree_on_a_small_collection(client, collection):
    own = collection(vectors_config=VectorParams(size=16, distance=Distance.COSINE))
    random = np.random.default_rng(11)
    rows = random.normal(size=(1000, 16)).astype(np.float32)
    client.upload_collection(own, vectors=rows, ids=range(1000), wait=True)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for query in random.normal(size=(20, 16)).astype(np.float32):
        cosine = unit @ (query / np.linalg.norm(query))
        expected = np.argsort(-cosine)[:10]
        for parameters in (None, models.SearchParams(exact=True), models.SearchParams(hnsw_ef=128)):
            hits = client.query_points(own, query=query, search_params=parameters).points
            assert [each.id for each in hits] == expected.tolist()
            assert [each.score for each in hits] == pytest.approx(cosine[expected], abs=1e-4)


def test_search_parameters_are_accepted(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=1, vector=[1, 1])])
    hits = client.query_points(
        own, query=[1, 0],
        search_params=models.SearchParams(
            hnsw_ef=64, exact=False, indexed_only=False,
            quantization=models.QuantizationSearchParams(
                ignore=False, rescore=True, oversampling=2.0
            ),
        ),
    )
    assert ids(hits) == [1]


# Prefetch and fusion


@pytest.fixture
def two(client, collection) -> str:
    """Points 1…6 whose order by vector "a" is 1 2 3 4 5 6 and by "b" is 6 5 4 3 2 1."""
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    client.upsert(own, [
        PointStruct(id=n, vector={"a": [10 - n, 0], "b": [n, 0]}, payload={"n": n})
        for n in range(1, 7)
    ])
    return own


def test_a_prefetch_is_rescored_by_the_query(client, two):
    response = client.query_points(
        two, prefetch=models.Prefetch(query=[1, 0], using="a", limit=3),
        query=[1, 0], using="b",
    )
    assert ids(response) == [3, 2, 1]


def test_prefetches_nest(client, two):
    response = client.query_points(
        two,
        prefetch=[
            models.Prefetch(
                prefetch=[models.Prefetch(query=[1, 0], using="a", limit=4)],
                query=[1, 0], using="b", limit=2,
            )
        ],
        query=[1, 0], using="a",
    )
    assert ids(response) == [3, 4]


def test_reciprocal_rank_fusion_counts_from_two(client, two):
    response = client.query_points(
        two,
        prefetch=[
            models.Prefetch(query=[1, 0], using="a", limit=3),
            models.Prefetch(query=[1, 0], using="b", limit=4),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    )
    # a: 1 2 3, b: 6 5 4 3; a score is the sum of 1 / (position + 2).
    scores = {each.id: each.score for each in response.points}
    assert scores == pytest.approx(
        {1: 1 / 2, 6: 1 / 2, 2: 1 / 3, 5: 1 / 3, 3: 1 / 4 + 1 / 5, 4: 1 / 4}, abs=1e-6
    )
    assert set(ids(response)[:2]) == {1, 6} and ids(response)[2] == 3 and ids(response)[5] == 4


def test_distribution_based_fusion_normalises_by_three_sigma(client, two):
    response = client.query_points(
        two,
        prefetch=[
            models.Prefetch(query=[1, 0], using="a", limit=3),
            models.Prefetch(query=[1, 0], using="b", limit=4),
        ],
        query=models.FusionQuery(fusion=models.Fusion.DBSF),
    )
    expected: dict[int, float] = {}
    for found in ({1: 9, 2: 8, 3: 7}, {6: 6, 5: 5, 4: 4, 3: 3}):
        values = list(found.values())
        mean = sum(values) / len(values)
        sigma = math.sqrt(sum((each - mean) ** 2 for each in values) / (len(values) - 1))
        for point, score in found.items():
            low, high = mean - 3 * sigma, mean + 3 * sigma
            expected[point] = expected.get(point, 0) + (score - low) / (high - low)
    scores = {each.id: each.score for each in response.points}
    assert scores == pytest.approx(expected, abs=1e-4)


def test_fusion_obeys_limit_and_threshold(client, two):
    prefetch = [
        models.Prefetch(query=[1, 0], using="a", limit=6),
        models.Prefetch(query=[1, 0], using="b", limit=6),
    ]
    rrf = models.FusionQuery(fusion=models.Fusion.RRF)
    assert len(client.query_points(two, prefetch=prefetch, query=rrf, limit=2).points) == 2
    high = client.query_points(two, prefetch=prefetch, query=rrf, score_threshold=0.6).points
    assert {each.id for each in high} == {1, 6}


@pytest.mark.server_only("the in-memory mode ignores it")
def test_the_filter_of_a_fusion_reaches_its_prefetches(client, two):
    response = client.query_points(
        two,
        prefetch=[
            models.Prefetch(query=[1, 0], using="a", limit=6),
            models.Prefetch(query=[1, 0], using="b", limit=6),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        query_filter=models.Filter(
            must=[models.FieldCondition(key="n", match=models.MatchAny(any=[1, 3]))]
        ),
    )
    # Each prefetch finds 1 and 3 only, in opposite orders.
    scores = {each.id: each.score for each in response.points}
    assert scores == pytest.approx({1: 1 / 2 + 1 / 3, 3: 1 / 2 + 1 / 3}, abs=1e-6)


def test_a_prefetch_has_its_own_filter_and_threshold(client, two):
    response = client.query_points(
        two,
        prefetch=[
            models.Prefetch(query=[1, 0], using="a", filter=field("n", 4), limit=3),
            models.Prefetch(query=[1, 0], using="b", score_threshold=5.5, limit=3),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    )
    assert set(ids(response)) == {4, 6}


@pytest.mark.server_only("the in-memory mode does not check")
def test_fusions_that_mean_nothing_are_refused(client, transport, two):
    prefetch = [models.Prefetch(query=[1, 0], using="a")]
    with fails(transport, 400):
        client.query_points(two, query=models.FusionQuery(fusion=models.Fusion.RRF))
    with fails(transport, 400):
        client.query_points(
            two, prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF), using="a"
        )
    with fails(transport, 400):
        client.query_points(two, prefetch=prefetch)
    with fails(transport, 400):
        client.query_points(two, score_threshold=0.5)


def test_a_batch_answers_each_query_in_its_place(client, two):
    responses = client.query_batch_points(
        two,
        [
            models.QueryRequest(query=[1, 0], using="a", limit=2),
            models.QueryRequest(query=[1, 0], using="b", limit=1, with_payload=True),
            models.QueryRequest(query=[1, 0], using="a", filter=field("n", 5)),
        ],
    )
    assert [ids(each) for each in responses] == [[1, 2], [6], [5]]
    assert not responses[0].points[0].payload, "the wire's default is no payload"
    assert responses[1].points[0].payload == {"n": 6}


@pytest.mark.server_only("the in-memory mode does not check")
def test_one_bad_query_fails_the_batch(client, transport, two):
    with fails(transport, 400, "Not existing vector name error: c"):
        client.query_batch_points(
            two,
            [models.QueryRequest(query=[1, 0], using="a"),
             models.QueryRequest(query=[1, 0], using="c")],
        )
