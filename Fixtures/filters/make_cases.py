#!/usr/bin/env python3
"""Writes the expected results of filters and payload edits, as the wire API's own engine gives them.

    pip install qdrant-edge-py==0.9.0 && ./make_cases.py      (needs Python 3.10 or later)

It asks that engine's in-process shard and writes beside itself
  filters.json  groups of {points, text_index, cases: [{filter, ids}]}
  edits.json    {set: …, overwrite: …, delete: …, select: …}: payloads before and after
The cases are drawn with a fixed seed, so a second run writes the same files.
"""
import json
import os
import random
import shutil
import tempfile

import qdrant_edge as q

HERE = os.path.dirname(os.path.abspath(__file__))
UUID_A = "0e8f6e4e-9f0b-4b0f-9d3a-7b1c2d3e4f50"
UUID_B = "ffffffff-0000-4000-8000-000000000001"


# --- The engine -------------------------------------------------------------------------------

class Shard:
    def __init__(self, points, text_index=None):
        self.folder = tempfile.mkdtemp()
        self.shard = q.EdgeShard.create(self.folder, q.EdgeConfig(vectors={
            "a": q.EdgeVectorParams(size=2, distance=q.Distance.Dot),
            "b": q.EdgeVectorParams(size=2, distance=q.Distance.Dot)}))
        self.update(q.UpdateOperation.upsert_points([
            q.Point(p["id"], {name: [1.0, 0.5] for name in p["vectors"]}, p["payload"])
            for p in points]))
        if text_index:
            kinds = {"word": q.TokenizerType.Word, "whitespace": q.TokenizerType.Whitespace,
                     "prefix": q.TokenizerType.Prefix}
            parameters = dict(text_index["parameters"])
            parameters["tokenizer"] = kinds[parameters["tokenizer"]]
            self.update(q.UpdateOperation.create_field_index(
                text_index["field"], q.TextIndexParams(**parameters)))

    def update(self, operation):
        self.shard.update(operation)

    def ids(self, filter):
        points, _ = self.shard.scroll(q.ScrollRequest(
            limit=10_000, filter=edge_filter(filter), with_payload=False, with_vector=False))
        return [p.id if isinstance(p.id, int) else str(p.id) for p in points]

    def payload(self, id, selector=True):
        return self.shard.retrieve([id], selector, False)[0].payload

    def close(self):
        self.shard.close()
        shutil.rmtree(self.folder)


def edge_filter(f):
    def conditions(name):
        return [edge_condition(c) for c in f[name]] if name in f else None
    m = f.get("min_should")
    return q.Filter(
        must=conditions("must"), should=conditions("should"), must_not=conditions("must_not"),
        min_should=m and q.MinShould([edge_condition(c) for c in m["conditions"]],
                                     m["min_count"]))


def edge_condition(c):
    if "is_empty" in c:
        return q.IsEmptyCondition(c["is_empty"]["key"])
    if "is_null" in c:
        return q.IsNullCondition(c["is_null"]["key"])
    if "has_id" in c:
        return q.HasIdCondition(set(c["has_id"]))
    if "has_vector" in c:
        return q.HasVectorCondition(c["has_vector"])
    if "slice" in c:
        return q.SliceCondition(c["slice"]["total"], c["slice"]["index"])
    if "nested" in c:
        return q.NestedCondition(c["nested"]["key"], edge_filter(c["nested"]["filter"]))
    if "key" not in c:
        return edge_filter(c)
    def point(p):
        return q.GeoPoint(p["lon"], p["lat"])
    def ring(r):
        return [point(p) for p in r["points"]]
    if "match" in c:
        (kind, value), = c["match"].items()
        match = {"value": q.MatchValue, "any": q.MatchAny, "except": q.MatchExcept,
                 "text": q.MatchText, "text_any": q.MatchTextAny, "phrase": q.MatchPhrase,
                 "prefix": q.MatchPrefix}[kind](value)
        return q.FieldCondition(c["key"], match=match)
    if "range" in c:
        dated = any(isinstance(v, str) for v in c["range"].values())
        return q.FieldCondition(
            c["key"], range=(q.RangeDateTime if dated else q.RangeFloat)(**c["range"]))
    if "geo_radius" in c:
        g = c["geo_radius"]
        return q.FieldCondition(c["key"], geo_radius=q.GeoRadius(point(g["center"]), g["radius"]))
    if "geo_bounding_box" in c:
        g = c["geo_bounding_box"]
        return q.FieldCondition(c["key"], geo_bounding_box=q.GeoBoundingBox(
            point(g["top_left"]), point(g["bottom_right"])))
    if "geo_polygon" in c:
        g = c["geo_polygon"]
        return q.FieldCondition(c["key"], geo_polygon=q.GeoPolygon(
            ring(g["exterior"]), [ring(r) for r in g.get("interiors", [])]))
    return q.FieldCondition(c["key"], values_count=q.ValuesCount(**c["values_count"]))


