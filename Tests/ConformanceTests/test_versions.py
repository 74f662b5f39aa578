"""Our own extensions: kept versions, durability, where bytes lie, memory bounds (docs/protocol.md).

The client does not know them: it must neither send them nor trip over them.
"""

from __future__ import annotations

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, VectorParams

import apus_server
from rest import Rest

pytestmark = pytest.mark.server_only("extensions of this server")

PLAIN = VectorParams(size=2, distance=Distance.DOT)
POINTS = 50


@pytest.fixture
def filled(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(
        own,
        [PointStruct(id=n, vector=[n, 1], payload={"n": n}) for n in range(POINTS)],
    )
    return own


def scroll(rest: Rest, name: str, **body) -> dict:
    return rest("POST", f"/collections/{name}/points/scroll", {"with_vector": True, **body}).result


def rewrite(client, name: str, step: int) -> None:
    client.upsert(name, [PointStruct(id=n, vector=[0, step]) for n in range(0, POINTS, 2)])
    client.delete(name, models.PointIdsList(points=list(range(step, POINTS, 7))))
    client.upsert(name, [PointStruct(id=1000 + step, vector=[1, 1])])


def test_pages_of_a_pinned_version_show_one_state_while_others_write(client, rest, filled):
    before = scroll(rest, filled, limit=1000)["points"]
    page = scroll(rest, filled, limit=7, version="pin")
    version, points, step = page["version"], page["points"], 0
    assert isinstance(version, int)
    while page["next_page_offset"] is not None:
        rewrite(client, filled, step)
        step += 1
        page = scroll(
            rest, filled, limit=7, offset=page["next_page_offset"], version=version
        )
        assert page["version"] == version
        points += page["points"]
    assert step > 5
    assert points == before
    assert scroll(rest, filled, limit=1000)["points"] != before


def test_clients_that_ask_for_no_version_see_no_sign_of_it(client, rest, filled):
    assert "version" not in scroll(rest, filled, limit=3)
    reply = rest("POST", f"/collections/{filled}/points/scroll", {"limit": 3})
    assert "apus-version" not in reply.headers
    assert client.scroll(filled, limit=3)[1] == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("points/query", {"query": [1, 0], "limit": 5, "with_vector": True}),
        ("points/search", {"vector": [1, 0], "limit": 5, "with_payload": True}),
        ("points/query/groups", {"query": [1, 0], "group_by": "n", "limit": 5}),
        ("points/query/batch", {"searches": [{"query": [1, 0], "limit": 2}]}),
        ("points", {"ids": [3, 7, 48]}),
        ("points/count", {"filter": {"must": [{"key": "n", "range": {"gte": 20}}]}}),
        ("points/scroll", {"limit": 100}),
    ],
)
def test_every_read_takes_the_version_as_a_header(client, rest, filled, path, body):
    def read(version: str):
        reply = rest(
            "POST", f"/collections/{filled}/{path}", body, headers={"apus-version": version}
        )
        return reply.result, reply.headers["apus-version"]

    before, version = read("pin")
    rewrite(client, filled, 1)
    client.delete(filled, models.FilterSelector(filter=models.Filter()))
    again, same = read(version)
    assert same == version
    assert again == before
    assert read("pin")[0] != before


def test_grpc_takes_and_tells_it_as_metadata(client, rest, server, filled):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        points = wire.PointsStub(channel)

        def page(version: str, offset: int | None = None):
            request = wire.ScrollPoints(collection_name=filled, limit=20)
            if offset is not None:
                request.offset.num = offset
            reply, called = points.Scroll.with_call(
                request, metadata=[("apus-version", version)], timeout=60
            )
            told = dict(called.initial_metadata()) | dict(called.trailing_metadata())
            return [each.id.num for each in reply.result], told["apus-version"]

        first, version = page("pin")
        client.delete(filled, models.FilterSelector(filter=models.Filter()))
        second, same = page(version, 20)
        third, _ = page(version, 40)
        assert same == version
        assert first + second + third == list(range(POINTS))
        with pytest.raises(grpc.RpcError) as caught:
            page("999999")
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert version in caught.value.details()


@pytest.mark.parametrize("version", [999_999, 2**52])
def test_a_version_that_is_not_kept_is_gone(rest, filled, version):
    reply = rest("POST", f"/collections/{filled}/points/scroll", {"version": version})
    assert reply.status == 410
    assert f"version {version}" in reply.error and "kept" in reply.error


@pytest.mark.parametrize("version", ["latest", "", -1, 1.5, True, [], {}])
def test_what_is_no_version_is_refused(rest, filled, version):
    reply = rest("POST", f"/collections/{filled}/points/scroll", {"version": version})
    assert reply.status == 400
    assert "version" in reply.error


def test_a_header_that_is_no_version_is_refused(rest, filled):
    reply = rest(
        "POST", f"/collections/{filled}/points/count", {}, headers={"apus-version": "soon"}
    )
    assert reply.status == 400
    assert "apus-version" in reply.error


# Durability


