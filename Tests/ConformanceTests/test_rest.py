"""What REST alone shows: envelopes, number formats, routes, health."""

from __future__ import annotations

import re

import numpy as np
import pytest


@pytest.fixture
def plain(rest, name):
    rest("PUT", f"/collections/{name}", {"vectors": {"size": 2, "distance": "Dot"}}).result
    yield name
    rest("DELETE", f"/collections/{name}")


def put(rest, name, *points):
    reply = rest("PUT", f"/collections/{name}/points?wait=true", {"points": list(points)})
    assert reply.result["status"] == "completed"
    return reply.result


def test_success_comes_in_an_envelope(rest, plain):
    reply = rest("GET", "/collections")
    assert reply.headers["content-type"].startswith("application/json")
    envelope = reply.json
    assert envelope["status"] == "ok"
    assert 0 <= envelope["time"] < 60
    assert {"name": plain} in envelope["result"]["collections"]


def test_failure_comes_in_an_envelope(rest, name):
    reply = rest("GET", f"/collections/{name}")
    assert reply.status == 404
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.error == f"Not found: Collection `{name}` doesn't exist!"


def test_texts_that_software_greps(rest, plain):
    again = rest("PUT", f"/collections/{plain}", {"vectors": {"size": 2, "distance": "Dot"}})
    assert again.status == 409 and "already exists!" in again.error
    assert f"`{plain}`" in again.error
    wrong = rest("PUT", f"/collections/{plain}/points", {"points": [{"id": 1, "vector": [1]}]})
    assert wrong.status == 400
    assert "Vector dimension error: expected dim: 2, got 1" in wrong.error
    unknown = rest("POST", f"/collections/{plain}/points/query", {"query": [1, 1], "using": "u"})
    assert unknown.status == 400 and "Not existing vector name error: u" in unknown.error


def test_the_description_has_every_required_field(rest, plain):
    info = rest("GET", f"/collections/{plain}").result
    assert info["status"] == "green"
    assert info["optimizer_status"] == "ok"
    assert isinstance(info["segments_count"], int)
    assert info["payload_schema"] == {}
    config = info["config"]
    vectors = config["params"]["vectors"]
    assert (vectors["size"], vectors["distance"]) == (2, "Dot")
    for key in ("m", "ef_construct", "full_scan_threshold"):
        assert isinstance(config["hnsw_config"][key], int)
    for key in ("deleted_threshold", "vacuum_min_vector_number", "default_segment_number",
                "flush_interval_sec"):
        assert config["optimizer_config"][key] is not None
    assert info["points_count"] == 0 and info["indexed_vectors_count"] == 0


def test_floats_are_the_shortest_that_come_back(rest, plain):
    random = np.random.default_rng(8).normal(size=2).astype(np.float32)
    put(
        rest, plain, {"id": 1, "vector": [0.05, 0.1]}, {"id": 2, "vector": [1e-7, 3.4e38]},
        {"id": 3, "vector": [float(each) for each in random]}, {"id": 4, "vector": [1, -0.0]},
    )
    body = {"ids": [1, 2, 3], "with_vector": True}
    text = rest("POST", f"/collections/{plain}/points", body).text
    assert re.search(r"\[\s*0\.05\s*,\s*0\.1\s*\]", text), text
    vectors = {each["id"]: each["vector"] for each in rest(
        "POST", f"/collections/{plain}/points", {**body, "ids": [1, 2, 3, 4]}).result}
    assert np.array_equal(np.float32(vectors[2]), np.float32([1e-7, 3.4e38]))
    assert np.array_equal(np.float32(vectors[3]), random)
    for written, number in re.findall(r"\[(-?\d[^,\]]*),(-?\d[^,\]]*)\]", text):
        for each in (written, number):
            assert float(each) == float(str(np.float32(each))), f"{each} is longer than needed"


def test_payload_numbers_keep_their_kind(rest, plain):
    raw = (b'{"points":[{"id":1,"vector":[1,1],"payload":'
           b'{"i":1,"f":1.0,"big":9007199254740993,"min":-9223372036854775808,"e":1e-9}}]}')
    assert rest("PUT", f"/collections/{plain}/points?wait=true", raw=raw).status == 200
    payload = rest("GET", f"/collections/{plain}/points/1").result["payload"]
    assert payload == {
        "i": 1, "f": 1.0, "big": 9007199254740993, "min": -(2**63), "e": 1e-9
    }
    assert isinstance(payload["i"], int) and isinstance(payload["f"], float)


def test_one_point_by_its_id(rest, plain):
    uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    put(rest, plain, {"id": 5, "vector": [1, 2], "payload": {"a": 1}}, {"id": uuid, "vector": [3, 4]})
    assert rest("GET", f"/collections/{plain}/points/5").result == {
        "id": 5, "payload": {"a": 1}, "vector": [1, 2]
    }
    assert rest("GET", f"/collections/{plain}/points/{uuid}").result["id"] == uuid
    missing = rest("GET", f"/collections/{plain}/points/6")
    assert missing.status == 404 and "6" in missing.error
    assert rest("GET", f"/collections/{plain}/points/no-uuid").status in (400, 404, 422)


