"""Collections: create, describe, list, change, drop, and their aliases."""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.models import Distance, VectorParams

from failures import fails

PLAIN = VectorParams(size=4, distance=Distance.COSINE)


def test_a_created_collection_exists_and_a_dropped_one_does_not(client, name):
    assert client.collection_exists(name) is False
    assert client.create_collection(name, vectors_config=PLAIN) is True
    assert client.collection_exists(name) is True
    assert name in [each.name for each in client.get_collections().collections]
    assert client.delete_collection(name) is True
    assert client.collection_exists(name) is False
    assert name not in [each.name for each in client.get_collections().collections]


@pytest.mark.server_only("the in-memory mode answers True")
def test_dropping_an_unknown_collection_answers_false(client, name):
    assert client.delete_collection(name) is False


def test_creating_a_collection_twice_says_already_exists(client, transport, collection):
    own = collection(vectors_config=PLAIN)
    with fails(transport, 409, own, "already exists"):
        client.create_collection(own, vectors_config=PLAIN)


def test_recreate_drops_what_was_there(client, collection):
    own = collection(vectors_config=PLAIN)
    client.upsert(own, [models.PointStruct(id=1, vector=[1, 0, 0, 0])])
    client.delete_collection(own)
    client.create_collection(own, vectors_config=VectorParams(size=2, distance=Distance.DOT))
    assert client.count(own).count == 0
    assert client.get_collection(own).config.params.vectors.size == 2


def test_an_unknown_collection_is_not_found_and_named(client, transport, name):
    calls = [
        lambda: client.get_collection(name),
        lambda: client.upsert(name, [models.PointStruct(id=1, vector=[1.0])]),
        lambda: client.query_points(name, query=[1.0]),
        lambda: client.scroll(name),
        lambda: client.count(name),
        lambda: client.retrieve(name, [1]),
        lambda: client.delete(name, [1]),
        lambda: client.set_payload(name, {"a": 1}, [1]),
    ]
    for call in calls:
        with fails(transport, 404, f"Collection `{name}` doesn't exist!"):
            call()


def test_the_description_of_an_empty_collection(client, collection):
    own = collection(vectors_config=PLAIN)
    info = client.get_collection(own)
    assert info.status == models.CollectionStatus.GREEN
    assert info.optimizer_status == models.OptimizersStatusOneOf.OK
    assert info.points_count == 0
    assert info.segments_count >= 0
    assert info.config.params.vectors.size == 4
    assert info.config.params.vectors.distance == Distance.COSINE
    assert info.config.hnsw_config.m > 0
    assert info.config.hnsw_config.ef_construct > 0
    assert info.config.optimizer_config is not None
    assert info.payload_schema == {}


@pytest.mark.parametrize("distance", list(Distance))
def test_every_distance_comes_back(client, collection, distance):
    own = collection(vectors_config=VectorParams(size=3, distance=distance))
    assert client.get_collection(own).config.params.vectors.distance == distance


def test_named_vectors_come_back_by_name(client, collection):
    own = collection(
        vectors_config={
            "image": VectorParams(size=4, distance=Distance.DOT),
            "text": VectorParams(size=8, distance=Distance.EUCLID),
        },
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    params = client.get_collection(own).config.params
    assert set(params.vectors) == {"image", "text"}
    assert params.vectors["text"].size == 8
    assert params.vectors["image"].distance == Distance.DOT
    assert set(params.sparse_vectors) == {"words"}


@pytest.mark.server_only("the in-memory mode keeps no settings")
def test_the_settings_given_at_creation_come_back(client, collection):
    own = collection(
        vectors_config=VectorParams(
            size=4, distance=Distance.DOT, on_disk=True,
            hnsw_config=models.HnswConfigDiff(m=24),
        ),
        sparse_vectors_config={
            "words": models.SparseVectorParams(
                index=models.SparseIndexParams(on_disk=True), modifier=models.Modifier.IDF
            )
        },
        hnsw_config=models.HnswConfigDiff(
            m=0, payload_m=16, ef_construct=120, full_scan_threshold=5000, on_disk=True
        ),
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=10_000, memmap_threshold=30_000
        ),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=0.99, always_ram=True
            )
        ),
        shard_number=1, replication_factor=1, on_disk_payload=True,
    )
    config = client.get_collection(own).config
    assert config.params.vectors.on_disk is True
    assert config.params.vectors.hnsw_config.m == 24
    assert config.params.sparse_vectors["words"].modifier == models.Modifier.IDF
    assert config.params.sparse_vectors["words"].index.on_disk is True
    assert config.params.shard_number == 1
    assert config.params.replication_factor == 1
    assert config.params.on_disk_payload is True
    assert config.hnsw_config.m == 0
    assert config.hnsw_config.payload_m == 16
    assert config.hnsw_config.ef_construct == 120
    assert config.hnsw_config.full_scan_threshold == 5000
    assert config.hnsw_config.on_disk is True
    assert config.optimizer_config.indexing_threshold == 10_000
    assert config.optimizer_config.memmap_threshold == 30_000
    scalar = config.quantization_config.scalar
    assert scalar.type == models.ScalarType.INT8
    assert scalar.quantile == pytest.approx(0.99)
    assert scalar.always_ram is True


