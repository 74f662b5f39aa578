"""Every kind of condition, and how conditions combine.

One collection, one table: a condition and the ids that it hits. Each is asked through scroll,
count, a query and a delete's selector, because each of those paths filters.
"""

from __future__ import annotations

import datetime

import pytest
from qdrant_client import models
from qdrant_client.models import (
    Distance, FieldCondition, Filter, MatchAny, MatchExcept, MatchText, MatchTextAny, MatchValue,
    PointStruct, Range, VectorParams,
)

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
BERLIN, LONDON, MOSCOW = (13.40, 52.52), (-0.13, 51.51), (37.62, 55.76)


def place(lon_lat) -> dict:
    return {"lon": lon_lat[0], "lat": lon_lat[1]}


PAYLOADS = {
    1: {"word": "red", "n": 1, "x": 1.5, "on": True, "tags": ["a", "b"], "at": place(BERLIN)},
    2: {"word": "blue", "n": 2, "x": -2.0, "on": False, "tags": ["b"], "at": place(LONDON)},
    3: {"word": ["red", "green"], "n": [1, 2], "tags": [], "at": [place(BERLIN), place(MOSCOW)]},
    4: {"word": None, "n": None, "tags": [None], "at": None},
    5: {"when": "2023-05-01T10:00:00Z", "n": 10, "text": "The quick brown foxes"},
    6: {"when": "2024-01-01T00:00:00+02:00", "n": 5, "text": "a Quick, lazy dog"},
    7: {"when": ["2020-02-29", "2025-06-30T12:00:00Z"], "id": UUID},
    8: {"deep": {"er": [{"a": 1, "b": 1}, {"a": 2, "b": 2}], "s": "x"}},
    9: {"deep": {"er": [{"a": 1, "b": 2}], "s": ["x", "y"]}},
    10: {"deep": {"er": {"a": 1, "b": 1}}},
    11: {},
}


def match(key, value):
    return FieldCondition(key=key, match=MatchValue(value=value))


def within(key, **bounds):
    return FieldCondition(key=key, range=Range(**bounds))


def dates(key, **bounds):
    return FieldCondition(key=key, range=models.DatetimeRange(**bounds))


def day(*numbers):
    return datetime.datetime(*numbers, tzinfo=datetime.timezone.utc)


def nested(key, *conditions):
    return models.NestedCondition(nested=models.Nested(key=key, filter=Filter(must=conditions)))


def box(top_left, bottom_right):
    return FieldCondition(
        key="at",
        geo_bounding_box=models.GeoBoundingBox(
            top_left=models.GeoPoint(**place(top_left)),
            bottom_right=models.GeoPoint(**place(bottom_right)),
        ),
    )


def around(center, radius):
    return FieldCondition(
        key="at",
        geo_radius=models.GeoRadius(center=models.GeoPoint(**place(center)), radius=radius),
    )


def ring(*corners):
    return models.GeoLineString(points=[models.GeoPoint(**place(each)) for each in corners])


def polygon(exterior, *interiors):
    return FieldCondition(
        key="at", geo_polygon=models.GeoPolygon(exterior=exterior, interiors=list(interiors))
    )


def counted(key, **bounds):
    return FieldCondition(key=key, values_count=models.ValuesCount(**bounds))


EUROPE = ring((-10, 40), (45, 40), (45, 60), (-10, 60), (-10, 40))
GERMANY = ring((6, 47), (15, 47), (15, 55), (6, 55), (6, 47))

