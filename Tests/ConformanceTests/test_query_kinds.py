"""Every kind of query, asked of the server and of the client's own in-memory mode on random points.

Where the in-memory mode is known to differ from servers of this interface, the questions keep away:
it sorts relevance feedback the wrong way round under distances, applies MMR's offset before the
selection, and knows nothing of points without the vector.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.models import Distance, PointStruct, SparseVector, VectorParams

from failures import fails
from test_differential import assert_same_ranking

pytestmark = pytest.mark.server_only("compares the server with the in-memory mode")

POINTS = 120
DIMENSION = 6
FIELDS = ["d", "s", "m"]


class Points:
    """Seeded points with a dense, a sparse and a multi vector, and payload."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.points = [self.point(number) for number in range(1, POINTS + 1)]

    def dense(self) -> list[float]:
        return self.random.normal(size=DIMENSION).astype(np.float32).tolist()

    def sparse(self) -> SparseVector:
        count = int(self.random.integers(1, 9))
        indices = self.random.choice(30, size=count, replace=False).tolist()
        return SparseVector(
            indices=indices, values=self.random.uniform(0.1, 2, size=count).tolist()
        )

    def multi(self) -> list[list[float]]:
        return [self.dense() for _ in range(int(self.random.integers(1, 4)))]

    def vector(self, field: str):
        return {"d": self.dense, "s": self.sparse, "m": self.multi}[field]()

    def point(self, number: int) -> PointStruct:
        payload = {
            "group": int(self.random.integers(4)),
            "price": round(float(self.random.uniform(0.5, 20)), 3),
            "day": f"2024-03-{1 + int(self.random.integers(28)):02}T12:00:00Z",
            "at": {
                "lon": round(float(self.random.uniform(-170, 170)), 4),
                "lat": round(float(self.random.uniform(-80, 80)), 4),
            },
            "nested": {"rank": [int(self.random.integers(9))]},
        }
        if number % 3 == 0:
            payload["rating"] = float(number % 7)
        return PointStruct(
            id=number, payload=payload,
            vector={"d": self.dense(), "s": self.sparse(), "m": self.multi()},
        )


@pytest.fixture(params=list(Distance), ids=lambda each: each.value)
def both(request, client, collection):
    """A function that puts one question to both, and the points that both have."""
    distance = request.param
    points = Points(seed=[*Distance].index(distance))
    options = {
        "vectors_config": {
            "d": VectorParams(size=DIMENSION, distance=distance),
            "m": VectorParams(
                size=DIMENSION, distance=distance,
                multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM
                ),
            ),
        },
        "sparse_vectors_config": {
            "s": models.SparseVectorParams(modifier=models.Modifier.IDF),
        },
    }
    own = collection(**options)
    local = QdrantClient(":memory:")
    local.create_collection(own, **options)
    for each in (client, local):
        each.upsert(own, points.points)

    def ask(method: str = "query_points", **question):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [
                getattr(each, method)(own, **question) for each in (client, local)
            ]

    ask.points = points
    ask.distance = distance
    ask.own = own
    yield ask
    local.close()


#: For what does not depend on the metric.
once = pytest.mark.parametrize("both", [Distance.COSINE], indirect=True, ids=["Cosine"])


def assert_same(both, **question) -> None:
    ours, theirs = both(limit=15, **question)
    assert_same_ranking(ours.points, theirs.points, question)


FILTER = models.Filter(
    must=[models.FieldCondition(key="group", range=models.Range(gte=1))]
)


@pytest.mark.parametrize("field", FIELDS)
def test_nearest(both, field):
    for _ in range(3):
        assert_same(both, query=both.points.vector(field), using=field)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("strategy", list(models.RecommendStrategy))
def test_recommend(both, field, strategy):
    if strategy == models.RecommendStrategy.AVERAGE_VECTOR:
        # Servers normalise examples that are vectors in other places than the in-memory mode.
        examples = [[3, 5], [7]]
    else:
        examples = [[3, both.points.vector(field)], [7, both.points.vector(field)]]
    for positive, negative in ((examples[0], examples[1]), (examples[0], None)):
        query = models.RecommendQuery(recommend=models.RecommendInput(
            positive=positive, negative=negative, strategy=strategy,
        ))
        assert_same(both, query=query, using=field)
        assert_same(both, query=query, using=field, query_filter=FILTER)
    if strategy != models.RecommendStrategy.AVERAGE_VECTOR:
        assert_same(both, using=field, query=models.RecommendQuery(
            recommend=models.RecommendInput(negative=examples[1], strategy=strategy)
        ))


@pytest.mark.parametrize("field", FIELDS)
def test_discover_and_context(both, field):
    def pair():
        return models.ContextPair(
            positive=both.points.vector(field), negative=both.points.vector(field)
        )

    pairs = [pair(), models.ContextPair(positive=4, negative=9), pair()]
    for count in (1, 3):
        assert_same(both, using=field, query=models.DiscoverQuery(
            discover=models.DiscoverInput(
                target=both.points.vector(field), context=pairs[:count]
            )
        ))
        assert_same(
            both, using=field, query=models.ContextQuery(context=pairs[:count]),
            query_filter=FILTER,
        )
    assert_same(both, using=field, query=models.DiscoverQuery(
        discover=models.DiscoverInput(target=12, context=pairs)
    ))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.5, 1.0])