@pytest.mark.server_only("the in-memory mode keeps no settings")
@pytest.mark.parametrize(
    "quantization",
    [
        models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
        models.ProductQuantization(
            product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
        ),
    ],
    ids=["binary", "product"],
)
def test_every_quantization_comes_back(client, collection, quantization):
    own = collection(vectors_config=PLAIN, quantization_config=quantization)
    assert client.get_collection(own).config.quantization_config == quantization


@pytest.mark.server_only("the in-memory mode keeps no settings")
def test_a_benchmark_holds_indexing_back_and_then_waits_for_green(client, collection):
    own = collection(
        vectors_config=PLAIN,
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    client.upsert(own, [models.PointStruct(id=n, vector=[n + 1, 1, 0, 0]) for n in range(500)])
    assert client.update_collection(
        own, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=20_000)
    ) is True
    info = client.get_collection(own)
    assert info.config.optimizer_config.indexing_threshold == 20_000
    for _ in range(10_000):
        if info.status == models.CollectionStatus.GREEN:
            break
        info = client.get_collection(own)
    assert info.status == models.CollectionStatus.GREEN
    assert info.points_count == 500


@pytest.mark.server_only("the in-memory mode keeps no settings")
def test_update_changes_only_what_it_names(client, collection):
    own = collection(
        vectors_config=PLAIN, hnsw_config=models.HnswConfigDiff(m=20, ef_construct=64)
    )
    client.update_collection(own, hnsw_config=models.HnswConfigDiff(ef_construct=128))
    hnsw = client.get_collection(own).config.hnsw_config
    assert (hnsw.m, hnsw.ef_construct) == (20, 128)


def test_updating_an_unknown_collection_is_not_found(client, transport, name):
    with fails(transport, 404, name):
        client.update_collection(
            name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1)
        )


@pytest.mark.server_only("the in-memory mode does not check")
@pytest.mark.parametrize("size", [0, 65_537])
def test_a_size_outside_its_range_is_refused(client, transport, name, size):
    with fails(transport, (400, 422), str(size)):
        client.create_collection(
            name, vectors_config=VectorParams(size=size, distance=Distance.DOT)
        )
    assert client.collection_exists(name) is False


@pytest.mark.server_only("the in-memory mode does not check")
@pytest.mark.parametrize("bad", ["", "a/b", "..", "x" * 256, "nul\0"])
def test_a_name_that_is_no_file_name_is_refused(server, bad):
    import conftest

    over_grpc = conftest.connect(server, "grpc")
    with fails("grpc", (400, 422)):
        over_grpc.create_collection(bad, vectors_config=PLAIN)
    over_grpc.close()


def test_aliases_lead_to_their_collection(client, collection, name):
    own = collection(vectors_config=PLAIN)
    alias = f"{name}-alias"
    client.upsert(own, [models.PointStruct(id=7, vector=[1, 0, 0, 0])])
    created = models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=own, alias_name=alias)
    )
    assert client.update_collection_aliases([created]) is True
    assert client.count(alias).count == 1
    assert client.query_points(alias, query=[1, 0, 0, 0]).points[0].id == 7
    assert [each.alias_name for each in client.get_collection_aliases(own).aliases] == [alias]
    assert (alias, own) in [
        (each.alias_name, each.collection_name) for each in client.get_aliases().aliases
    ]
    renamed = models.RenameAliasOperation(
        rename_alias=models.RenameAlias(old_alias_name=alias, new_alias_name=alias + "2")
    )
    assert client.update_collection_aliases([renamed]) is True
    assert client.count(alias + "2").count == 1
    deleted = models.DeleteAliasOperation(
        delete_alias=models.DeleteAlias(alias_name=alias + "2")
    )
    assert client.update_collection_aliases([deleted]) is True
    assert client.get_collection_aliases(own).aliases == []
