"""LangChain's vector store as it is published, over both transports."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.qdrant import QdrantVectorStoreError
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from qdrant_client import models

import embeddings
from embeddings import PASSAGES, cosine, overlap, ranked

pytestmark = pytest.mark.server_only("the frameworks connect by themselves")

QUESTION = "where do bees find flowers"


class Dense(Embeddings):
    def embed_documents(self, texts):
        return [embeddings.dense(text) for text in texts]

    def embed_query(self, text):
        return embeddings.dense(text)


class Sparse(SparseEmbeddings):
    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        indices, values = embeddings.sparse(text)
        return SparseVector(indices=indices, values=values)


@pytest.fixture(params=["rest", "grpc"])
def make(request, server, name):
    """Makes a store of all passages: `make(RetrievalMode.DENSE)`."""
    made = []

    def create(mode, **options):
        store = QdrantVectorStore.from_texts(
            [text for text, _ in PASSAGES], Dense(), metadatas=[each for _, each in PASSAGES],
            ids=list(range(1, len(PASSAGES) + 1)), sparse_embedding=Sparse(),
            retrieval_mode=mode, collection_name=name, host="127.0.0.1", port=server.http_port,
            grpc_port=server.grpc_port, prefer_grpc=request.param == "grpc", timeout=60, **options)
        made.append(store)
        return store

    yield create
    for store in made:
        store.client.delete_collection(name)
        store.client.close()


def texts(found) -> list[str]:
    return [each.page_content for each in found]


def topic(value) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(
        key="metadata.topic", match=models.MatchValue(value=value))])


def test_dense_search_with_scores(make):
    store = make(RetrievalMode.DENSE)
    found = store.similarity_search_with_score(QUESTION, k=4)
    assert [each.page_content for each, _ in found] == ranked(QUESTION)[:4]
    for document, score in found:
        assert score == pytest.approx(cosine(QUESTION, document.page_content), abs=1e-4)
        text, metadata = PASSAGES[document.metadata["_id"] - 1]
        assert (document.page_content, document.metadata["topic"]) == (text, metadata["topic"])
    assert texts(store.similarity_search_by_vector(embeddings.dense(QUESTION), k=4)) \
        == [each.page_content for each, _ in found]
    [(best, relevance)] = store.similarity_search_with_relevance_scores(QUESTION, k=1)
    assert best == found[0][0] and 0 <= relevance <= 1


def test_sparse_search(make):
    store = make(RetrievalMode.SPARSE)
    found = store.similarity_search_with_score(QUESTION, k=8)
    # Texts that share no word are not found.
    assert {each.page_content for each, _ in found} \
        == {text for text, _ in PASSAGES if overlap(QUESTION, text) > 0}
    for document, score in found:
        assert score == pytest.approx(overlap(QUESTION, document.page_content))


def test_hybrid_search_fuses_both(make):
    store = make(RetrievalMode.HYBRID)
    found = store.similarity_search_with_score(QUESTION, k=3)
    both = store.client.query_points(
        store.collection_name, prefetch=[
            models.Prefetch(query=embeddings.dense(QUESTION), limit=3),
            models.Prefetch(
                query=models.SparseVector(**dict(zip(("indices", "values"),
                                                     embeddings.sparse(QUESTION)))),
                using="langchain-sparse", limit=3),
        ], query=models.FusionQuery(fusion=models.Fusion.RRF), limit=3).points
    assert [(each.metadata["_id"], score) for each, score in found] \
        == [(point.id, point.score) for point in both]
    assert found[0][0].page_content == PASSAGES[0][0]


@pytest.mark.parametrize("mode", list(RetrievalMode))
def test_filters_hold_in_every_mode(make, mode):
    store = make(mode)
    found = store.similarity_search(QUESTION, k=8, filter=topic("plants"))
    assert found and all(each.metadata["topic"] == "plants" for each in found)
    years = models.Filter(
        must=[models.FieldCondition(key="metadata.year", range=models.Range(gte=2005, lt=2020))],
        must_not=[models.FieldCondition(
            key="metadata.tags", match=models.MatchAny(any=["ant", "wasp"]))])
    found = store.similarity_search("water flowers", k=8, filter=years)
    assert found and all(
        2005 <= each.metadata["year"] < 2020 and "ant" not in each.metadata["tags"]
        for each in found)


def test_offset_and_score_threshold(make):
    store = make(RetrievalMode.DENSE)
    assert texts(store.similarity_search(QUESTION, k=2, offset=2)) == ranked(QUESTION)[2:4]
    threshold = cosine(QUESTION, ranked(QUESTION)[2]) - 1e-4
    found = store.similarity_search_with_score(QUESTION, k=8, score_threshold=threshold)
    assert [each.page_content for each, _ in found] == ranked(QUESTION)[:3]


def test_marginal_relevance_prefers_what_differs(make):
    store = make(RetrievalMode.DENSE)
    found = store.max_marginal_relevance_search(QUESTION, k=3, fetch_k=8, lambda_mult=0.1)
    assert texts(found)[0] == ranked(QUESTION)[0]
    assert len(set(texts(found))) == 3


def test_add_get_and_delete(make):
    store = make(RetrievalMode.DENSE)
    [added] = store.add_documents([Document("moths fly to the light", metadata={"topic": "night"})])
    assert texts(store.get_by_ids([added])) == ["moths fly to the light"]
    assert texts(store.similarity_search("moths", k=1)) == ["moths fly to the light"]
    assert store.delete([added]) is True
    assert store.get_by_ids([added]) == []
    assert "moths fly to the light" not in texts(store.similarity_search("moths", k=20))
    assert store.client.count(store.collection_name).count == len(PASSAGES)


def test_a_store_of_another_run_is_opened_and_checked(make, server):
    store = make(RetrievalMode.HYBRID)
    again = QdrantVectorStore.from_existing_collection(
        store.collection_name, Dense(), retrieval_mode=RetrievalMode.HYBRID,
        sparse_embedding=Sparse(), host="127.0.0.1", port=server.http_port,
        grpc_port=server.grpc_port)
    assert texts(again.similarity_search(QUESTION)) == texts(store.similarity_search(QUESTION))
    again.client.close()

    class Other(Dense):
        def embed_documents(self, texts):
            return [[1.0, 0.0] for _ in texts]

    with pytest.raises(QdrantVectorStoreError, match="dimension"):
        QdrantVectorStore(store.client, store.collection_name, Other())
    with pytest.raises(QdrantVectorStoreError, match="similarity|distance"):
        QdrantVectorStore(
            store.client, store.collection_name, Dense(), distance=models.Distance.EUCLID)


async def asynchronous(store):
    found = await store.asimilarity_search(QUESTION, k=2)
    retriever = store.as_retriever(search_kwargs={"k": 2, "filter": topic("insects")})
    return texts(found), texts(await retriever.ainvoke(QUESTION))


def test_retrievers_and_async(make):
    import asyncio

    store = make(RetrievalMode.DENSE)
    found, insects = asyncio.run(asynchronous(store))
    assert found == ranked(QUESTION)[:2]
    among = [text for text, metadata in PASSAGES if metadata["topic"] == "insects"]
    assert insects == ranked(QUESTION, among=among)[:2]
