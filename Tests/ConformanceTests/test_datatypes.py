"""Vectors of half precision and of bytes, compared with what the interface's own engine stores and
answers, over both protocols."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
import qdrant_edge as edge
from qdrant_client import models
from qdrant_client.models import Datatype, Distance, PointStruct, SparseVector, VectorParams

from failures import fails

pytestmark = pytest.mark.server_only("the in-memory mode stores every datatype as float32")

DIMENSION = 24
ROWS = 400

DISTANCES = {
    Distance.COSINE: edge.Distance.Cosine,
    Distance.DOT: edge.Distance.Dot,
    Distance.EUCLID: edge.Distance.Euclid,
    Distance.MANHATTAN: edge.Distance.Manhattan,
}
DATATYPES = {
    Datatype.FLOAT16: edge.VectorStorageDatatype.Float16,
    Datatype.UINT8: edge.VectorStorageDatatype.Uint8,
}

datatypes = pytest.mark.parametrize("datatype", DATATYPES, ids=lambda value: value.value)
distances = pytest.mark.parametrize("distance", DISTANCES, ids=lambda value: value.value)


def rows(datatype: Datatype, count: int, seed: int) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    if datatype == Datatype.UINT8:
        return numbers.integers(0, 256, size=(count, DIMENSION)).astype(np.float32)
    return numbers.normal(size=(count, DIMENSION)).astype(np.float32)


class Original:
    """The interface's own engine, with one field."""

    def __init__(self, datatype: Datatype, distance: Distance, multivector: bool = False) -> None:
        settings = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
        field = edge.EdgeVectorParams(
            size=DIMENSION, distance=DISTANCES[distance], datatype=DATATYPES[datatype],
            multivector_config=settings if multivector else None,
        )
        self.folder = tempfile.TemporaryDirectory()
        self.shard = edge.EdgeShard.create(self.folder.name, edge.EdgeConfig(vectors={"": field}))

    def upsert(self, vectors: list) -> None:
        points = [edge.Point(id, vector) for id, vector in enumerate(vectors)]
        self.shard.update(edge.UpdateOperation.upsert_points(points))

    def stored(self, ids: list[int]) -> dict[int, list]:
        return {
            record.id: record.vector
            for record in self.shard.retrieve(ids, with_payload=False, with_vector=True)
        }

    def search(self, query: list, limit: int) -> dict[int, float]:
        request = edge.QueryRequest(query=edge.Query.Nearest(query), limit=limit)
        return {point.id: point.score for point in self.shard.query(request)}


def make(collection, datatype: Datatype, distance: Distance, **settings) -> str:
    return collection(
        vectors_config=VectorParams(
            size=DIMENSION, distance=distance, datatype=datatype, **settings
        )
    )


def same(found, expected) -> bool:
    """As numbers of 32 bits: JSON has the shortest decimals that stand for them."""
    return np.array_equal(np.array(found, np.float32), np.array(expected, np.float32))


@datatypes
@distances
def test_vectors_and_scores_are_those_of_the_original(client, collection, datatype, distance):
    own, original = make(collection, datatype, distance), Original(datatype, distance)
    vectors = rows(datatype, ROWS, seed=1)
    client.upload_collection(own, vectors=vectors, ids=range(ROWS), wait=True)
    original.upsert(vectors.tolist())
    ids = list(range(ROWS))
    expected = original.stored(ids)
    for record in client.retrieve(own, ids, with_vectors=True):
        if datatype == Datatype.UINT8 or distance != Distance.COSINE:
            assert same(record.vector, expected[record.id])
        else:
            # The length may differ in its last bit, and with it the rounding of a component.
            assert record.vector == pytest.approx(expected[record.id], rel=2**-10, abs=2**-24)
    for query in rows(datatype, 10, seed=2).tolist():
        scores = original.search(query, ROWS)
        for exact in [True, False]:
            hits = client.query_points(
                own, query=query, limit=20,
                search_params=models.SearchParams(exact=exact, hnsw_ef=400),
            ).points
            assert len(hits) == 20
            for hit in hits:
                assert hit.score == pytest.approx(scores[hit.id], rel=1e-3, abs=1e-3)
        if datatype == Datatype.UINT8:
            # Sums of whole numbers: the same to a last bit of the score.
            best = list(scores.values())[:20]
            assert [hit.score for hit in hits] == pytest.approx(best, rel=1e-6)