#: (name, condition, ids it hits, whether the in-memory mode knows the rule)
CASES = [
    ("match keyword, any element", match("word", "red"), [1, 3], True),
    ("match integer, any element", match("n", 1), [1, 3], True),
    ("match integer, not float", match("x", 1), [], True),
    ("match bool", match("on", True), [1], True),
    ("match false", match("on", False), [2], True),
    ("match uuid text", match("id", UUID), [7], True),
    ("match missing key", match("nothing", 1), [], True),
    ("match any of words", FieldCondition(key="word", match=MatchAny(any=["blue", "green"])),
     [2, 3], True),
    ("match any of integers", FieldCondition(key="n", match=MatchAny(any=[2, 5])), [2, 3, 6], True),
    ("match any of nothing", FieldCondition(key="n", match=MatchAny(any=[])), [], True),
    ("except words", FieldCondition(key="word", match=MatchExcept(**{"except": ["red"]})),
     [2, 3], False),
    ("except integers", FieldCondition(key="n", match=MatchExcept(**{"except": [1]})),
     [2, 3, 5, 6], False),
    ("except, other types", FieldCondition(key="word", match=MatchExcept(**{"except": [1]})),
     [1, 2, 3], False),
    ("text, one word", FieldCondition(key="text", match=MatchText(text="brown")), [5], True),
    ("text, any word",
     FieldCondition(key="text", match=MatchTextAny(text_any="dog foxes cat")), [5, 6], True),
    ("range", within("n", gt=1, lte=5), [2, 3, 6], True),
    ("range over floats", within("x", lt=0.0), [2], True),
    ("range hits integers and floats", within("x", gte=1.5), [1], True),
    ("range with no bounds", within("n"), [1, 2, 3, 5, 6], True),
    ("range empty", within("n", gt=5, lt=5), [], True),
    ("range of text", within("word", gte=0), [], True),
    ("datetime", dates("when", gte=day(2023, 5, 1, 10), lt=day(2024, 1, 1)), [5, 6], True),
    ("datetime knows zones", dates("when", lt=day(2023, 12, 31, 22, 0, 1), gt=day(2023, 6, 1)),
     [6], True),
    ("datetime, any element", dates("when", gt=day(2025, 1, 1)), [7], True),
    ("datetime, day alone", dates("when", lte=day(2020, 2, 29)), [7], True),
    ("geo radius", around(BERLIN, 1000), [1, 3], True),
    ("geo radius reaches London", around(BERLIN, 940_000), [1, 2, 3], True),
    ("geo radius stops short", around(LONDON, 900_000), [2], True),
    ("geo box", box((10, 54), (15, 50)), [1, 3], True),
    ("geo box over the date line", box((30, 60), (0, 50)), [2, 3], True),
    ("geo polygon", polygon(EUROPE), [1, 2, 3], True),
    ("geo polygon with a hole", polygon(EUROPE, GERMANY), [2, 3], True),
    ("values count", counted("tags", gte=2), [1], True),
    ("values count of a scalar is one", counted("word", gte=1, lte=1), [1, 2], True),
    ("values count of what is empty or missing", counted("tags", lt=1),
     [3, 5, 6, 7, 8, 9, 10, 11], False),
    ("is empty", models.IsEmptyCondition(is_empty=models.PayloadField(key="tags")),
     [3, 5, 6, 7, 8, 9, 10, 11], False),
    ("is empty, null", models.IsEmptyCondition(is_empty=models.PayloadField(key="word")),
     [4, 5, 6, 7, 8, 9, 10, 11], True),
    ("is null", models.IsNullCondition(is_null=models.PayloadField(key="word")), [4], True),
    ("is null inside a list", models.IsNullCondition(is_null=models.PayloadField(key="tags")),
     [4], False),
    ("has id", models.HasIdCondition(has_id=[1, 11, 99]), [1, 11], True),
    ("has id, none", models.HasIdCondition(has_id=[]), [], True),
    ("path", match("deep.s", "x"), [8, 9], True),
    ("path through a list", match("deep.er[].a", 2), [8], True),
    ("path through a list, any", match("deep.er[].a", 1), [8, 9], True),
    ("path to an element", match("deep.er[1].a", 2), [8], True),
    ("list path sees no object", match("deep.er[].b", 1), [8], True),
    ("plain path into an object", match("deep.er.a", 1), [10], True),
    ("nested wants one element", nested("deep.er", match("a", 1), match("b", 2)), [9], True),
    ("nested with brackets", nested("deep.er[]", match("a", 1), match("b", 2)), [9], True),
    ("nested, plain", nested("deep.er", match("a", 2)), [8], True),
]

#: (name, filter, ids, whether the in-memory mode knows the rule)
TREES = [
    ("empty", Filter(), list(range(1, 12)), True),
    ("must of two", Filter(must=[match("word", "red"), within("n", gte=2)]), [3], True),
    ("should of two", Filter(should=[match("word", "blue"), match("n", 10)]), [2, 5], True),
    ("must not", Filter(must_not=[within("n", gte=0), match("deep.s", "x")]), [4, 7, 10, 11], True),
    ("must, should and must not",
     Filter(must=[within("n", gte=1)], should=[match("word", "red"), match("n", 5)],
            must_not=[models.HasIdCondition(has_id=[3])]), [1, 6], True),
    ("min should",
     Filter(min_should=models.MinShould(
         conditions=[match("word", "red"), match("n", 2), match("tags", "b")], min_count=2)),
     [1, 2, 3], True),
    ("min should of all",
     Filter(min_should=models.MinShould(
         conditions=[match("word", "red"), match("n", 2)], min_count=2)), [3], True),
    ("a tree in a tree",
     Filter(must=[Filter(should=[match("word", "red"), match("word", "blue")]),
                  Filter(must_not=[match("on", True)])]), [2, 3], True),
    ("not of not", Filter(must_not=[Filter(must_not=[match("word", "red")])]), [1, 3], True),
    ("except null", Filter(must_not=[models.IsEmptyCondition(
        is_empty=models.PayloadField(key="word"))]), [1, 2, 3], True),
]