# --- Points -----------------------------------------------------------------------------------

ODD = [
    None, [], [None], [[]], [[], []], {}, [{}], 0, 1, 1.0, -1, 1.5, True, False, "", "1", "true",
    "a", "b", "ab", "A", "é", "e\u0301", "語", "naïve", [1, 2], [1.0], ["1"], [True],
    [[1, 2], [3]], [[1], 1], [1, None], ["a", "b"], ["a", 1, None, True, 1.5], {"x": 1},
    {"x": None}, {"x": []}, {"x": [1, 2]}, [{"x": 1}, {"x": 2}], [{"x": 1, "y": "a"}, {"x": 2}],
    [{"x": 1, "y": "b"}, {"x": 2, "y": "a"}], [{"x": None}, {"y": "a"}], [{"x": [1, None]}, 3],
    [[{"x": 1}]], {"x": {"y": 1}}, {"x": [{"y": 1}, {"y": 2}]}, 2**53 + 1, 2**63 - 1, -2**63,
    2**63, 1e300, -0.0, "2024-02-29", 123456789,
]
ABSENT = object()


def odd_points():
    points = []
    for index, value in enumerate(ODD + [ABSENT]):
        payload = {} if value is ABSENT else {"k": value}
        if index % 3 == 0:
            payload["first key.x"] = {"in[]": value} if value is not ABSENT else {}
        if index % 4 == 0:
            payload["n"] = index
        vectors = [["a"], ["b"], ["a", "b"]][index % 3]
        id = {7: UUID_A, 8: UUID_B, 9: 2**64 - 1}.get(index, index)
        points.append({"id": id, "payload": payload, "vectors": vectors})
    return points


def field(key, **rest):
    return {"key": key, **rest}


KEYS = ["k", "k[]", "k[0]", "k[1]", "k.x", "k[].x", "k.x[]", "k[].x[]", "k[][]", "k[][].x",
        "k.x.y", "k.x[].y", "missing", "\"first key.x\".\"in[]\"", "k[0].x", "k[5]"]