@datatypes
def test_multivectors_are_those_of_the_original(client, collection, datatype):
    settings = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    own = make(collection, datatype, Distance.DOT, multivector_config=settings)
    original = Original(datatype, Distance.DOT, multivector=True)
    vectors = [rows(datatype, 1 + seed % 3, seed).tolist() for seed in range(40)]
    client.upsert(own, [PointStruct(id=id, vector=vector) for id, vector in enumerate(vectors)])
    original.upsert(vectors)
    ids = list(range(40))
    expected = original.stored(ids)
    for record in client.retrieve(own, ids, with_vectors=True):
        assert same(record.vector, expected[record.id])
    query = rows(datatype, 3, seed=99).tolist()
    scores = original.search(query, 40)
    hits = client.query_points(own, query=query, limit=40).points
    assert {hit.id: hit.score for hit in hits} == pytest.approx(scores, rel=1e-3, abs=1e-3)


def test_fractions_of_bytes_are_cut_off_as_the_original_does(client, collection):
    own, original = make(collection, Datatype.UINT8, Distance.DOT), Original(
        Datatype.UINT8, Distance.DOT
    )
    vector = [index + 0.9 for index in range(DIMENSION)]
    client.upsert(own, [PointStruct(id=0, vector=vector)])
    original.upsert([vector])
    [record] = client.retrieve(own, [0], with_vectors=True)
    assert record.vector == original.stored([0])[0] == list(range(DIMENSION))
    [hit] = client.query_points(own, query=vector).points
    assert {hit.id: hit.score} == original.search(vector, 1)


@pytest.mark.parametrize(
    "datatype, value, reason",
    [
        (Datatype.UINT8, 256.0, "256"),
        (Datatype.UINT8, -1.0, "-1"),
        (Datatype.FLOAT16, 70000.0, "70000"),
        (Datatype.FLOAT16, -1e30, "out of the range of float16"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    client, transport, collection, datatype, value, reason
):
    own = make(collection, datatype, Distance.DOT)
    good, bad = [1.0] * DIMENSION, [1.0] * (DIMENSION - 1) + [value]
    with fails(transport, 400, reason):
        client.upsert(own, [PointStruct(id=1, vector=good), PointStruct(id=2, vector=bad)])
    with fails(transport, 400, f"position {DIMENSION - 1}"):
        client.query_points(own, query=bad)
    assert client.count(own).count == 0


def test_vectors_of_fractions_are_no_bytes(client, transport, collection):
    own = make(collection, Datatype.UINT8, Distance.COSINE)
    with fails(transport, 400, "only fractions"):
        client.upsert(own, [PointStruct(id=1, vector=[0.03] * DIMENSION)])


@datatypes
def test_the_datatype_is_told(client, collection, datatype):
    own = make(collection, datatype, Distance.DOT)
    assert client.get_collection(own).config.params.vectors.datatype == datatype


def test_averages_of_examples_become_bytes_as_in_the_original(client, collection):
    own = make(collection, Datatype.UINT8, Distance.DOT)
    vectors = rows(Datatype.UINT8, 60, seed=5)
    client.upload_collection(own, vectors=vectors, ids=range(60), wait=True)
    hits = client.query_points(
        own, limit=60,
        query=models.RecommendQuery(
            recommend=models.RecommendInput(positive=[1, 2], negative=[3])
        ),
    ).points
    mean = vectors[[1, 2]].mean(axis=0)
    query = np.clip(np.trunc(2 * mean - vectors[3]), 0, 255)
    expected = {id: float(vectors[id] @ query) for id in range(60) if id not in (1, 2, 3)}
    assert {hit.id: hit.score for hit in hits} == pytest.approx(expected, rel=1e-6)


def test_sparse_vectors_keep_their_values_whatever_their_datatype(client, collection):
    own = collection(
        vectors_config={},
        sparse_vectors_config={
            "words": models.SparseVectorParams(
                index=models.SparseIndexParams(datatype=Datatype.FLOAT16)
            )
        },
    )
    value = float(np.float32(0.1))
    client.upsert(
        own,
        [PointStruct(id=1, vector={"words": SparseVector(indices=[3], values=[value])})],
    )
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert same(record.vector["words"].values, [value])
