"""Haystack's document store and retrievers as they are published, over both transports."""

from __future__ import annotations

import asyncio
import os

# Before the import, which would report its use to its makers.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import pytest
from haystack import Document
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.qdrant import (
    QdrantEmbeddingRetriever, QdrantHybridRetriever, QdrantSparseEmbeddingRetriever,
)
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

import embeddings
from embeddings import PASSAGES, cosine, overlap, ranked, reciprocal_rank

pytestmark = pytest.mark.server_only("the frameworks connect by themselves")

QUESTION = "where do bees find flowers"


def sparse(text: str) -> SparseEmbedding:
    indices, values = embeddings.sparse(text)
    return SparseEmbedding(indices=indices, values=values)


def document(text: str, metadata: dict, identity: str) -> Document:
    return Document(
        id=identity, content=text, meta=metadata, embedding=embeddings.dense(text),
        sparse_embedding=sparse(text))


DOCUMENTS = [document(text, metadata, f"doc-{n}") for n, (text, metadata) in enumerate(PASSAGES)]


@pytest.fixture(params=["rest", "grpc"])
def store_of(request, server, name):
    made = []

    def create(**options):
        store = QdrantDocumentStore(
            host="127.0.0.1", port=server.http_port, grpc_port=server.grpc_port,
            prefer_grpc=request.param == "grpc", timeout=60, index=name,
            embedding_dim=embeddings.DIMENSION, use_sparse_embeddings=True, progress_bar=False,
            **options)
        assert store.write_documents(DOCUMENTS) == len(DOCUMENTS)
        made.append(store)
        return store

    yield create
    for store in made:
        store._client.delete_collection(name)
        store.close()


def texts(documents) -> list[str]:
    return [each.content for each in documents]


def where(key: str, operator: str, value) -> dict:
    return {"field": f"meta.{key}", "operator": operator, "value": value}


def test_dense_retrieval_with_scores(store_of):
    store = store_of(return_embedding=True)
    found = QdrantEmbeddingRetriever(store, top_k=4).run(embeddings.dense(QUESTION))["documents"]
    assert texts(found) == ranked(QUESTION)[:4]
    for each in found:
        assert each.score == pytest.approx(cosine(QUESTION, each.content), abs=1e-4)
        assert each.meta == dict(PASSAGES)[each.content]
    threshold = found[2].score - 1e-4
    cut = QdrantEmbeddingRetriever(store, top_k=8, score_threshold=threshold)
    assert texts(cut.run(embeddings.dense(QUESTION))["documents"]) == texts(found)[:3]


def test_sparse_retrieval(store_of):
    retriever = QdrantSparseEmbeddingRetriever(store_of(), top_k=8)
    found = retriever.run(sparse(QUESTION))["documents"]
    assert set(texts(found)) == {text for text, _ in PASSAGES if overlap(QUESTION, text) > 0}
    for each in found:
        assert each.score == pytest.approx(overlap(QUESTION, each.content))


def test_sparse_retrieval_with_idf(store_of):
    store = store_of(sparse_idf=True)
    found = QdrantSparseEmbeddingRetriever(store, top_k=8).run(sparse(QUESTION))["documents"]
    # Words that only one text has weigh more than those of several.
    assert texts(found)[0] == PASSAGES[0][0]
    assert found[0].score > found[1].score


@pytest.mark.parametrize("weights", [None, [3.0, 1.0]])
def test_hybrid_retrieval_fuses_ranks(store_of, weights):
    options = {"rrf_k": 10, "rrf_weights": weights} if weights else {}
    retriever = QdrantHybridRetriever(store_of(), top_k=3)
    found = retriever.run(embeddings.dense(QUESTION), sparse(QUESTION), **options)["documents"]
    assert texts(found)[0] == PASSAGES[0][0]
    if weights is None:
        shared = [text for text, _ in PASSAGES if overlap(QUESTION, text) > 0]
        expected = reciprocal_rank(
            ranked(QUESTION)[:3], ranked(QUESTION, overlap, shared)[:3])
        assert found[0].score == pytest.approx(expected[PASSAGES[0][0]], abs=1e-4)