PREDICATES = [
    {"match": {"value": v}} for v in
    # The engine's Python binding turns True into 1, so booleans are tested elsewhere.
    [1, 0, -1, 2, "a", "1", "", "é", "e\u0301", "true", 2**53 + 1, 2**63 - 1, -2**63]
] + [
    {"match": {"any": v}} for v in
    [[1], [1, 2, 3], ["a"], ["a", "1", "é"], list(range(-20, 20)), [chr(c) for c in range(97, 123)]]
] + [
    {"match": {"except": v}} for v in
    [[1], [1, 2], ["a"], ["a", "b", "1"], list(range(-20, 20)), [chr(c) for c in range(97, 123)]]
] + [
    {"match": {"text": v}} for v in ["a", "", "A", "naï", "x"]
] + [
    {"match": {"text_any": v}} for v in ["a b", "  ", "x e\u0301", "A\tve"]
] + [
    {"match": {"phrase": v}} for v in ["a", "aï"]
] + [
    {"match": {"prefix": v}} for v in ["", "a", "na", "語"]
] + [
    {"range": v} for v in
    [{"gte": 1}, {"gt": 1}, {"lt": 1}, {"lte": 1.0}, {"gte": 1, "lte": 1}, {"gt": 1, "lt": 2},
     {"gte": 9e18}, {"lt": -9e18}, {}, {"gte": 0, "lt": 1e10}]
] + [
    {"values_count": v} for v in
    [{"gt": 0}, {"gte": 1}, {"lt": 1}, {"lte": 0}, {"gte": 2}, {"gt": 1, "lt": 3}, {"lte": 1}]
]


def condition(r, depth, key=None):
    """A random condition."""
    kinds = ["field"] * 6 + ["is_empty", "is_null", "has_id", "has_vector", "slice"]
    if depth:
        kinds += ["nested", "nested", "filter", "filter"]
    kind = r.choice(kinds)
    key = key or r.choice(KEYS)
    if kind == "field":
        return field(key, **r.choice(PREDICATES))
    if kind in ("is_empty", "is_null"):
        return {kind: {"key": key}}
    if kind == "has_id":
        return {"has_id": r.sample(range(60), 20) + [UUID_A, 2**64 - 1]}
    if kind == "has_vector":
        return {"has_vector": r.choice(["a", "b", "zz"])}
    if kind == "slice":
        total = r.choice([2, 3, 7])
        return {"slice": {"total": total, "index": r.randrange(total)}}
    if kind == "nested":
        return {"nested": {"key": r.choice(["k", "k[]", "k.x", "k[].x", "k[]"]),
                           "filter": random_filter(r, depth - 1, ["x", "y", "x[]", "x.y"])}}
    return random_filter(r, depth - 1)


def random_filter(r, depth, keys=None):
    def conditions(n):
        return [condition(r, depth, keys and r.choice(keys)) for _ in range(n)]
    f = {}
    for name in r.sample(["must", "should", "must_not"], r.choice([1, 1, 2])):
        f[name] = conditions(r.choice([1, 1, 2, 3]))
    if r.random() < 0.2:
        n = r.choice([2, 3, 4])
        f["min_should"] = {"conditions": conditions(n), "min_count": r.choice([1, 2, n])}
    return f


def odd_cases():
    r = random.Random(20240229)
    cases = [{"must": [field("k", **p)]} for p in PREDICATES]
    for key in KEYS:
        cases += [{"must": [{"is_empty": {"key": key}}]}, {"must": [{"is_null": {"key": key}}]}]
        cases += [{"must": [field(key, **p)]} for p in r.sample(PREDICATES, 9)]
    cases += [{"must": [{"slice": {"total": 5, "index": i}}]} for i in range(5)]
    cases += [
        {"must": [{"has_id": [3, 4, UUID_A, 999]}]}, {"must_not": [{"has_id": [3, 4, UUID_B]}]},
        {"must": [{"has_vector": "a"}]}, {"must_not": [{"has_vector": "b"}]}, {},
        {"must": [{"has_vector": "zz"}]},
        {"must": [{"nested": {"key": "k", "filter": {
            "must": [field("x", match={"value": 1}), field("y", match={"value": "a"})]}}}]},
        {"must": [{"nested": {"key": "k[]", "filter": {
            "must_not": [field("x", match={"value": 1})]}}}]},
        {"must": [{"nested": {"key": "k", "filter": {"must": [{"is_empty": {"key": "x"}}]}}}]},
        {"must": [{"nested": {"key": "k", "filter": {"must": [{"is_null": {"key": "x"}}]}}}]},
        {"must": [{"nested": {"key": "k", "filter": {}}}]},
        {"min_should": {"conditions": [field("k", match={"value": 1})], "min_count": 0}},
    ]
    return cases + [random_filter(r, 2) for _ in range(220)]