def test_mmr(both, field, diversity):
    query = models.NearestQuery(
        nearest=both.points.vector(field),
        mmr=models.Mmr(diversity=diversity, candidates_limit=40),
    )
    ours, theirs = both(query=query, using=field, limit=10)
    # In the order in which they were picked, which is not that of the scores.
    assert [each.id for each in ours.points] == [each.id for each in theirs.points]
    assert [each.score for each in ours.points] == pytest.approx(
        [each.score for each in theirs.points], abs=1e-4, rel=1e-4
    )


def test_relevance_feedback(both):
    if both.distance in (Distance.EUCLID, Distance.MANHATTAN):
        pytest.skip("the in-memory mode sorts it the wrong way round")
    for _ in range(3):
        assert_same(both, using="d", query=models.RelevanceFeedbackQuery(
            relevance_feedback=models.RelevanceFeedbackInput(
                target=both.points.dense(),
                feedback=[
                    models.FeedbackItem(example=both.points.dense(), score=0.9),
                    models.FeedbackItem(example=8, score=0.4),
                    models.FeedbackItem(example=both.points.dense(), score=0.1),
                ],
                strategy=models.NaiveFeedbackStrategy(
                    naive=models.NaiveFeedbackStrategyParams(a=0.7, b=1.3, c=0.4)
                ),
            )
        ))


def prefetches(both) -> list[models.Prefetch]:
    return [
        models.Prefetch(query=both.points.vector(field), using=field, limit=limit)
        for field, limit in (("d", 30), ("s", 20), ("m", 10))
    ]


@once
def test_reciprocal_rank_fusion_with_its_parameters(both):
    for rrf in (
        models.Rrf(), models.Rrf(k=60), models.Rrf(weights=[2.0, 0.5, 1.0]),
        models.Rrf(k=1, weights=[0.0, 3.0, 1.5]),
    ):
        ours, theirs = both(
            query=models.RrfQuery(rrf=rrf), prefetch=prefetches(both), limit=25
        )
        assert_same_ranking(ours.points, theirs.points, rrf)


def expressions():
    """Formulas that use every kind of expression."""
    constant = 2.5
    price = "price"
    day = models.DatetimeKeyExpression(datetime_key="day")
    march = models.DatetimeExpression(datetime="2024-03-10T00:00:00Z")
    away = models.GeoDistance(geo_distance=models.GeoDistanceParams(
        origin=models.GeoPoint(lon=13.4, lat=52.5), to="at"
    ))
    cheap = models.FieldCondition(key="price", range=models.Range(lt=8))
    decay = {"x": price, "target": 10.0, "scale": 4.0, "midpoint": 0.3}
    yield "score", "$score"
    yield "score[1]", "$score[1]"
    yield "constant", models.SumExpression(sum=["$score", constant])
    yield "condition", models.MultExpression(mult=[
        models.SumExpression(sum=["$score[0]", 3.0]), cheap
    ])
    yield "conditions", models.SumExpression(sum=[
        models.HasIdCondition(has_id=[1, 2, 3]),
        models.Filter(must_not=[cheap]),
        models.IsEmptyCondition(is_empty=models.PayloadField(key="rating")),
        models.MultExpression(mult=[0.01, price]),
    ])
    yield "default", models.SumExpression(sum=["rating", models.MultExpression(
        mult=[0.001, price]
    )])
    yield "path", models.SumExpression(sum=["nested.rank", models.MultExpression(
        mult=[0.001, price]
    )])
    yield "div", models.DivExpression(div=models.DivParams(left=price, right="rating",
                                                           by_zero_default=-1.0))
    yield "sqrt", models.SqrtExpression(sqrt=price)
    yield "pow", models.PowExpression(pow=models.PowParams(base=price, exponent=1.5))
    yield "exp", models.ExpExpression(exp=models.NegExpression(neg=price))
    yield "ln", models.LnExpression(ln=price)
    yield "log10", models.Log10Expression(log10=price)
    yield "abs", models.AbsExpression(abs=models.SumExpression(sum=[price, -10.0]))
    yield "datetime", models.DivExpression(div=models.DivParams(
        left=models.SumExpression(sum=[day, models.NegExpression(neg=march)]), right=86400.0
    ))
    yield "geo", models.DivExpression(div=models.DivParams(left=away, right=1000.0))
    yield "lin", models.LinDecayExpression(lin_decay=models.DecayParamsExpression(**decay))
    yield "exp decay", models.ExpDecayExpression(
        exp_decay=models.DecayParamsExpression(**decay)
    )
    yield "gauss", models.GaussDecayExpression(
        gauss_decay=models.DecayParamsExpression(**decay)
    )
    yield "decay defaults", models.ExpDecayExpression(
        exp_decay=models.DecayParamsExpression(x=models.MultExpression(mult=[0.1, price]))
    )
    yield "decay of a time", models.GaussDecayExpression(
        gauss_decay=models.DecayParamsExpression(x=day, target=march, scale=864000.0)
    )


