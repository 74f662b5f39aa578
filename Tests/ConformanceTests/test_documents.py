"""Texts that the server turns into vectors: a client with no model of its own."""

import pytest
from conftest import connect
from qdrant_client import models

TEXTS = [
    "Write-ahead logs make sure that an acknowledged write is never lost.",
    "The recipe needs two eggs, flour and a little butter.",
    "A graph of neighbours finds the vectors that are near to a query.",
    "Trains to the mountains leave every hour from the main station.",
]


@pytest.fixture
def texts(server, transport):
    """A client that leaves texts to the server."""
    client = connect(server, transport, cloud_inference=True)
    yield client
    client.close()


def document(text, model="apus-static"):
    return models.Document(text=text, model=model)


def test_dense_sparse_and_hybrid(texts, name):
    texts.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=192, distance=models.Distance.COSINE)},
        sparse_vectors_config={
            "words": models.SparseVectorParams(modifier=models.Modifier.IDF)
        },
    )
    texts.upsert(
        name,
        [
            models.PointStruct(
                id=number,
                vector={"dense": document(text), "words": document(text, "qdrant/bm25")},
            )
            for number, text in enumerate(TEXTS)
        ],
    )
    dense = texts.query_points(
        name, query=document("Which logs keep a write from being lost?"), using="dense"
    )
    assert dense.points[0].id == 0
    words = texts.query_points(
        name, query=document("butter and eggs", "qdrant/bm25"), using="words"
    )
    assert [point.id for point in words.points] == [1]
    hybrid = texts.query_points(
        name,
        prefetch=[
            models.Prefetch(query=document("nearest neighbours of a vector"), using="dense"),
            models.Prefetch(
                query=document("nearest neighbours of a vector", "qdrant/bm25"), using="words"
            ),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
    )
    assert hybrid.points[0].id == 2
    texts.delete_collection(name)


def test_a_model_that_is_not_there_is_named_with_those_that_are(texts, name):
    texts.create_collection(
        name,
        vectors_config=models.VectorParams(size=4, distance=models.Distance.COSINE),
    )
    with pytest.raises(Exception, match="no-such-model.*apus-static"):
        texts.query_points(name, query=document("a text", "no-such-model"))
    texts.delete_collection(name)