TIMES = [
    "2024-02-29", "2024-02-29T12:30:15Z", "2024-02-29 12:30:15", "2024-02-29T12:30:15",
    "2024-02-29T12:30:15.25Z", "2024-02-29T12:30:15.123456+02:00", "2024-02-29T12:30",
    "2024-02-29 12:30", "2024-02-29T12:30:15+0200", "2024-02-29 12:30:15-04:00",
    "2024-02-29T12:30:15+02", "2024-02-29t12:30:15z", "2023-02-29", "2024-13-01", "2024-02",
    "2024", "yesterday", "", "2024-02-29T24:00:00Z", "2024-02-29T12:30Z", "2024-02-29Z",
    "2024-02-29T12:30:60Z", "1969-12-31T23:59:59.5Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", " 2024-02-29", "2024-02-29 ", "2024-2-9", "2024-02-29T1:2:3Z",
    "2024-02-29 12:30:15 +02:00", "2024-02-29T12:30:15 Z", "2024-02-29T12:30:15UTC",
    "2024-02-29 12:30:15 UTC", "2024-02-29T12:30:15.Z", "2024-02-29T12:30:15+2", "02024-02-29",
    "+2024-02-29", "2024-02-29T12:30:15,5Z", "2024-02-29T12:30:15-00:00", "-0001-01-01",
    "2024-02-29T12:30:15+25:00", "2024-02-29T12:30:15+02:60", "2024-02-29\t12:30:15",
    "2024-02-29  12:30:15", "2024-02-29T12:30:15\u221202:00",
    "24-01-01", "224-1-1", "2024- 02-29", "2024 -02-29", "2024-02-29T 12:30:15", "2024-02-29 T12:30:15",
    "2024-02-29T12:30:15utc", "2024-02-29T12:30:15+02 00", "2024-02-29T12:30:15+02 :00",
    "2024-02-29T12: 30:15", "2024-02-29T12 :30", "2024-02-29T12:30:61Z", "+02024-02-29",
    "2024-02-29T12:30:15.5", "2024-02-29T12:30:15.5UTC", "2024-02-29T12:30:15z ",
    "2024-2-29T12:30:15Z", "2024-02-29T12:30:15+0260", "2024-02-29T12:30:60", "2024-02-29T12:30UTC",
    "0000-01-01", "2024-02-29T1:2", "+12024-02-29",
    1709209815, 1709209815000000, None, ["2024-01-01", "2024-12-31"], [["2024-02-29"]],
]


def time_cases():
    bounds = ["0000-01-01", "2024-02-29T12:30:15Z", "2024-02-29", "2024-02-29T10:30:15.123456Z",
              "2024-02-29T12:30:15.25Z", "2024-03-01", "1970-01-01T00:00:00Z",
              "2024-02-29T16:30:15+00:00", "2024-02-29T12:30:00Z"]
    cases = []
    for bound in bounds:
        cases += [{"must": [field("t", range={op: bound})]} for op in ("gte", "gt", "lte", "lt")]
        cases.append({"must": [field("t", range={"gte": bound, "lte": bound})]})
    return cases


PLACES = [
    (13.4, 52.5), (37.6, 55.75), (-0.1, 51.5), (179.9, 10), (-179.9, 10), (0, 0), (180, 0),
    (-180, 0), (0, 90), (0, -90), (10, 10), (5, 5), (2, 2), (5, 10), (10, 5), (3, 3), (7.5, 7.5),
    (13.41, 52.5), (13.4, 52.51), (500, 3), (1, 4),
]


