"""Changing payloads in place, and payload indexes."""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

from failures import fails

PLAIN = VectorParams(size=2, distance=Distance.DOT)


@pytest.fixture
def three(client, collection) -> str:
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [
        PointStruct(id=n, vector=[n, n], payload={"n": n, "o": {"p": n, "q": [1, 2]}})
        for n in (1, 2, 3)
    ])
    return own


def payloads(client, own) -> dict:
    return {each.id: each.payload or {} for each in client.scroll(own, limit=100)[0]}


def field(key, value) -> models.Filter:
    return models.Filter(
        must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))]
    )


def test_set_merges_top_level_keys(client, three):
    result = client.set_payload(three, {"o": {"r": 1}, "new": [0]}, points=[1, 2], wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    after = payloads(client, three)
    assert after[1] == {"n": 1, "o": {"r": 1}, "new": [0]}
    assert after[2] == {"n": 2, "o": {"r": 1}, "new": [0]}
    assert after[3] == {"n": 3, "o": {"p": 3, "q": [1, 2]}}


@pytest.mark.server_only("the in-memory mode keeps the null; the engine it stands for does not")
def test_set_to_null_removes_the_key(client, three):
    client.set_payload(three, {"o": None}, points=[1])
    assert payloads(client, three)[1] == {"n": 1}


@pytest.mark.server_only("the in-memory mode passes them over")
def test_changes_of_an_unknown_point_are_not_found_and_change_nothing(client, transport, three):
    before = payloads(client, three)
    calls = [
        lambda: client.set_payload(three, {"x": 1}, points=[1, 99]),
        lambda: client.overwrite_payload(three, {"x": 1}, points=[1, 99]),
        lambda: client.delete_payload(three, ["n"], points=[1, 99]),
        lambda: client.clear_payload(three, points_selector=[1, 99]),
    ]
    for call in calls:
        with fails(transport, 404, "No point with id 99 found"):
            call()
        assert payloads(client, three) == before


def test_set_under_a_key_merges_there(client, three):
    client.set_payload(three, {"r": 1}, points=[1], key="o")
    assert payloads(client, three)[1] == {"n": 1, "o": {"p": 1, "q": [1, 2], "r": 1}}


def test_set_by_filter(client, three):
    client.set_payload(three, {"hit": True}, points=field("n", 2))
    assert [n for n, each in payloads(client, three).items() if each.get("hit")] == [2]


def test_overwrite_replaces_everything(client, three):
    client.overwrite_payload(three, {"only": 1}, points=[1])
    after = payloads(client, three)
    assert after[1] == {"only": 1} and after[2]["n"] == 2


def test_delete_takes_keys(client, three):
    client.delete_payload(three, ["n", "unknown"], points=[1, 2])
    after = payloads(client, three)
    assert after[1] == {"o": {"p": 1, "q": [1, 2]}} and after[2] == {"o": {"p": 2, "q": [1, 2]}}
    assert after[3]["n"] == 3


@pytest.mark.server_only("the in-memory mode knows top-level keys only")
def test_delete_takes_paths(client, three):
    client.set_payload(three, {"l": [{"m": 1, "k": 2}, {"m": 3}]}, points=[1])
    client.delete_payload(three, ["n", "o.p", "l[].m"], points=[1])
    assert payloads(client, three)[1] == {"o": {"q": [1, 2]}, "l": [{"k": 2}, {}]}


def test_set_under_a_path_makes_and_replaces_what_is_there(client, three):
    client.set_payload(three, {"z": 1}, points=[1], key="o.q")
    client.set_payload(three, {"z": 1}, points=[2], key="x.y")
    client.set_payload(three, {"l": [{"m": 1}, {"m": 2}]}, points=[3])
    client.set_payload(three, {"z": 1}, points=[3], key="l[0]")
    client.set_payload(three, {"y": 2}, points=[3], key="l[]")
    after = payloads(client, three)
    assert after[1]["o"] == {"p": 1, "q": {"z": 1}}
    assert after[2]["x"] == {"y": {"z": 1}}
    assert after[3]["l"] == [{"m": 1, "z": 1, "y": 2}, {"m": 2, "y": 2}]


def test_clear_takes_all(client, three):
    client.clear_payload(three, points_selector=field("n", 3))
    after = payloads(client, three)
    assert after[3] == {} and after[1]["n"] == 1
    client.clear_payload(three, points_selector=[1])
    assert payloads(client, three)[1] == {}


def test_filters_see_the_new_payload_at_once(client, three):
    client.set_payload(three, {"n": 10}, points=[1])
    assert client.count(three, count_filter=field("n", 10)).count == 1
    assert client.count(three, count_filter=field("n", 1)).count == 0
    hits = client.query_points(three, query=[1, 0], query_filter=field("n", 10)).points
    assert [each.id for each in hits] == [1]


def test_vectors_stay_where_payloads_change(client, three):
    client.set_payload(three, {"x": 1}, points=[2])
    client.overwrite_payload(three, {"y": 1}, points=[3])
    records = client.retrieve(three, [2, 3], with_vectors=True)
    assert {each.id: each.vector for each in records} == {2: [2, 2], 3: [3, 3]}


INDEXES = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
    "bool": models.PayloadSchemaType.BOOL,
    "geo": models.PayloadSchemaType.GEO,
    "datetime": models.PayloadSchemaType.DATETIME,
    "uuid": models.PayloadSchemaType.UUID,
    "text": models.PayloadSchemaType.TEXT,
}