def describe(rest: Rest, name: str) -> dict:
    return rest("GET", f"/collections/{name}").result


def test_durability_is_set_changed_and_always_told(client, rest, name):
    body = {"vectors": {"size": 2, "distance": "Dot"}}
    assert rest("PUT", f"/collections/{name}", body).result is True
    assert describe(rest, name)["config"]["wal_config"]["durability"] == "sync"
    change = {"wal_config": {"durability": {"async_ms": 200}}}
    assert rest("PATCH", f"/collections/{name}", change).result is True
    told = describe(rest, name)
    assert told["config"]["wal_config"]["durability"] == {"async_ms": 200}
    assert told["apus"]["durability"] == {"async_ms": 200}
    upserted = client.upsert(name, [PointStruct(id=1, vector=[1, 2])], wait=True)
    assert upserted.status == models.UpdateStatus.COMPLETED
    assert client.get_collection(name).points_count == 1
    rest("PATCH", f"/collections/{name}", {"wal_config": {"durability": "sync"}})
    assert describe(rest, name)["apus"]["durability"] == "sync"
    client.delete_collection(name)


@pytest.mark.parametrize(
    ("durability", "status"),
    [({"async_ms": 0}, 422), ({"async_ms": 10_001}, 422), ({}, 400), ("soon", 400), (5, 400)],
)
def test_a_durability_that_is_none_is_refused(rest, name, durability, status):
    body = {
        "vectors": {"size": 2, "distance": "Dot"}, "wal_config": {"durability": durability}
    }
    reply = rest("PUT", f"/collections/{name}", body)
    assert reply.status == status, reply.text
    assert "durability" in reply.error


def test_the_servers_default_is_for_new_collections_over_both_protocols():
    with apus_server.temporary_server(arguments=("--durability", "async:50")) as own:
        rest = Rest(own.url)
        rest("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        with grpc.insecure_channel(f"127.0.0.1:{own.grpc_port}") as channel:
            vectors = wire.VectorsConfig(
                params=wire.VectorParams(size=2, distance=wire.Distance.Dot)
            )
            wire.CollectionsStub(channel).Create(
                wire.CreateCollection(collection_name="b", vectors_config=vectors)
            )
        for each in "ab":
            assert describe(rest, each)["apus"]["durability"] == {"async_ms": 50}


# Memory


def test_the_description_tells_where_bytes_lie(client, rest, filled):
    told = describe(rest, filled)["apus"]
    parts = told["bytes_per_vector"]
    assert set(parts) == {"vectors", "codes", "graph", "payload", "ids", "sparse", "total"}
    assert parts["vectors"]["memory"] >= 8
    assert told["memory_bytes"] > 0
    assert told["version"] >= 1
    assert told["pinned_versions"] == []
    # The client passes over it.
    assert client.get_collection(filled).points_count == POINTS
    text = rest("GET", "/metrics").text
    assert f'apus_collection_memory_bytes{{collection="{filled}",kind="vectors"}}' in text
    assert f'apus_collection_disk_bytes{{collection="{filled}",kind="graph"}}' in text


def fill(client, name: str, start: int, batches: int) -> int:
    """Writes batches of 50 points; returns how many were acknowledged before a refusal."""
    for number in range(batches):
        first = start + 50 * number
        points = [
            PointStruct(id=first + n, vector=[n, first], payload={"text": "x" * 200})
            for n in range(50)
        ]
        try:
            client.upsert(name, points)
        except Exception as error:
            text = str(error)
            assert "507" in text or "RESOURCE_EXHAUSTED" in text, text
            assert "on_disk: true" in text
            return 50 * number
    return 50 * batches


def test_a_write_past_the_budget_is_refused_and_reads_go_on(client, rest, name):
    body = {
        "vectors": {"size": 2, "distance": "Dot"},
        "optimizers_config": {"memory_budget_bytes": 30_000},
    }
    rest("PUT", f"/collections/{name}", body)
    written = fill(client, name, 0, 20)
    assert 0 < written < 1000
    assert client.count(name).count == written
    client.delete(name, models.PointIdsList(points=[0]))
    assert client.count(name).count == written - 1
    assert describe(rest, name)["apus"]["memory_budget_bytes"] == 30_000
    change = {"optimizers_config": {"memory_budget_bytes": 0}}
    assert rest("PATCH", f"/collections/{name}", change).result is True
    assert fill(client, name, 5000, 20) == 1000
    client.delete_collection(name)


def test_the_servers_limit_holds():
    with apus_server.temporary_server(arguments=("--memory-limit", "100KiB")) as own:
        rest = Rest(own.url)
        rest("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        points = [{"id": n, "vector": [1, n], "payload": {"t": "x" * 500}} for n in range(1000)]
        reply = rest("PUT", "/collections/a/points?wait=true", {"points": points})
        assert reply.status == 507
        assert "102400" in reply.error
        assert describe(rest, "a")["points_count"] == 0
        reply = rest("PUT", "/collections/a/points?wait=true", {"points": points[:10]})
        assert reply.result["status"] == "completed"