def geo_points():
    points = [{"lon": lon, "lat": lat} for lon, lat in PLACES]
    odd = [[points[0], points[1]], {"lon": "5", "lat": 5}, {"lat": 5}, [5, 5], "5,5", None, [],
           {"lon": 5, "lat": 5, "name": "x"}, [[points[11]]], {"lon": 5.0, "lat": True}]
    return [{"id": i, "payload": {"g": g}, "vectors": ["a"]} for i, g in enumerate(points + odd)]


def geo_cases():
    def at(lon, lat):
        return {"lon": lon, "lat": lat}
    def ring(*places):
        return {"points": [at(*p) for p in places + (places[0],)]}
    cases = []
    for lon, lat in [(13.4, 52.5), (0, 0), (180, 0), (0, 90), (179.95, 10), (5, 5)]:
        for radius in [0, 1, 700, 1_200, 30_000, 800_000, 2_000_000, 1e7, 3e7]:
            cases.append(field("g", geo_radius={"center": at(lon, lat), "radius": radius}))
    for left, top, right, bottom in [
            (0, 10, 10, 0), (-1, 11, 11, -1), (179, 20, -179, 0), (-180, 90, 180, -90),
            (13, 53, 14, 52), (10, 0, 0, 10), (-20, 60, 40, 50)]:
        cases.append(field("g", geo_bounding_box={
            "top_left": at(left, top), "bottom_right": at(right, bottom)}))
    square = ring((0, 0), (10, 0), (10, 10), (0, 10))
    hole = ring((1, 1), (1, 4), (4, 4), (4, 1))
    inner = ring((5, 5), (8, 5), (8, 8), (5, 8))
    bow = ring((0, 0), (10, 10), (10, 0), (0, 10))
    for polygon in [{"exterior": square}, {"exterior": square, "interiors": [hole]},
                    {"exterior": square, "interiors": [hole, inner]}, {"exterior": bow},
                    {"exterior": ring((-10, -10), (20, 3), (3, 20))}]:
        cases.append(field("g", geo_polygon=polygon))
    return [{"must": [c]} for c in cases]


TEXTS = [
    "The quick brown fox", "the QUICK fox", "brown the quick", "quickly browned", "", "fox, fox!",
    "Привет, мир", "naïve café", ["the quick", "brown fox"], ["fox", 5, None], 7, None,
    "a-b_c d", "x", "don't stop", "語 分かち", "the brown quick fox", "E=mc2 2024",
]


def text_cases():
    queries = ["quick", "QUICK fox", "quick brown", "fox the", "brow", "qui", "мир", "café", "b",
               "a-b", "x", "", " ", "nothing", "quick nothing", "don", "t", "mc2", "the quick",
               "brown fox", "語", "thequick", "fox, fox"]
    return [{"must": [field("s", match={kind: text})]}
            for kind in ("text", "text_any", "phrase") for text in queries]


def group(name, points, cases, text_index=None):
    shard = Shard(points, text_index)
    result = {"name": name, "points": points, "text_index": text_index, "cases": []}
    for f in cases:
        result["cases"].append({"filter": f, "ids": shard.ids(f)})
    shard.close()
    return result


def single_field(key, values):
    return [{"id": i, "payload": {key: v}, "vectors": ["a"]} for i, v in enumerate(values)]


# --- Edits ------------------------------------------------------------------------------------

