"""Our own extension: what a query knew, chose and did (docs/protocol.md)."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from qdrant_client.models import Distance, PayloadSchemaType, PointStruct, VectorParams

import apus_server

pytestmark = pytest.mark.server_only("extensions of this server")


def test_an_explanation_tells_plan_filter_and_work(rest, client, collection):
    own = collection(vectors_config=VectorParams(size=32, distance=Distance.COSINE))
    client.create_payload_index(own, "group", PayloadSchemaType.INTEGER)
    chance = random.Random(1)
    vectors = [[chance.uniform(-1, 1) for _ in range(32)] for _ in range(500)]
    client.upsert(
        own,
        [PointStruct(id=n, vector=v, payload={"group": n % 5}) for n, v in enumerate(vectors)],
    )
    body = {
        "query": vectors[3],
        "limit": 4,
        "filter": {"must": [{"key": "group", "match": {"value": 3}}]},
    }
    reply = rest("POST", f"/apus/v1/collections/{own}/explain", body)
    query = rest("POST", f"/collections/{own}/points/query", body)
    assert reply.result["points"] == query.result["points"]
    (search,) = reply.result["explanation"]["searches"]
    assert search["rows"] == 500 and search["found"] == 4 and search["vector"] == ""
    assert search["filter"]["matching_rows"] == 100
    assert search["filter"]["source"] == "evaluated"
    assert search["measured"] >= 100
    assert search["plan"]["plan"].startswith("scan") and search["plan"]["cost"] > 0
    assert search["seconds"] <= reply.result["explanation"]["seconds"]
    assert rest("POST", "/apus/v1/collections/none/explain", body).status == 404
    short = {"query": [1.0]}
    assert rest("POST", f"/apus/v1/collections/{own}/explain", short).status == 400


def test_the_program_explains_a_query(tmp_path):
    rows = tmp_path / "rows.npy"
    chance = np.random.default_rng(2)
    np.save(rows, chance.normal(size=(300, 32)).astype(np.float32))
    data = str(tmp_path / "data")
    ingested = apus_server.run(
        "ingest", "--collection", "c", "--metric", "l2", "--data", data, "--vectors", str(rows))
    assert ingested.returncode == 0, ingested.stderr
    query = json.dumps({"query": 7, "limit": 3})
    told = apus_server.run("explain", data, "c", input=query)
    assert told.returncode == 0, told.stderr
    assert "3 points in" in told.stdout and "300 rows" in told.stdout
    assert "not " in told.stdout and "cost" in told.stdout
    machine = apus_server.run("explain", data, "c", "--json", input=query)
    (search,) = json.loads(machine.stdout)["searches"]
    assert search["rows"] == 300
    for arguments, text in [((data, "none"), "none"), ((str(tmp_path), "c"), "not a database")]:
        refused = apus_server.run("explain", *arguments, input=query)
        assert refused.returncode > 0 and text in refused.stderr
    wrong = apus_server.run("explain", data, "c", input="{")
    assert wrong.returncode > 0 and wrong.stderr
