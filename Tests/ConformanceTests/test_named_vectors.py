"""Several vectors a point, dense and sparse, present or not."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, SparseVector, VectorParams

from failures import fails

PLAIN = VectorParams(size=2, distance=Distance.DOT)


@pytest.fixture
def partial(client, collection) -> str:
    """Point 1 has both vectors, 2 only "a", 3 only "b", 4 only sparse "s", 5 none at all."""
    own = collection(
        vectors_config={"a": PLAIN, "b": PLAIN},
        sparse_vectors_config={"s": models.SparseVectorParams()},
    )
    client.upsert(own, [
        PointStruct(id=1, vector={"a": [1, 0], "b": [2, 0]}),
        PointStruct(id=2, vector={"a": [3, 0]}),
        PointStruct(id=3, vector={"b": [4, 0]}),
        PointStruct(id=4, vector={"s": SparseVector(indices=[7], values=[1])}),
        PointStruct(id=5, vector={}),
    ])
    return own


def test_only_points_that_have_the_vector_are_found(client, partial):
    def found(using):
        return [each.id for each in client.query_points(partial, query=[1, 0], using=using).points]

    assert found("a") == [2, 1]
    assert found("b") == [3, 1]
    assert client.count(partial).count == 5


def test_records_hold_the_vectors_that_are_there(client, partial):
    records = client.retrieve(partial, [1, 2, 3, 4, 5], with_vectors=True)
    vectors = {each.id: each.vector or {} for each in records}
    assert vectors == {
        1: {"a": [1, 0], "b": [2, 0]}, 2: {"a": [3, 0]}, 3: {"b": [4, 0]},
        4: {"s": SparseVector(indices=[7], values=[1])}, 5: {},
    }


def test_the_has_vector_filter(client, partial):
    def having(name):
        condition = models.Filter(must=[models.HasVectorCondition(has_vector=name)])
        return [each.id for each in client.scroll(partial, scroll_filter=condition)[0]]

    assert having("a") == [1, 2]
    assert having("b") == [1, 3]
    assert having("s") == [4]


@pytest.mark.server_only("the in-memory mode words it differently")
def test_an_unknown_vector_name_is_refused_and_named(client, transport, partial):
    with fails(transport, 400, "Not existing vector name error: z"):
        client.upsert(partial, [PointStruct(id=9, vector={"z": [1, 1]})])
    with fails(transport, 400, "Not existing vector name error: z"):
        client.query_points(partial, query=[1, 0], using="z")
    with fails(transport, 400, "Not existing vector name error"):
        client.query_points(partial, query=[1, 0])
    with fails(transport, 400, "Not existing vector name error"):
        client.upsert(partial, [PointStruct(id=9, vector=[1, 1])])
    assert client.count(partial).count == 5


# Sparse vectors


@pytest.fixture
def sparse(client, collection) -> str:
    own = collection(
        vectors_config={}, sparse_vectors_config={"s": models.SparseVectorParams()}
    )
    client.upsert(own, [
        PointStruct(id=1, vector={"s": SparseVector(indices=[1, 5, 9], values=[1, 2, 3])}),
        PointStruct(id=2, vector={"s": SparseVector(indices=[9, 1], values=[0.5, 4])}),
        PointStruct(id=3, vector={"s": SparseVector(indices=[2**32 - 1], values=[1])}),
        PointStruct(id=4, vector={"s": SparseVector(indices=[5], values=[-1])}),
    ])
    return own


def query(indices, values):
    return SparseVector(indices=indices, values=values)


def test_sparse_scores_are_dot_products_over_shared_indices(client, sparse):
    hits = client.query_points(sparse, query=query([9, 1], [2, 1]), using="s").points
    assert [(each.id, each.score) for each in hits] == [(1, 7), (2, 5)]
    hits = client.query_points(sparse, query=query([2**32 - 1], [3]), using="s").points
    assert [(each.id, each.score) for each in hits] == [(3, 3)]


def test_points_that_share_no_index_are_not_found(client, sparse):
    assert client.query_points(sparse, query=query([77], [1]), using="s").points == []


def test_sparse_vectors_come_back_sorted_by_index(client, sparse):
    [record] = client.retrieve(sparse, [2], with_vectors=True)
    stored = dict(zip(record.vector["s"].indices, record.vector["s"].values))
    assert stored == {1: 4, 9: 0.5}


def test_sparse_with_filter_threshold_and_offset(client, sparse):
    only = models.Filter(must=[models.HasIdCondition(has_id=[2, 4])])
    hits = client.query_points(
        sparse, query=query([1, 5], [1, 1]), using="s", query_filter=only
    ).points
    assert [(each.id, each.score) for each in hits] == [(2, 4), (4, -1)]
    hits = client.query_points(
        sparse, query=query([1, 5], [1, 1]), using="s", score_threshold=3.5
    ).points
    assert [each.id for each in hits] == [2]
    hits = client.query_points(sparse, query=query([1, 5], [1, 1]), using="s", offset=1).points
    assert [each.id for each in hits] == [1, 4]


def test_sparse_updates_and_deletes_are_seen(client, sparse):
    client.update_vectors(
        sparse, [models.PointVectors(id=1, vector={"s": query([1], [100])})]
    )
    client.delete(sparse, [2])
    hits = client.query_points(sparse, query=query([1, 9], [1, 1]), using="s").points
    assert [(each.id, each.score) for each in hits] == [(1, 100)]


@pytest.mark.server_only("the in-memory mode checks in the model")
def test_malformed_sparse_vectors_are_refused(client, transport, sparse):
    with fails(transport, (400, 422)):
        client.upsert(sparse, [PointStruct(id=9, vector={"s": query([1, 1], [1, 2])})])
    with fails(transport, (400, 422)):
        client.upsert(sparse, [PointStruct(id=9, vector={"s": query([1, 2], [1])})])
    assert client.retrieve(sparse, [9]) == []


def test_a_hybrid_query_fuses_dense_and_sparse(client, collection):
    own = collection(
        vectors_config={"d": PLAIN}, sparse_vectors_config={"s": models.SparseVectorParams()}
    )
    client.upsert(own, [
        PointStruct(id=n, vector={"d": [n, 0], "s": query([1], [10 - n])}) for n in range(1, 10)
    ])
    hits = client.query_points(
        own,
        prefetch=[
            models.Prefetch(query=[1, 0], using="d", limit=2),
            models.Prefetch(query=query([1], [1]), using="s", limit=2),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    ).points
    assert {each.id: round(each.score, 4) for each in hits} == {
        9: 0.5, 8: 0.3333, 1: 0.5, 2: 0.3333
    }


def test_inverse_document_frequency_weighs_rare_indices(client, collection):
    own = collection(
        vectors_config={},
        sparse_vectors_config={"s": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    points = [PointStruct(id=n, vector={"s": query([1], [1])}) for n in range(9)]
    points.append(PointStruct(id=9, vector={"s": query([2], [1])}))
    client.upsert(own, points)
    hits = client.query_points(own, query=query([1, 2], [1, 1]), using="s", limit=20).points
    # ln((N - n + 0.5) / (n + 0.5) + 1) for the n of N points that hold the index.
    rare, common = np.log((10 - 1 + 0.5) / 1.5 + 1), np.log((10 - 9 + 0.5) / 9.5 + 1)
    assert hits[0].id == 9 and hits[0].score == pytest.approx(rare, abs=1e-4)
    assert len(hits) == 10
    assert hits[1].score == pytest.approx(common, abs=1e-4)


DENSE = models.DenseVectorNameConfig(
    dense=models.DenseVectorConfig(size=2, distance=Distance.DOT))
SPARSE = models.SparseVectorNameConfig(
    sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF))


@pytest.mark.server_only("the in-memory mode has no such methods")
def test_fields_are_added_to_a_collection_with_points(client, collection):
    own = collection(vectors_config={"a": VectorParams(size=3, distance=Distance.DOT)})
    client.upsert(own, [PointStruct(id=n, vector={"a": [n, 0, 0]}) for n in range(20)])
    for name, config in (("d", DENSE), ("s", SPARSE)):
        result = client.create_vector_name(own, name, config)
        assert result.status == models.UpdateStatus.COMPLETED
    params = client.get_collection(own).config.params
    assert params.vectors["d"].size == 2
    assert params.sparse_vectors["s"].modifier == models.Modifier.IDF
    assert client.query_points(own, query=[1, 0], using="d").points == []
    client.update_vectors(own, [models.PointVectors(id=3, vector={
        "d": [1, 2], "s": models.SparseVector(indices=[5], values=[1])})])
    client.upsert(own, [PointStruct(id=20, vector={"a": [1, 1, 1], "d": [3, 4]})])
    found = client.query_points(own, query=[1, 0], using="d").points
    assert [(each.id, each.score) for each in found] == [(20, 3), (3, 1)]
    sparse = models.SparseVector(indices=[5], values=[1])
    assert [each.id for each in client.query_points(own, query=sparse, using="s").points] == [3]
    having = models.Filter(must=[models.HasVectorCondition(has_vector="d")])
    assert client.count(own, having).count == 2
    [record] = client.retrieve(own, [3], with_vectors=True)
    assert set(record.vector) == {"a", "d", "s"}


@pytest.mark.server_only("the in-memory mode has no such methods")
def test_a_removed_field_is_gone_with_its_vectors(client, transport, collection):
    own = collection(
        vectors_config={"a": VectorParams(size=1, distance=Distance.DOT),
                        "b": VectorParams(size=1, distance=Distance.DOT)},
        sparse_vectors_config={"s": models.SparseVectorParams()})
    sparse = models.SparseVector(indices=[5], values=[1])
    client.upsert(own, [
        PointStruct(id=n, vector={"a": [n], "b": [n], "s": sparse}) for n in range(5)])
    for name in ("b", "s"):
        client.delete_vector_name(own, name)
    [record] = client.retrieve(own, [3], with_vectors=True)
    assert record.vector == {"a": [3]}
    [best] = client.query_points(own, query=[1], using="a", limit=1, with_vectors=True).points
    assert (best.id, best.vector) == (4, {"a": [4]})
    having = models.Filter(must=[models.HasVectorCondition(has_vector="b")])
    assert client.count(own, having).count == 0
    for refused in (
        lambda: client.query_points(own, query=[1], using="b"),
        lambda: client.upsert(own, [PointStruct(id=9, vector={"b": [1]})]),
        lambda: client.delete_vector_name(own, "b"),
    ):
        with fails(transport, 400, "Not existing vector name error: b"):
            refused()
    with fails(transport, 409, "already exists"):
        client.create_vector_name(own, "a", DENSE)