ALL = [(name, Filter(must=[condition]), hits, known) for name, condition, hits, known in CASES]
ALL += TREES


@pytest.fixture(scope="module")
def everything(client):
    own = "every-condition"
    client.delete_collection(own)
    client.create_collection(own, vectors_config=VectorParams(size=2, distance=Distance.DOT))
    client.upsert(
        own, [PointStruct(id=n, vector=[n, 0], payload=each) for n, each in PAYLOADS.items()]
    )
    yield own
    client.delete_collection(own)


@pytest.mark.parametrize(
    ("tree", "hits", "known"), [each[1:] for each in ALL], ids=[each[0] for each in ALL]
)
def test_a_filter_hits(client, transport, everything, tree, hits, known):
    if transport == "local" and not known:
        pytest.skip("the in-memory mode differs from the servers here")
    records, _ = client.scroll(everything, scroll_filter=tree, limit=100)
    assert [each.id for each in records] == hits
    assert client.count(everything, count_filter=tree).count == len(hits)
    points = client.query_points(everything, query=[1, 0], query_filter=tree, limit=100).points
    assert [each.id for each in points] == hits[::-1]


@pytest.mark.parametrize(
    ("tree", "hits", "known"), [each[1:] for each in TREES], ids=[each[0] for each in TREES]
)
def test_a_filter_selects_what_is_deleted(client, transport, collection, tree, hits, known):
    own = collection(vectors_config=VectorParams(size=2, distance=Distance.DOT))
    client.upsert(
        own, [PointStruct(id=n, vector=[n, 0], payload=each) for n, each in PAYLOADS.items()]
    )
    client.delete(own, models.FilterSelector(filter=tree))
    left = [each.id for each in client.scroll(own, limit=100)[0]]
    assert left == [n for n in PAYLOADS if n not in hits]


@pytest.mark.server_only("the in-memory mode keeps no indexes")
def test_a_text_index_matches_whole_words_in_any_order_and_case(client, collection):
    own = collection(vectors_config=VectorParams(size=2, distance=Distance.DOT))
    client.create_payload_index(
        own, "text",
        models.TextIndexParams(type="text", tokenizer=models.TokenizerType.WORD, lowercase=True),
    )
    client.upsert(own, [
        PointStruct(id=n, vector=[n, 0], payload=each) for n, each in PAYLOADS.items()
    ])

    def found(condition):
        tree = Filter(must=[FieldCondition(key="text", match=condition)])
        return [each.id for each in client.scroll(own, scroll_filter=tree)[0]]

    assert found(MatchText(text="quick")) == [5, 6]
    assert found(MatchText(text="DOG quick")) == [6]
    assert found(MatchText(text="quick cat")) == []
    assert found(MatchText(text="fox")) == []
    assert found(MatchTextAny(text_any="dog FOXES cat")) == [5, 6]


INDEXED = {
    "word": models.PayloadSchemaType.KEYWORD, "n": models.PayloadSchemaType.INTEGER,
    "x": models.PayloadSchemaType.FLOAT, "on": models.PayloadSchemaType.BOOL,
    "at": models.PayloadSchemaType.GEO, "when": models.PayloadSchemaType.DATETIME,
    "id": models.PayloadSchemaType.UUID, "tags": models.PayloadSchemaType.KEYWORD,
    "deep.s": models.PayloadSchemaType.KEYWORD, "deep.er[].a": models.PayloadSchemaType.INTEGER,
}


@pytest.mark.server_only("the in-memory mode keeps no indexes")
def test_indexes_change_no_answer(client, everything):
    for key, kind in INDEXED.items():
        client.create_payload_index(everything, key, kind)
    for name, tree, hits, _ in ALL:
        records, _ = client.scroll(everything, scroll_filter=tree, limit=100)
        assert [each.id for each in records] == hits, name
    for key in INDEXED:
        client.delete_payload_index(everything, key)