@once
@pytest.mark.parametrize(
    "expression", [each for _, each in expressions()], ids=[name for name, _ in expressions()]
)
def test_formula(both, expression):
    query = models.FormulaQuery(
        formula=expression, defaults={"rating": 0.25, "$score[1]": -3.0}
    )
    ours, theirs = both(query=query, prefetch=prefetches(both)[:2], limit=60)
    # gRPC carries constants as 32-bit floats.
    assert_same_ranking(ours.points, theirs.points, expression)
    ours, theirs = both(
        query=query, prefetch=prefetches(both)[:2], limit=5, offset=3, score_threshold=0.1
    )
    assert_same_ranking(ours.points, theirs.points, expression)


@once
def test_formula_errors(client, transport, both):
    def ask(formula, defaults=None):
        client.query_points(
            both.own, query=models.FormulaQuery(formula=formula, defaults=defaults),
            prefetch=prefetches(both)[:1],
        )

    with fails(transport, 400, "rating"):
        ask("rating")
    with fails(transport, 400, "number", "day"):
        ask("day")
    with fails(transport, 400, "number", "at"):
        ask("at")
    with fails(transport, 400, "non-finite"):
        ask(models.DivExpression(div=models.DivParams(left=1.0, right=0.0)))
    with fails(transport, 400, "non-finite", "ln"):
        ask(models.LnExpression(ln=models.NegExpression(neg="price")))
    with fails(transport, 400, "non-finite"):
        ask(models.SqrtExpression(sqrt=-1.0))
    with fails(transport, 400, "datetime", "price"):
        ask(models.DatetimeKeyExpression(datetime_key="price"))
    with fails(transport, 400, "geo", "price"):
        ask(models.GeoDistance(geo_distance=models.GeoDistanceParams(
            origin=models.GeoPoint(lon=0, lat=0), to="price"
        )))
    with fails(transport, (400, 422), "midpoint"):
        ask(models.ExpDecayExpression(exp_decay=models.DecayParamsExpression(
            x="price", midpoint=1.0
        )))
    with fails(transport, (400, 422), "scale"):
        ask(models.ExpDecayExpression(exp_decay=models.DecayParamsExpression(
            x="price", scale=0.0
        )))
    with fails(transport, 400, "variable"):
        ask("$score[x]")
    with fails(transport, 400, "prefetch"):
        client.query_points(both.own, query=models.FormulaQuery(formula="$score"))
    # A factor of 0 keeps what is behind it from being computed, and so does a dividend of 0.
    ask(models.MultExpression(mult=[0.0, "rating"]))
    ask(models.DivExpression(div=models.DivParams(left=0.0, right=0.0)))


@once
def test_facets(client, both):
    for key in ("group", "nested.rank", "missing"):
        for tree in (None, FILTER):
            ours, theirs = both("facet", key=key, facet_filter=tree, limit=3)
            assert ours.hits == theirs.hits, key
    before = both("facet", key="group")[0].hits
    client.create_payload_index(both.own, "group", models.PayloadSchemaType.INTEGER)
    client.create_payload_index(both.own, "nested.rank", models.PayloadSchemaType.INTEGER)
    assert both("facet", key="group", exact=True)[0].hits == before
    client.delete(both.own, points_selector=[1, 2, 3])
    after = both("facet", key="group")[0].hits
    assert sum(each.count for each in after) == POINTS - 3
    values = [each.value for each in after]
    assert all(isinstance(each, int) for each in values)


@pytest.mark.parametrize("field", FIELDS)
def test_matrix(client, both, field):
    """With a sample of all points there is nothing random in it."""
    few = models.Filter(must=[models.HasIdCondition(has_id=list(range(1, 26)))])
    question = {"query_filter": few, "sample": 30, "limit": 4, "using": field}
    ours, theirs = both("search_matrix_pairs", **question)
    assert len(ours.pairs) == len(theirs.pairs)
    mine = {(each.a, each.b): each.score for each in ours.pairs}
    other = {(each.a, each.b): each.score for each in theirs.pairs}
    assert mine == pytest.approx(other, abs=1e-4, rel=1e-4)
    offsets = client.search_matrix_offsets(both.own, **question)
    assert offsets.ids == sorted(offsets.ids) and len(offsets.ids) == 25
    assert {
        (offsets.ids[row], offsets.ids[column]): score
        for row, column, score in zip(
            offsets.offsets_row, offsets.offsets_col, offsets.scores, strict=True
        )
    } == pytest.approx(mine, abs=1e-6)


@once
def test_a_matrix_is_of_a_sample(client, both):
    matrix = client.search_matrix_offsets(both.own, sample=10, limit=2, using="d")
    assert len(matrix.ids) == 10 == len(set(matrix.ids))
    assert sorted(matrix.offsets_row) == [row for row in range(10) for _ in range(2)]
