"""Every public method of the client, over REST and gRPC, blocking and not: none without a call.

What the methods do in all their forms is tested elsewhere. Here each is called once in each of the
four ways, so that none is forgotten, also none that a later client brings.
"""

from __future__ import annotations

import asyncio
import inspect

import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models

import apus_server
import conftest

pytestmark = pytest.mark.server_only("each way makes its own client")

#: Of the client alone: no server hears of them, or they need a model from the network.
NO_CALL = {
    "close": "each way closes its client at the end",
    **dict.fromkeys(
        ("add", "query", "query_batch", "set_model", "set_sparse_model", "get_embedding_size",
         "get_fastembed_vector_params", "get_fastembed_sparse_vector_params",
         "get_vector_field_name", "get_sparse_vector_field_name", "list_text_models",
         "list_image_models", "list_late_interaction_text_models",
         "list_late_interaction_multimodal_models", "list_sparse_models"),
        "texts become vectors in the client, by models that it would download"),
}

PUBLIC = {
    name for name, member in inspect.getmembers(QdrantClient, callable)
    if not name.startswith("_")
}
DOT = models.VectorParams(size=3, distance=models.Distance.DOT)


class Script:
    """Calls methods by name, whether they answer or have to be awaited, and takes note of them."""

    def __init__(self, client) -> None:
        self.client = client
        self.called: set[str] = set()

    async def __call__(self, method: str, *arguments, **named):
        self.called.add(method)
        answer = getattr(self.client, method)(*arguments, **named)
        return await answer if inspect.isawaitable(answer) else answer


async def collections(call: Script, name: str) -> None:
    assert "apus" in (await call("info")).title.lower()
    assert await call("create_collection", name, vectors_config={"a": DOT, "b": DOT})
    assert await call("collection_exists", name)
    assert name in [each.name for each in (await call("get_collections")).collections]
    assert await call(
        "update_collection", name,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=7))
    info = await call("get_collection", name)
    assert info.config.optimizer_config.indexing_threshold == 7
    alias = models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=name, alias_name=f"{name}-alias"))
    assert await call("update_collection_aliases", [alias])
    for aliases in (await call("get_aliases"), await call("get_collection_aliases", name)):
        assert [(each.alias_name, each.collection_name) for each in aliases.aliases
                if each.collection_name == name] == [(f"{name}-alias", name)]
    await call("create_payload_index", name, "n", models.PayloadSchemaType.INTEGER)
    assert "n" in (await call("get_collection", name)).payload_schema
    await call("delete_payload_index", name, "n")
    assert not (await call("get_collection", name)).payload_schema
    added = models.SparseVectorNameConfig(sparse=models.SparseVectorConfig())
    await call("create_vector_name", name, "c", added)
    assert "c" in (await call("get_collection", name)).config.params.sparse_vectors
    await call("delete_vector_name", name, "c")
    assert not (await call("get_collection", name)).config.params.sparse_vectors
    waiting = await call("get_optimizations", name)
    assert waiting.summary.queued_points == 0 and not waiting.running


async def writing(call: Script, name: str) -> None:
    def points(first, last):
        return [models.PointStruct(id=n, vector={"a": [n, 1, 0], "b": [0, n, 1]},
                                   payload={"n": n, "even": n % 2 == 0})
                for n in range(first, last)]

    async def payload(number):
        return (await call("retrieve", name, [number]))[0].payload

    assert (await call("upsert", name, points(0, 4))).status == models.UpdateStatus.COMPLETED
    for method, arguments in [
        ("upload_points", {"points": points(4, 8)}),
        ("upload_collection", {"vectors": [{"a": [n, 1, 0]} for n in (8, 9)], "ids": [8, 9],
                               "payload": [{"n": 8}, {"n": 9}]}),
    ]:
        await call(method, name, wait=True, **arguments)
    assert (await call("count", name)).count == 10
    await call("set_payload", name, {"x": 1}, [1])
    assert await payload(1) == {"n": 1, "even": False, "x": 1}
    await call("delete_payload", name, ["x", "even"], [1])
    assert await payload(1) == {"n": 1}
    await call("overwrite_payload", name, {"n": 2}, [1])
    assert await payload(1) == {"n": 2}
    await call("clear_payload", name, [1])
    assert await payload(1) == {}
    await call("update_vectors", name, [models.PointVectors(id=1, vector={"a": [5, 5, 5]})])
    await call("delete_vectors", name, ["b"], [1])
    [record] = await call("retrieve", name, [1], with_vectors=True)
    assert record.vector == {"a": [5, 5, 5]}
    results = await call("batch_update_points", name, [
        models.UpsertOperation(upsert=models.PointsList(points=points(1, 2))),
        models.DeleteOperation(delete=models.PointIdsList(points=[9])),
    ])
    assert len(results) == 2
    await call("delete", name, models.PointIdsList(points=[8]))
    assert (await call("count", name)).count == 8


