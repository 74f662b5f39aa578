"""Limits that a collection sets to its requests, over both protocols."""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, PointStruct, StrictModeConfig, VectorParams

from failures import fails

pytestmark = pytest.mark.server_only("the in-memory mode has no strict mode")

PLAIN = VectorParams(size=2, distance=Distance.DOT)
FILTER = models.Filter(
    must=[models.FieldCondition(key="city", match=models.MatchValue(value="Berlin"))]
)


@pytest.fixture
def strict(client, collection):
    """Creates a collection of three points under the limits."""

    def create(**limits) -> str:
        own = collection(vectors_config=PLAIN)
        client.upsert(own, [
            PointStruct(id=n, vector=[n, 1], payload={"city": "Berlin"}) for n in range(3)
        ])
        client.update_collection(
            own, strict_mode_config=StrictModeConfig(enabled=True, **limits)
        )
        return own

    return create


def test_limits_of_answers(client, transport, strict):
    own = strict(max_query_limit=2)
    with fails(transport, 400, 'Limit exceeded 3 > 2 for "limit"'):
        client.query_points(own, query=[1, 0], limit=3)
    with fails(transport, 400, "limit"):
        client.query_points_groups(own, group_by="city", query=[1, 0], limit=2, group_size=2)
    with fails(transport, 400, "limit"):
        client.scroll(own, limit=3)
    with fails(transport, 400, "limit"):
        client.facet(own, key="city", limit=3)
    with fails(transport, 400, "limit"):
        client.search_matrix_pairs(own, sample=2, limit=2)
    with fails(transport, 400, "limit"):
        client.query_batch_points(own, [models.QueryRequest(query=[1, 0], limit=3)])
    assert len(client.query_points(own, query=[1, 0], limit=2).points) == 2


def test_unindexed_filters(client, transport, strict):
    own = strict(unindexed_filtering_retrieve=False, unindexed_filtering_update=False)
    text = 'Index required but not found for "city"'
    with fails(transport, 400, text):
        client.query_points(own, query=[1, 0], query_filter=FILTER)
    with fails(transport, 400, text):
        client.count(own, count_filter=FILTER)
    with fails(transport, 400, text):
        client.delete(own, points_selector=FILTER)
    with fails(transport, 400, text):
        client.set_payload(own, {"a": 1}, points=FILTER)
    client.create_payload_index(own, "city", models.PayloadSchemaType.KEYWORD)
    assert client.count(own, count_filter=FILTER).count == 3
    client.delete(own, points_selector=FILTER)
    assert client.count(own).count == 0


def test_search_parameters(client, transport, strict):
    own = strict(search_max_hnsw_ef=10, search_allow_exact=False, search_max_oversampling=2)
    with fails(transport, 400, "hnsw_ef"):
        client.query_points(
            own, query=[1, 0], search_params=models.SearchParams(hnsw_ef=11)
        )
    with fails(transport, 400, "exact"):
        client.query_points(
            own, query=[1, 0], search_params=models.SearchParams(exact=True)
        )
    with fails(transport, 400, "oversampling"):
        client.query_points(own, query=[1, 0], search_params=models.SearchParams(
            quantization=models.QuantizationSearchParams(oversampling=3)
        ))


def test_batches_conditions_and_counts(client, transport, strict):
    own = strict(
        upsert_max_batchsize=2, search_max_batchsize=1, filter_max_conditions=1,
        condition_max_size=2, max_points_count=4, max_payload_index_count=0,
    )
    with fails(transport, 400, "upsert limit"):
        client.upsert(own, [PointStruct(id=n, vector=[1, 1]) for n in range(3)])
    with fails(transport, 400, "batch size"):
        client.query_batch_points(own, [models.QueryRequest(query=[1, 0])] * 2)
    with fails(transport, 400, "condition limit"):
        client.count(own, count_filter=models.Filter(must=FILTER.must * 2))
    with fails(transport, 400, "condition size"):
        client.count(own, count_filter=models.Filter(
            must=[models.HasIdCondition(has_id=[1, 2, 3])]
        ))
    with fails(transport, 400, "points count"):
        client.upsert(own, [PointStruct(id=n, vector=[1, 1]) for n in (10, 11)])
    client.upsert(own, [PointStruct(id=n, vector=[1, 1]) for n in (2, 10)])
    with fails(transport, 400, "payload indices"):
        client.create_payload_index(own, "city", models.PayloadSchemaType.KEYWORD)


def test_timeouts(client, transport, strict):
    own = strict(max_timeout=5)
    with fails(transport, 400, "timeout"):
        client.query_points(own, query=[1, 0], timeout=6)
    with fails(transport, 400, "timeout"):
        client.count(own, timeout=6)
    with fails(transport, 400, "timeout"):
        client.scroll(own, timeout=6)
    assert len(client.query_points(own, query=[1, 0], timeout=5).points) == 3


def test_rates_answer_with_a_status_of_their_own(client, transport, rest, strict):
    own = strict(read_rate_limit=3)
    for _ in range(3):
        client.retrieve(own, [1])
    reply = rest("POST", f"/collections/{own}/points", {"ids": [1]})
    assert reply.status == 429 and "Retry after" in reply.error, reply.text
    assert int(reply.headers["retry-after"]) >= 1


def test_settings_are_given_back_and_can_be_turned_off(client, strict):
    own = strict(max_query_limit=2)
    config = client.get_collection(own).config.strict_mode_config
    assert config.enabled is True and config.max_query_limit == 2
    client.update_collection(own, strict_mode_config=StrictModeConfig(enabled=False))
    assert len(client.query_points(own, query=[1, 0], limit=50).points) == 3
    config = client.get_collection(own).config.strict_mode_config
    assert config.enabled is False and config.max_query_limit == 2
