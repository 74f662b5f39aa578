"""Our own extension: vector fields with an IVF-PQ index (docs/protocol.md)."""

from __future__ import annotations

import random

import pytest
from qdrant_client.models import PointStruct

pytestmark = pytest.mark.server_only("extensions of this server")


@pytest.fixture
def filled(client, rest, name):
    body = {"vectors": {"size": 8, "distance": "Cosine", "ivf": {"lists": 16, "probes": 4}}}
    assert rest("PUT", f"/collections/{name}", body).status == 200
    chance = random.Random(1)
    client.upsert(
        name,
        [
            PointStruct(id=n, vector=[chance.gauss(0, 1) for _ in range(8)])
            for n in range(300)
        ],
    )
    yield name
    client.delete_collection(name)


def test_the_settings_are_told_again_and_searches_take_probes(rest, filled):
    vectors = rest("GET", f"/collections/{filled}").result["config"]["params"]["vectors"]
    assert vectors["ivf"] == {"lists": 16, "bits": 4, "probes": 4}
    body = {"query": [1, 0, 0, 0, 0, 0, 0, 0], "limit": 5, "params": {"ivf_probes": 16}}
    found = rest("POST", f"/collections/{filled}/points/query", body).result["points"]
    body["params"] = {"exact": True}
    truth = rest("POST", f"/collections/{filled}/points/query", body).result["points"]
    assert [point["id"] for point in found] == [point["id"] for point in truth]


@pytest.mark.parametrize(
    "settings", [{"lists": 0}, {"parts": 3}, {"bits": 6}, {"probes": -1}, {"lists": "many"}, {"spill": 2}, 7]
)
def test_settings_that_cannot_be_are_refused(rest, name, settings):
    body = {"vectors": {"size": 8, "distance": "Dot", "ivf": settings}}
    reply = rest("PUT", f"/collections/{name}", body)
    assert reply.status in (400, 422)
    assert rest("GET", f"/collections/{name}").status == 404


def test_spilled_lists_are_told_and_answer(client, rest, name):
    body = {"vectors": {"size": 8, "distance": "Cosine", "ivf": {"lists": 8, "spill": True}}}
    assert rest("PUT", f"/collections/{name}", body).status == 200
    vectors = rest("GET", f"/collections/{name}").result["config"]["params"]["vectors"]
    assert vectors["ivf"] == {"lists": 8, "bits": 4, "spill": True}
    client.upsert(name, [PointStruct(id=n, vector=[1, n, 0, 0, 0, 0, 0, 0]) for n in range(40)])
    body = {"query": [1, 7, 0, 0, 0, 0, 0, 0], "limit": 3, "params": {"ivf_probes": 8}}
    found = rest("POST", f"/collections/{name}/points/query", body).result["points"]
    assert found[0]["id"] == 7 and len({point["id"] for point in found}) == 3
    client.delete_collection(name)