def test_defaults_of_the_wire(rest, plain):
    put(rest, plain, *({"id": n, "vector": [n, 0], "payload": {"n": n}} for n in range(20)))
    base = f"/collections/{plain}/points"
    hits = rest("POST", f"{base}/query", {"query": [1, 0]}).result["points"]
    assert len(hits) == 10
    assert "payload" not in hits[0] or hits[0]["payload"] is None
    assert "vector" not in hits[0] or hits[0]["vector"] is None
    page = rest("POST", f"{base}/scroll", {}).result
    assert len(page["points"]) == 10 and page["next_page_offset"] == 10
    assert page["points"][0]["payload"] == {"n": 0}
    assert rest("POST", f"{base}/count", {}).result == {"count": 20}
    records = rest("POST", base, {"ids": [1]}).result
    assert records[0]["payload"] == {"n": 1}
    groups = rest("POST", f"{base}/query/groups", {"query": [1, 0], "group_by": "n"}).result
    assert len(groups["groups"]) == 10


def test_acknowledged_without_wait(rest, plain):
    body = {"points": [{"id": 1, "vector": [1, 1]}]}
    result = rest("PUT", f"/collections/{plain}/points", body).result
    assert result["status"] == "acknowledged"
    second = rest("PUT", f"/collections/{plain}/points?wait=true", body).result
    assert second["status"] == "completed"
    assert second["operation_id"] > result["operation_id"]


def test_the_deprecated_search(rest, plain):
    put(rest, plain, *({"id": n, "vector": [n, 0], "payload": {"n": n}} for n in range(5)))
    hits = rest("POST", f"/collections/{plain}/points/search", {
        "vector": [1, 0], "limit": 2, "with_payload": True,
        "filter": {"must": [{"key": "n", "range": {"lt": 4}}]},
    }).result
    assert [(each["id"], each["score"], each["payload"]) for each in hits] == [
        (3, 3, {"n": 3}), (2, 2, {"n": 2})
    ]


def test_the_deprecated_search_of_a_named_vector(rest, name):
    rest("PUT", f"/collections/{name}", {"vectors": {"v": {"size": 2, "distance": "Dot"}}}).result
    put(rest, name, {"id": 1, "vector": {"v": [1, 0]}}, {"id": 2, "vector": {"v": [2, 0]}})
    hits = rest("POST", f"/collections/{name}/points/search", {
        "vector": {"name": "v", "vector": [1, 0]}, "limit": 1, "with_vector": True,
    }).result
    assert hits[0]["id"] == 2 and hits[0]["vector"] == {"v": [2, 0]}
    rest("DELETE", f"/collections/{name}")


def test_columns_over_rest(rest, plain):
    batch = {"ids": [1, 2], "vectors": [[1, 2], [3, 4]], "payloads": [{"a": 1}, None]}
    rest("PUT", f"/collections/{plain}/points?wait=true", {"batch": batch}).result
    records = rest(
        "POST", f"/collections/{plain}/points", {"ids": [1, 2], "with_vector": True}
    ).result
    assert [each["vector"] for each in records] == [[1, 2], [3, 4]]
    uneven = {"ids": [3, 4], "vectors": [[1, 2]]}
    assert rest("PUT", f"/collections/{plain}/points", {"batch": uneven}).status in (400, 422)


def test_exists_and_delete(rest, plain):
    assert rest("GET", f"/collections/{plain}/exists").result == {"exists": True}
    assert rest("GET", "/collections/unknown-one/exists").result == {"exists": False}
    assert rest("DELETE", "/collections/unknown-one").result is False


def test_who_is_there(rest):
    reply = rest("GET", "/")
    assert reply.status == 200
    about = reply.json
    assert re.fullmatch(r"1\.19\.\d+", about["version"]), "the interface level for clients"
    assert "qdrant" not in about["title"].lower() and "apus" in about["title"].lower()


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_is_plain_text(rest, path):
    reply = rest("GET", path)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")


def test_one_node_is_no_cluster(rest):
    assert rest("GET", "/cluster").result == {"status": "disabled"}


def test_unknown_routes_and_methods(rest, plain):
    assert rest("GET", "/nothing/here").status == 404
    assert rest("POST", f"/collections/{plain}/points/frobnicate", {}).status == 404
    assert rest("DELETE", "/collections").status in (404, 405)
    assert rest("GET", f"/collections/{plain}/points/query").status in (400, 404, 405)


def test_names_are_percent_decoded(rest):
    name = "näme with space"
    path = "/collections/n%C3%A4me%20with%20space"
    rest("PUT", path, {"vectors": {"size": 2, "distance": "Dot"}}).result
    assert {"name": name} in rest("GET", "/collections").result["collections"]
    assert rest("DELETE", path).result is True


def test_unknown_fields_are_passed_over(rest, plain):
    put(rest, plain, {"id": 1, "vector": [1, 1], "from_the_future": 1})
    reply = rest(
        "POST", f"/collections/{plain}/points/query", {"query": [1, 1], "from_the_future": {}}
    )
    assert [each["id"] for each in reply.result["points"]] == [1]
