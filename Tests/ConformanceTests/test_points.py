"""Points: ids, upsert in every shape, retrieve, delete, count, vectors."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

from failures import fails

PLAIN = VectorParams(size=2, distance=Distance.DOT)
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def test_a_point_comes_back_as_it_went_in(client, collection):
    own = collection(vectors_config=PLAIN)
    payload = {
        "text": "naïve 日本 🐦", "int": -5, "big": 2**53, "float": 0.1, "bool": False, "null": None,
        "list": [1, "two", None, [3]], "object": {"deep": {"er": [{"a": 1}, {"a": 2}]}}, "": "empty",
    }
    client.upsert(own, [PointStruct(id=1, vector=[0.5, -0.25], payload=payload)], wait=True)
    [record] = client.retrieve(own, [1], with_payload=True, with_vectors=True)
    assert record.id == 1
    assert record.payload == payload
    assert record.vector == [0.5, -0.25]


def test_floats_survive_exactly(client, collection):
    own = collection(vectors_config=VectorParams(size=6, distance=Distance.EUCLID))
    vector = [0.05, 1e-30, -3.4e38, 16_777_217.0, 1 / 3, 0.0]
    client.upsert(own, [PointStruct(id=1, vector=vector)])
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert np.array_equal(np.float32(record.vector), np.float32(vector))


@pytest.mark.parametrize(
    "written",
    [UUID, UUID.upper(), UUID.replace("-", ""), "urn:uuid:" + UUID, "{" + UUID + "}"],
    ids=["hyphenated", "upper", "simple", "urn", "braced"],
)
@pytest.mark.server_only("the in-memory mode keeps the text it was given")
def test_a_uuid_in_any_form_comes_back_hyphenated(client, collection, written):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=written, vector=[1, 1])])
    assert [each.id for each in client.retrieve(own, [UUID])] == [UUID]
    assert [each.id for each in client.scroll(own)[0]] == [UUID]


def test_ids_reach_over_the_whole_range(client, collection):
    own = collection(vectors_config=PLAIN)
    ids = [0, 1, 2**31, 2**32 + 1, 2**63 - 1, UUID, str(uuid.UUID(int=1))]
    client.upsert(own, [PointStruct(id=each, vector=[1, 1]) for each in ids])
    assert {each.id for each in client.retrieve(own, ids)} == set(ids)
    assert client.count(own).count == len(ids)


@pytest.mark.server_only("the in-memory mode does not check")
def test_the_largest_id_is_a_u64(client, collection):
    own = collection(vectors_config=PLAIN)
    largest = 2**64 - 1
    client.upsert(own, [PointStruct(id=largest, vector=[1, 1])])
    assert [each.id for each in client.retrieve(own, [largest])] == [largest]
    assert [each.id for each in client.scroll(own)[0]] == [largest]


@pytest.mark.server_only("the in-memory mode does not check")
def test_a_malformed_uuid_is_refused_and_named(client, transport, collection):
    own = collection(vectors_config=PLAIN)
    with fails(transport, (400, 422), "no-uuid"):
        client.upsert(own, [PointStruct(id="no-uuid", vector=[1, 1])])
    assert client.count(own).count == 0


def test_wait_says_completed_and_the_point_is_there(client, collection):
    own = collection(vectors_config=PLAIN)
    result = client.upsert(own, [PointStruct(id=1, vector=[1, 1])], wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert client.query_points(own, query=[1, 1]).points[0].id == 1


@pytest.mark.server_only("the in-memory mode always waits")
def test_no_wait_says_acknowledged(client, collection):
    own = collection(vectors_config=PLAIN)
    result = client.upsert(own, [PointStruct(id=1, vector=[1, 1])], wait=False)
    assert result.status == models.UpdateStatus.ACKNOWLEDGED
    result = client.upsert(own, [PointStruct(id=2, vector=[1, 1])], wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert client.count(own).count == 2, "operations apply in the order of their arrival"


def test_upsert_replaces_the_whole_point(client, collection):
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    client.upsert(
        own, [PointStruct(id=1, vector={"a": [1, 2], "b": [3, 4]}, payload={"x": 1, "y": 2})]
    )
    client.upsert(own, [PointStruct(id=1, vector={"a": [5, 6]}, payload={"x": 3})])
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert record.payload == {"x": 3}
    assert record.vector == {"a": [5, 6]}
    assert client.count(own).count == 1


def test_the_last_of_duplicate_ids_in_a_batch_wins(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own, [PointStruct(id=1, vector=[n, 1], payload={"n": n}) for n in range(5)]
    )
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert record.payload == {"n": 4} and record.vector == [4, 1]
    assert client.count(own).count == 1


def test_columns_are_the_same_as_points(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own,
        models.Batch(ids=[1, UUID], vectors=[[1, 2], [3, 4]], payloads=[{"a": 1}, {}]),
    )
    first, second = client.retrieve(own, [1, UUID], with_vectors=True)
    if first.id != 1:
        first, second = second, first
    assert first.vector == [1, 2] and first.payload == {"a": 1}
    assert second.vector == [3, 4] and not second.payload


def test_columns_with_named_and_sparse_vectors(client, collection):
    own = collection(
        vectors_config={"a": PLAIN}, sparse_vectors_config={"s": models.SparseVectorParams()}
    )
    client.upsert(
        own,
        models.Batch(
            ids=[1, 2],
            vectors={
                "a": [[1, 2], [3, 4]],
                "s": [
                    models.SparseVector(indices=[1], values=[0.5]),
                    models.SparseVector(indices=[2, 5], values=[1, 2]),
                ],
            },
        ),
    )
    records = {each.id: each for each in client.retrieve(own, [1, 2], with_vectors=True)}
    assert records[1].vector["a"] == [1, 2]
    assert records[2].vector["s"] == models.SparseVector(indices=[2, 5], values=[1, 2])


def test_upload_collection_brings_every_row(client, collection):
    own = collection(vectors_config=VectorParams(size=8, distance=Distance.COSINE))
    rows = np.random.default_rng(5).normal(size=(1000, 8)).astype(np.float32)
    client.upload_collection(
        own, vectors=rows, payload=({"n": n} for n in range(1000)), ids=range(1000),
        batch_size=64, wait=True,
    )
    assert client.count(own).count == 1000
    [record] = client.retrieve(own, [777])
    assert record.payload == {"n": 777}


def test_retrieve_leaves_unknown_ids_out(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[n, n], payload={"n": n}) for n in (1, 2, 3)])
    records = client.retrieve(own, [3, 99, 1, UUID])
    assert sorted(each.id for each in records) == [1, 3]
    assert all(each.vector is None for each in records), "vectors only when asked for"
    assert client.retrieve(own, [99]) == []


def test_retrieve_selects_payload_and_vectors(client, collection):
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    payload = {"x": 1, "y": {"z": 2, "w": 3}, "l": [{"m": 1, "n": 2}]}
    client.upsert(
        own, [PointStruct(id=1, vector={"a": [1, 1], "b": [2, 2]}, payload=payload)]
    )

    def payload_with(selector):
        return client.retrieve(own, [1], with_payload=selector)[0].payload

    assert not payload_with(False)
    assert payload_with(["x"]) == {"x": 1}
    assert payload_with(models.PayloadSelectorInclude(include=["y.z"])) == {"y": {"z": 2}}
    assert payload_with(models.PayloadSelectorExclude(exclude=["x", "y.w"])) == {
        "y": {"z": 2}, "l": [{"m": 1, "n": 2}]
    }
    assert payload_with(models.PayloadSelectorExclude(exclude=["l[].m", "y"])) == {
        "x": 1, "l": [{"n": 2}]
    }
    [record] = client.retrieve(own, [1], with_vectors=["b"])
    assert record.vector == {"b": [2, 2]}


def test_delete_by_ids_and_by_filter(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own, [PointStruct(id=n, vector=[1, n], payload={"n": n}) for n in range(10)]
    )
    result = client.delete(own, [0, 1, 555], wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert client.count(own).count == 8
    big = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gte=8))])
    client.delete(own, models.FilterSelector(filter=big))
    assert sorted(each.id for each in client.scroll(own)[0]) == [2, 3, 4, 5, 6, 7]
    hits = client.query_points(own, query=[0, 1], limit=100).points
    assert sorted(each.id for each in hits) == [2, 3, 4, 5, 6, 7]


def test_delete_with_an_empty_filter_empties_the_collection(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=n, vector=[1, n]) for n in range(10)])
    client.delete(own, models.FilterSelector(filter=models.Filter()))
    assert client.count(own).count == 0
    client.upsert(own, [PointStruct(id=3, vector=[1, 1])])
    assert client.count(own).count == 1


def test_count_with_and_without_a_filter(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own, [PointStruct(id=n, vector=[1, n], payload={"even": n % 2 == 0}) for n in range(9)]
    )
    even = models.Filter(
        must=[models.FieldCondition(key="even", match=models.MatchValue(value=True))]
    )
    assert client.count(own).count == 9
    assert client.count(own, count_filter=even).count == 5
    assert client.count(own, count_filter=models.Filter(), exact=True).count == 9
    assert client.get_collection(own).points_count == 9


def test_update_vectors_touches_the_named_ones_only(client, collection):
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    client.upsert(
        own, [PointStruct(id=1, vector={"a": [1, 1], "b": [2, 2]}, payload={"kept": True})]
    )
    client.update_vectors(own, [models.PointVectors(id=1, vector={"a": [9, 9]})])
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert record.vector == {"a": [9, 9], "b": [2, 2]}
    assert record.payload == {"kept": True}
    assert client.query_points(own, query=[1, 0], using="a").points[0].score == 9


def test_update_vectors_of_the_unnamed_vector(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [PointStruct(id=1, vector=[1, 1], payload={"kept": True})])
    client.update_vectors(own, [models.PointVectors(id=1, vector=[3, 4])])
    [record] = client.retrieve(own, [1], with_vectors=True)
    assert record.vector == [3, 4] and record.payload == {"kept": True}


@pytest.mark.server_only("the in-memory mode words it differently")
def test_update_vectors_of_an_unknown_point_is_not_found(client, transport, collection):
    own = collection(vectors_config=PLAIN)
    with fails(transport, 404, "No point with id 5 found"):
        client.update_vectors(own, [models.PointVectors(id=5, vector=[3, 4])])


def test_deleted_vectors_vanish_from_search(client, collection):
    own = collection(vectors_config={"a": PLAIN, "b": PLAIN})
    client.upsert(
        own, [PointStruct(id=n, vector={"a": [1, n], "b": [n, 1]}) for n in (1, 2, 3)]
    )
    client.delete_vectors(own, vectors=["a"], points=[2])
    assert [each.id for each in client.query_points(own, query=[0, 1], using="a").points] == [3, 1]
    assert len(client.query_points(own, query=[0, 1], using="b").points) == 3
    [record] = client.retrieve(own, [2], with_vectors=True)
    assert record.vector == {"b": [2, 1]}
    has = models.Filter(must=[models.HasVectorCondition(has_vector="a")])
    assert client.count(own, count_filter=has).count == 2


def test_a_batch_of_updates_runs_in_order(client, collection):
    own = collection(vectors_config=PLAIN)
    results = client.batch_update_points(
        own,
        [
            models.UpsertOperation(
                upsert=models.PointsList(
                    points=[PointStruct(id=n, vector=[n, n], payload={"n": n}) for n in (1, 2, 3)]
                )
            ),
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={"set": True}, points=[1, 2])
            ),
            models.DeletePayloadOperation(
                delete_payload=models.DeletePayload(keys=["n"], points=[2])
            ),
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload={"over": 1}, points=[3])
            ),
            models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[1])),
            models.UpdateVectorsOperation(
                update_vectors=models.UpdateVectors(
                    points=[models.PointVectors(id=1, vector=[7, 7])]
                )
            ),
            models.DeleteOperation(delete=models.PointIdsList(points=[2])),
        ],
    )
    if results is not None:
        assert len(results) == 7
        assert all(each.status == models.UpdateStatus.COMPLETED for each in results)
    records = {each.id: each for each in client.retrieve(own, [1, 2, 3], with_vectors=True)}
    assert set(records) == {1, 3}
    assert not records[1].payload and records[1].vector == [7, 7]
    assert records[3].payload == {"over": 1}