async def reading(call: Script, name: str) -> None:
    query = {"query": [1, 0, 0], "using": "a"}
    found = (await call("query_points", name, **query, limit=2)).points
    assert [each.id for each in found] == [7, 6]
    batch = await call("query_batch_points", name, [
        models.QueryRequest(**query, limit=1), models.QueryRequest(**query, limit=3)])
    assert [[each.id for each in answer.points] for answer in batch] == [[7], [7, 6, 5]]
    groups = (await call("query_points_groups", name, "n", **query, limit=2, group_size=1)).groups
    assert [each.id for each in groups] == [7, 6]
    page, following = await call("scroll", name, limit=3)
    assert ([each.id for each in page], following) == ([0, 1, 2], 3)
    hits = (await call("facet", name, "even")).hits
    assert {each.value: each.count for each in hits} == {True: 4, False: 4}
    pairs = await call("search_matrix_pairs", name, sample=8, limit=2, using="a")
    offsets = await call("search_matrix_offsets", name, sample=8, limit=2, using="a")
    assert len(pairs.pairs) == len(offsets.scores) == 16


async def snapshots(call: Script, name: str) -> None:
    for kind, owner in (("", (name,)), ("full_", ()), ("shard_", (name, 0))):
        made = await call(f"create_{kind}snapshot", *owner)
        listed = await call(f"list_{kind}snapshots", *owner)
        assert made.name in [each.name for each in listed]
        assert await call(f"delete_{kind}snapshot", *owner, made.name)
        assert made.name not in [
            each.name for each in await call(f"list_{kind}snapshots", *owner)]
    # Recovery over files is in `test_snapshots.py`; here, that a bad location is told.
    for method, owner in (("recover_snapshot", (name,)), ("recover_shard_snapshot", (name, 0))):
        with pytest.raises(Exception, match="expected a file://|location"):
            await call(method, *owner, location="nowhere")


async def clusters(call: Script, name: str) -> None:
    assert (await call("cluster_status")).status == "disabled"
    assert not (await call("cluster_telemetry")).cluster.enabled
    info = await call("collection_cluster_info", name)
    assert [each.shard_id for each in info.local_shards] == [0]
    assert not (await call("list_shard_keys", name)).shard_keys
    drop = models.DropReplicaOperation(drop_replica=models.Replica(shard_id=0, peer_id=1))
    for method, arguments in [
        ("cluster_collection_update", (name, drop)), ("create_shard_key", (name, "key")),
        ("delete_shard_key", (name, "key")), ("recover_current_peer", ()), ("remove_peer", (1,)),
    ]:
        with pytest.raises(Exception, match="needs a cluster"):
            await call(method, *arguments)


async def ends(call: Script, name: str, target) -> None:
    if isinstance(call.client, QdrantClient):
        await call("migrate", target, [name])
        assert target.count(name).count == 8
    assert await call("recreate_collection", name, vectors_config=DOT)
    assert (await call("count", name)).count == 0
    assert await call("delete_collection", name)
    assert not await call("collection_exists", name)


@pytest.fixture(scope="module")
def target():
    """Another server, for what goes from one to the other."""
    with apus_server.temporary_server() as other:
        client = conftest.connect(other, "rest")
        yield client
        client.close()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
@pytest.mark.parametrize("kind", [QdrantClient, AsyncQdrantClient])
@pytest.mark.filterwarnings("ignore:`recreate_collection`")
def test_every_method_is_called(server, target, name, kind, protocol):
    async def run() -> set[str]:
        client = kind(
            host="127.0.0.1", port=server.http_port, grpc_port=server.grpc_port, timeout=60,
            prefer_grpc=protocol == "grpc", check_compatibility=False)
        call = Script(client)
        for part in (collections, writing, reading, snapshots, clusters):
            await part(call, name)
        if target.collection_exists(name):
            target.delete_collection(name)
        await ends(call, name, target)
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed
        return call.called

    called = asyncio.run(run())
    assert called | NO_CALL.keys() >= PUBLIC - ({"migrate"} if kind is AsyncQdrantClient else set())
    assert called <= PUBLIC and not called & NO_CALL.keys()


def test_both_clients_have_the_same_methods():
    asynchronous = {
        name for name, _ in inspect.getmembers(AsyncQdrantClient, callable)
        if not name.startswith("_")
    }
    assert asynchronous == PUBLIC
