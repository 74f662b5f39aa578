"""Quantization settings of collections, fields and searches, over both protocols."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, VectorParams

DIMENSION = 96
ROWS = 600

BINARY = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
PRODUCT = models.ProductQuantization(
    product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X8)
)
SCALAR = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99)
)


@pytest.fixture(params=[None, SCALAR, PRODUCT, BINARY], ids=["none", "scalar", "x8", "binary"])
def filled(request, client, collection):
    own = collection(
        vectors_config=VectorParams(size=DIMENSION, distance=Distance.COSINE),
        quantization_config=request.param,
    )
    rows = np.random.default_rng(3).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    client.upload_collection(own, vectors=rows, ids=range(ROWS), wait=True)
    return own, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def answers(client, name: str, query: np.ndarray, **settings) -> list[models.ScoredPoint]:
    parameters = models.SearchParams(
        hnsw_ef=400, quantization=models.QuantizationSearchParams(**settings)
    )
    return client.query_points(name, query=query, limit=10, search_params=parameters).points


@pytest.mark.parametrize(
    "settings", [{}, {"ignore": True}, {"rescore": True}, {"rescore": True, "oversampling": 20.0}]
)
def test_rescored_answers_have_the_scores_of_the_vectors(client, filled, settings):
    name, unit = filled
    found = 0
    for query in np.random.default_rng(4).normal(size=(10, DIMENSION)).astype(np.float32):
        cosine = unit @ (query / np.linalg.norm(query))
        hits = answers(client, name, query, **settings)
        assert [hit.score for hit in hits] == pytest.approx(
            [cosine[hit.id] for hit in hits], abs=1e-5
        )
        found += len({hit.id for hit in hits} & set(np.argsort(-cosine)[:10].tolist()))
    assert found >= 90


def test_answers_that_are_not_rescored_are_in_the_order_of_their_scores(client, filled):
    name, _ = filled
    query = np.random.default_rng(5).normal(size=DIMENSION).astype(np.float32)
    scores = [hit.score for hit in answers(client, name, query, rescore=False)]
    assert len(scores) == 10 and scores == sorted(scores, reverse=True)


@pytest.mark.server_only("the in-memory mode keeps no such settings")
def test_settings_are_told_again_and_can_be_changed(client, collection):
    own = collection(
        vectors_config={
            "a": VectorParams(size=DIMENSION, distance=Distance.DOT, quantization_config=PRODUCT),
            "b": VectorParams(size=DIMENSION, distance=Distance.DOT),
        },
        quantization_config=BINARY,
    )
    config = client.get_collection(own).config
    assert config.quantization_config == BINARY
    assert config.params.vectors["a"].quantization_config == PRODUCT
    assert config.params.vectors["b"].quantization_config is None
    client.update_collection(own, quantization_config=models.Disabled.DISABLED)
    assert client.get_collection(own).config.quantization_config is None


@pytest.mark.server_only("an extension of this server")
def test_a_recall_cannot_be_had_without_rescoring(client, collection, rest):
    own = collection(vectors_config=VectorParams(size=DIMENSION, distance=Distance.DOT))
    body = {
        "query": [0.5] * DIMENSION,
        "params": {"target_recall": 0.9, "quantization": {"rescore": False}},
    }
    reply = rest("POST", f"/collections/{own}/points/query", body)
    assert reply.status in (400, 422)