def edits():
    nested = {"a": 5, "b": {"c": 1, "d": {"e": 2}}, "n": [{"x": 1, "y": 2}, 3, [4, {"x": 5}]],
              "s": "t", "z": None, "e": []}
    set_cases = [
        ({"a": 1, "b": 2}, {"a": None, "c": 3}, None), ({"a": 1}, {"d": None}, None),
        ({"a": {"b": {"x": 1}}}, {"y": 2, "x": None}, "a.b"), ({"a": 5}, {"y": 2}, "a.b"),
        ({}, {"y": 2}, "a.b[].c"), ({"a": [{"x": 1}, 2]}, {"y": 2}, "a[]"),
        ({"a": [{"x": 1}, 2]}, {"y": 2}, "a[0]"), ({"a": [{"x": 1}, 2]}, {"y": 2}, "a[7]"),
        ({"a": {"z": 1}}, {"y": 2}, "a[]"), ({"a": [[{"x": 1}]]}, {"y": {"z": None}}, "a[][].b"),
        ({"a": {"b": 1}}, {"b": {"c": 2}}, None), ({"a": {"b": 1}}, {"b": {"c": 2}}, "a"),
        ({"a": 1}, {}, "b.c"), ({"a": 1}, {"k": 1}, "\"x.y\".z"),
    ]
    delete_cases = [
        ({"a": {"b": 1, "c": 2}, "n": [{"x": 1, "y": 2}, 3, [1]]}, ["a.b", "n[].x"]),
        ({"a": [1, 2]}, ["a[0]"]), ({"a": [1, 2]}, ["a[]"]), ({"a": [{"x": 1}]}, ["a[0].x"]),
        ({"a": 1, "b": 2}, ["a", "zz", "b.c"]), ({"a.b": 1, "a": {"b": 2}}, ["\"a.b\""]),
        ({"a": [[1], [{"x": 1, "y": 2}]]}, ["a[][].x"]), ({"a": {"b": 1}}, ["a.b.c"]),
        ({"a": [[1, 2], [3]]}, ["a[][]"]),
    ]
    paths = [["a"], ["a.b"], ["b.c"], ["b.d.e"], ["b.d"], ["b"], ["n"], ["n[]"], ["n[].x"],
             ["n[0]"], ["n[0].x"], ["n.x"], ["n[][].x"], [], ["zz"], ["a", "s"],
             ["b.c", "n[].y"], ["e"], ["e[]"], ["b", "b.c"]]
    U = q.UpdateOperation

    def changed(payload, operation):
        shard = Shard([{"id": 1, "payload": payload, "vectors": ["a"]}])
        shard.update(operation)
        after = shard.payload(1)
        shard.close()
        return after

    shard = Shard([{"id": 1, "payload": nested, "vectors": ["a"]}])
    selected = [{"kind": kind, "paths": p, "after": shard.payload(1, make(p))}
                for kind, make in (("include", q.PayloadSelector.Include),
                                   ("exclude", q.PayloadSelector.Exclude)) for p in paths]
    shard.close()
    return {
        "set": [{"before": b, "changes": c, "key": k, "after": changed(b, U.set_payload([1], c, k))}
                for b, c, k in set_cases],
        "delete": [{"before": b, "keys": k, "after": changed(b, U.delete_payload([1], k))}
                   for b, k in delete_cases],
        "select": {"payload": nested, "cases": selected},
    }


def write(name, value):
    with open(os.path.join(HERE, name), "w") as file:
        json.dump(value, file, separators=(",", ":"), ensure_ascii=False)
        file.write("\n")


def main():
    texts = single_field("s", TEXTS)
    groups = [
        group("odd values", odd_points(), odd_cases()),
        group("times", single_field("t", TIMES), time_cases()),
        group("places", geo_points(), geo_cases()),
        group("text without an index", texts, text_cases()),
    ]
    for parameters in [{"tokenizer": "word"}, {"tokenizer": "whitespace", "lowercase": False},
                       {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4},
                       {"tokenizer": "word", "min_token_len": 2, "phrase_matching": True}]:
        index = {"field": "s", "parameters": parameters}
        cases = [c for c in text_cases() if parameters.get("phrase_matching")
                 or "phrase" not in c["must"][0]["match"]]
        groups.append(group(f"text index {json.dumps(parameters)}", texts, cases, index))
    write("filters.json", groups)
    write("edits.json", edits())
    print(sum(len(g["cases"]) for g in groups), "filters,", os.path.getsize(
        os.path.join(HERE, "filters.json")), "bytes")


if __name__ == "__main__":
    main()