FILTERS = [
    (where("topic", "==", "insects"), lambda m: m["topic"] == "insects"),
    (where("topic", "!=", "insects"), lambda m: m["topic"] != "insects"),
    (where("year", ">", 2005), lambda m: m["year"] > 2005),
    (where("year", ">=", 2005), lambda m: m["year"] >= 2005),
    (where("year", "<", 2005), lambda m: m["year"] < 2005),
    (where("year", "<=", 2005), lambda m: m["year"] <= 2005),
    (where("topic", "in", ["earth", "plants"]), lambda m: m["topic"] in ("earth", "plants")),
    (where("topic", "not in", ["earth"]), lambda m: m["topic"] != "earth"),
    ({"operator": "NOT", "conditions": [where("tags", "in", ["sky", "bee"])]},
     lambda m: not {"sky", "bee"} & set(m["tags"])),
    ({"operator": "OR", "conditions": [
        where("year", "==", 1999),
        {"operator": "AND", "conditions": [
            where("topic", "==", "earth"), where("tags", "==", "sea")]}]},
     lambda m: m["year"] == 1999 or (m["topic"] == "earth" and "sea" in m["tags"])),
]


@pytest.mark.parametrize("filters, holds", FILTERS, ids=[str(n) for n in range(len(FILTERS))])
def test_filters(store_of, filters, holds):
    store = store_of()
    expected = {text for text, metadata in PASSAGES if holds(metadata)}
    assert set(texts(store.filter_documents(filters))) == expected
    assert store.count_documents_by_filter(filters) == len(expected)
    found = QdrantEmbeddingRetriever(store, top_k=8, filters=filters).run(
        embeddings.dense(QUESTION))["documents"]
    assert texts(found) == ranked(QUESTION, among=expected)


def test_groups(store_of):
    retriever = QdrantEmbeddingRetriever(store_of(), top_k=2, group_by="meta.topic", group_size=1)
    found = retriever.run(embeddings.dense(QUESTION))["documents"]
    assert len(found) == 2 and len({each.meta["topic"] for each in found}) == 2
    assert found[0].content == ranked(QUESTION)[0]


def test_duplicates_by_policy(store_of):
    store = store_of()
    other = document("bees sleep at night", {"topic": "night"}, "doc-0")
    assert store.write_documents([other], policy=DuplicatePolicy.SKIP) == 0
    with pytest.raises(DuplicateDocumentError):
        store.write_documents([other], policy=DuplicatePolicy.FAIL)
    assert texts(store.get_documents_by_id(["doc-0"])) == [PASSAGES[0][0]]
    assert store.write_documents([other], policy=DuplicatePolicy.OVERWRITE) == 1
    assert texts(store.get_documents_by_id(["doc-0"])) == ["bees sleep at night"]


def test_update_and_delete(store_of):
    store = store_of()
    store.update_by_filter(where("topic", "==", "plants"), {"checked": True})
    assert store.count_documents_by_filter(where("checked", "==", True)) == 2
    store.delete_documents(["doc-0", "doc-1"])
    assert store.count_documents() == len(DOCUMENTS) - 2
    assert store.delete_by_filter(where("topic", "==", "earth")) == 3
    assert {each.id for each in store.filter_documents()} == {"doc-2", "doc-3", "doc-4"}
    store.delete_all_documents()
    assert store.count_documents() == 0


def test_what_the_metadata_are(store_of):
    store = store_of()
    assert store.get_metadata_field_min_max("year") == {"min": 1999, "max": 2021}
    assert store.count_unique_metadata_by_filter({}, ["topic", "year"]) == {"topic": 3, "year": 7}
    values, count = store.get_metadata_field_unique_values("topic")
    assert (sorted(values), count) == (["earth", "insects", "plants"], 3)
    assert store.get_metadata_fields_info()["year"] == {"type": "long"}


def test_an_index_is_recreated_on_request(store_of):
    store = store_of(payload_fields_to_index=[
        {"field_name": "meta.topic", "field_schema": "keyword"}])
    assert "meta.topic" in store._client.get_collection(store.index).payload_schema
    again = store_of(recreate_index=True)
    assert again.count_documents() == len(DOCUMENTS)
    assert not again._client.get_collection(store.index).payload_schema


def test_async(store_of):
    store = store_of()

    async def run():
        hybrid = await QdrantHybridRetriever(store, top_k=2).run_async(
            embeddings.dense(QUESTION), sparse(QUESTION))
        await store.delete_documents_async([hybrid["documents"][0].id])
        count = await store.count_documents_async()
        await store._async_client.close()
        return texts(hybrid["documents"]), count

    found, count = asyncio.run(run())
    assert found[0] == PASSAGES[0][0] and count == len(DOCUMENTS) - 1