@pytest.mark.server_only("the in-memory mode keeps no indexes")
@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_of_each_type_is_listed_and_dropped(client, three, kind):
    result = client.create_payload_index(three, "f", INDEXES[kind], wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    schema = client.get_collection(three).payload_schema
    assert schema["f"].data_type == INDEXES[kind]
    result = client.delete_payload_index(three, "f", wait=True)
    assert result.status == models.UpdateStatus.COMPLETED
    assert client.get_collection(three).payload_schema == {}


PARAMETERS = {
    "tenant": models.KeywordIndexParams(type="keyword", is_tenant=True, on_disk=True),
    "integer": models.IntegerIndexParams(type="integer", lookup=True, range=False),
    "text": models.TextIndexParams(
        type="text", tokenizer=models.TokenizerType.WORD, min_token_len=2, max_token_len=20,
        lowercase=True,
    ),
    "float": models.FloatIndexParams(type="float", on_disk=False),
}


@pytest.mark.server_only("the in-memory mode keeps no indexes")
@pytest.mark.parametrize("kind", PARAMETERS)
def test_index_parameters_come_back(client, three, kind):
    client.create_payload_index(three, "deep.field[].x", PARAMETERS[kind])
    listed = client.get_collection(three).payload_schema["deep.field[].x"].params
    given = PARAMETERS[kind].model_dump(exclude_none=True)
    assert {key: listed.model_dump()[key] for key in given} == given


@pytest.mark.server_only("the in-memory mode keeps no indexes")
def test_an_index_counts_the_points_that_have_the_field(client, three):
    client.create_payload_index(three, "n", models.PayloadSchemaType.INTEGER)
    assert client.get_collection(three).payload_schema["n"].points == 3


@pytest.mark.parametrize("kind", [models.PayloadSchemaType.INTEGER, None], ids=["indexed", "not"])
def test_answers_do_not_depend_on_an_index(client, three, kind):
    if kind:
        client.create_payload_index(three, "n", kind)
    client.upsert(three, [
        PointStruct(id=4, vector=[4, 4], payload={"n": [1, 7]}),
        PointStruct(id=5, vector=[5, 5], payload={"n": "1"}),
    ])
    found = client.scroll(three, scroll_filter=field("n", 1))[0]
    assert [each.id for each in found] == [1, 4]


@pytest.mark.server_only("the in-memory mode keeps no indexes")
def test_indexes_of_an_unknown_collection(client, transport, name):
    with fails(transport, 404, name):
        client.create_payload_index(name, "f", models.PayloadSchemaType.KEYWORD)
    with fails(transport, 404, name):
        client.delete_payload_index(name, "f")
