"""LlamaIndex's vector store as it is published, over both transports."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition, FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, models

import conftest
import embeddings
from embeddings import PASSAGES, cosine, overlap, ranked

pytestmark = pytest.mark.server_only("the frameworks connect by themselves")

QUESTION = "where do bees find flowers"
IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(len(PASSAGES))]


def node(text: str, metadata: dict, identity: str, source: str | None = None) -> TextNode:
    made = TextNode(
        text=text, id_=identity, metadata=metadata, embedding=embeddings.dense(text))
    if source:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=source)
    return made


NODES = [
    node(text, metadata, identity, source="even" if n % 2 == 0 else "odd")
    for n, ((text, metadata), identity) in enumerate(zip(PASSAGES, IDS))
]


def encode(texts):
    pairs = [embeddings.sparse(text) for text in texts]
    return [indices for indices, _ in pairs], [values for _, values in pairs]


@pytest.fixture(params=["rest", "grpc"])
def store_of(request, server, name):
    """Makes a store with all nodes: `store_of(enable_hybrid=True)`."""
    client = conftest.connect(server, request.param)
    aclient = AsyncQdrantClient(
        host="127.0.0.1", port=server.http_port, grpc_port=server.grpc_port,
        prefer_grpc=request.param == "grpc", timeout=60, check_compatibility=False)

    def create(**options):
        hybrid = {"sparse_doc_fn": encode, "sparse_query_fn": encode} \
            if options.get("enable_hybrid") else {}
        store = QdrantVectorStore(name, client=client, aclient=aclient, **hybrid, **options)
        assert store.add(NODES) == IDS
        return store

    with contextlib.closing(client):
        yield create
        client.delete_collection(name)


def ask(store, text=QUESTION, mode=VectorStoreQueryMode.DEFAULT, top=4, filters=None, **options):
    return store.query(VectorStoreQuery(
        query_embedding=embeddings.dense(text), query_str=text, similarity_top_k=top, mode=mode,
        filters=filters), **options)


def texts(result) -> list[str]:
    return [each.get_content() for each in result.nodes]


def test_dense_search_with_scores(store_of):
    result = ask(store_of())
    assert texts(result) == ranked(QUESTION)[:4]
    assert result.ids == [IDS[[text for text, _ in PASSAGES].index(text)] for text in texts(result)]
    assert result.similarities == pytest.approx(
        [cosine(QUESTION, text) for text in texts(result)], abs=1e-4)
    assert result.nodes[0].metadata == dict(PASSAGES)[texts(result)[0]]


def test_sparse_search(store_of):
    result = ask(store_of(enable_hybrid=True), mode=VectorStoreQueryMode.SPARSE, top=8)
    assert set(texts(result)) == {text for text, _ in PASSAGES if overlap(QUESTION, text) > 0}
    assert result.similarities == pytest.approx([overlap(QUESTION, text) for text in texts(result)])


def test_hybrid_search(store_of):
    store = store_of(enable_hybrid=True)
    # What the framework fuses by itself, from one batch of two searches.
    result = ask(store, mode=VectorStoreQueryMode.HYBRID, top=3)
    assert texts(result)[0] == PASSAGES[0][0]
    assert len(texts(result)) == 3
    assert texts(ask(store, top=3)) == ranked(QUESTION)[:3]


FILTERS = [
    (("topic", "insects", FilterOperator.EQ), lambda m: m["topic"] == "insects"),
    (("topic", "insects", FilterOperator.NE), lambda m: m["topic"] != "insects"),
    (("year", 2005, FilterOperator.GT), lambda m: m["year"] > 2005),
    (("year", 2005, FilterOperator.GTE), lambda m: m["year"] >= 2005),
    (("year", 2005, FilterOperator.LT), lambda m: m["year"] < 2005),
    (("year", 2005, FilterOperator.LTE), lambda m: m["year"] <= 2005),
    (("topic", ["earth", "plants"], FilterOperator.IN), lambda m: m["topic"] in ("earth", "plants")),
    (("topic", ["earth", "plants"], FilterOperator.NIN),
     lambda m: m["topic"] not in ("earth", "plants")),
    (("tags", "sky", FilterOperator.EQ), lambda m: "sky" in m["tags"]),
    (("nothing", None, FilterOperator.IS_EMPTY), lambda m: True),
    (("tags", None, FilterOperator.IS_EMPTY), lambda m: not m["tags"]),
]


@pytest.mark.parametrize("condition, holds", FILTERS, ids=[f"{c[0]} {c[2].name}" for c, _ in FILTERS])
def test_metadata_filters(store_of, condition, holds):
    key, value, operator = condition
    filters = MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])
    expected = {text for text, metadata in PASSAGES if holds(metadata)}
    assert set(texts(ask(store_of(), top=8, filters=filters))) == expected


def test_filters_are_combined_and_nested(store_of):
    year = MetadataFilter(key="year", value=2001, operator=FilterOperator.EQ)
    insects = MetadataFilter(key="topic", value="insects", operator=FilterOperator.EQ)
    sky = MetadataFilter(key="tags", value="sky", operator=FilterOperator.EQ)
    store = store_of(enable_hybrid=True)
    either = MetadataFilters(filters=[insects, sky], condition=FilterCondition.OR)
    for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.SPARSE):
        found = texts(ask(store, "bees water the sky scent paper dance", mode, 8, either))
        assert found and all(
            dict(PASSAGES)[text]["topic"] == "insects" or "sky" in dict(PASSAGES)[text]["tags"]
            for text in found)
    both = MetadataFilters(filters=[either, year], condition=FilterCondition.AND)
    assert texts(ask(store, top=8, filters=both)) == [PASSAGES[0][0]]
    native = models.Filter(must=[models.HasIdCondition(has_id=[IDS[3]])])
    assert ask(store, top=8, qdrant_filters=native).ids == [IDS[3]]


def test_nodes_are_fetched_and_deleted(store_of):
    store = store_of()
    assert {each.node_id for each in store.get_nodes([IDS[1], IDS[4]])} == {IDS[1], IDS[4]}
    fetched = store.get_nodes([IDS[1]])[0]
    assert fetched.embedding == pytest.approx(embeddings.dense(PASSAGES[1][0]), abs=1e-6)
    store.delete_nodes([IDS[1]])
    assert store.get_nodes([IDS[1]]) == []
    # A document goes with all its nodes.
    store.delete("even")
    assert {each.node_id for each in store.get_nodes()} == {IDS[3], IDS[5], IDS[7]}
    store.delete_nodes(filters=MetadataFilters(filters=[
        MetadataFilter(key="topic", value="plants", operator=FilterOperator.EQ)]))
    assert {each.node_id for each in store.get_nodes()} == {IDS[5], IDS[7]}
    store.clear()
    assert not store._collection_exists(store.collection_name)


def test_payload_indexes_and_settings(store_of):
    store = store_of(
        payload_indexes=[{"field_name": "topic", "field_schema": models.PayloadSchemaType.KEYWORD}],
        dense_config=models.VectorParams(
            size=embeddings.DIMENSION, distance=models.Distance.COSINE, on_disk=True),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)))
    info = store.client.get_collection(store.collection_name)
    assert {"doc_id", "topic"} <= set(info.payload_schema)
    assert info.config.quantization_config.scalar.type == models.ScalarType.INT8
    assert texts(ask(store)) == ranked(QUESTION)[:4]


def test_async(store_of):
    store = store_of(enable_hybrid=True)

    async def run():
        query = VectorStoreQuery(
            query_embedding=embeddings.dense(QUESTION), query_str=QUESTION, similarity_top_k=3,
            mode=VectorStoreQueryMode.HYBRID)
        hybrid = await store.aquery(query)
        await store.adelete_nodes([hybrid.ids[0]])
        left = await store.aget_nodes()
        extra = node("moths fly to the light", {"topic": "night"}, IDS[0][:-1] + "9")
        await store.async_add([extra])
        again = await store.aquery(VectorStoreQuery(
            query_embedding=embeddings.dense("moths"), similarity_top_k=1))
        await store.adelete("odd")
        rest = await store.aget_nodes()
        await store._aclient.close()
        return texts(hybrid), left, texts(again), rest

    hybrid, left, again, rest = asyncio.run(run())
    assert hybrid[0] == PASSAGES[0][0] and len(left) == len(PASSAGES) - 1
    assert again == ["moths fly to the light"]
    assert {each.node_id[-1] for each in rest} == {"2", "4", "6", "9"}
