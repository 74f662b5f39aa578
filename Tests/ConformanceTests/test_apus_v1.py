"""Our own service: reflection, queries with a recall, versions and settings (docs/protocol.md)."""

from __future__ import annotations

import random
import threading

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from qdrant_client.models import Distance, PointStruct, VectorParams

import apus_server
from apus_v1 import Apus, status

pytestmark = pytest.mark.server_only("extensions of this server")


@pytest.fixture(scope="module")
def apus(server):
    with Apus(server) as connected:
        yield connected


@pytest.fixture
def filled(client, collection):
    own = collection(vectors_config=VectorParams(size=4, distance=Distance.DOT))
    client.upsert(own, [PointStruct(id=n, vector=[n, 1, 0, 0]) for n in range(20)])
    return own


def test_reflection_lists_every_service(apus):
    names = set(apus.database.get_services())
    assert {
        "qdrant.Points", "qdrant.Collections", "qdrant.Snapshots", "qdrant.Qdrant",
        "grpc.health.v1.Health", "apus.v1.Apus",
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    } == names
    for name in names:
        service = apus.pool.FindServiceByName(name)
        assert service.full_name == name and len(service.methods) > 0


def test_every_listed_method_is_served_and_no_other_is_listed():
    """A method that the server lacks answers UNIMPLEMENTED with its path."""
    # A server of its own: some methods do their work on an empty message.
    with apus_server.temporary_server() as own, Apus(own) as apus:
        for name in apus.database.get_services():
            for method in apus.pool.FindServiceByName(name).methods:
                request = apus.message(method.input_type.full_name)
                request = iter([request]) if method.client_streaming else request
                try:
                    answer = apus.call(method.name, request, service=name, timeout=10)
                    if method.server_streaming:
                        list(answer)
                except grpc.RpcError as error:
                    assert "there is no method" not in (error.details() or ""), (
                        f"{name}/{method.name}")


def test_reflection_finds_symbols_and_files_and_says_what_is_not_there(server):
    def ask(*questions):
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            return list(stub.ServerReflectionInfo(iter(questions), timeout=20))

    request = reflection_pb2.ServerReflectionRequest
    method, field, file, none, nothing, extension, empty = ask(
        request(file_containing_symbol="qdrant.Points.Query"),
        request(file_containing_symbol="apus.v1.QueryRequest.target_recall"),
        request(file_by_filename="apus/v1/apus.proto"),
        request(file_containing_symbol="qdrant.Nobody"),
        request(file_by_filename="none.proto"),
        request(file_containing_extension={"containing_type": "qdrant.Value", "extension_number": 1}),
        request(),
    )
    assert len(method.file_descriptor_response.file_descriptor_proto) >= 4
    assert (
        field.file_descriptor_response.file_descriptor_proto
        == file.file_descriptor_response.file_descriptor_proto
    )
    assert none.error_response.error_code == 5 and "qdrant.Nobody" in none.error_response.error_message
    assert nothing.error_response.error_code == 5 and extension.error_response.error_code == 5
    assert empty.error_response.error_code == 3


def test_reflection_needs_the_key_that_all_calls_need():
    with apus_server.temporary_server(environment={"APUS_API_KEY": "secret"}) as locked:
        with Apus(locked) as stranger, pytest.raises(grpc.RpcError) as refused:
            stranger.database.get_services()
        assert status(refused) == "UNAUTHENTICATED"
        with Apus(locked, metadata=[("api-key", "secret")]) as friend:
            assert "apus.v1.Apus" in friend.database.get_services()
            request = friend.message("GetCollectionRequest", collection_name="none")
            with pytest.raises(grpc.RpcError) as missing:
                friend.GetCollection(request)
            assert status(missing) == "NOT_FOUND"
        with Apus(locked) as stranger:
            with pytest.raises(grpc.RpcError) as refused:
                stranger.channel.unary_unary("/apus.v1.Apus/GetCollection")(b"", timeout=10)
            assert status(refused) == "UNAUTHENTICATED"


def test_a_query_names_its_recall_and_learns_what_to_expect(apus, rest, filled):
    query = {"collection_name": filled, "query": {"nearest": {"dense": {"data": [1, 0, 0, 0]}}},
             "limit": 3}
    answer = apus.Query(
        apus.message("QueryRequest", query=query, target_recall=1.0, reading={"pin": True}))
    assert [point.id.num for point in answer.points] == [19, 18, 17]
    assert answer.recall_expected == 1.0 and answer.version == 1
    body = {"query": [1, 0, 0, 0], "limit": 3, "params": {"target_recall": 1.0}}
    reply = rest("POST", f"/apus/v1/collections/{filled}/query", body).result
    assert [point["id"] for point in reply["points"]] == [19, 18, 17]
    assert reply["recall_expected"] == 1 and reply["version"] == 1

    later = apus.Query(apus.message("QueryRequest", query=query, reading={"version": 1}))
    assert later.version == 1
    for wrong, code in [
        ({"target_recall": 1.5}, "INVALID_ARGUMENT"),
        ({"ivf_probes": 0}, "INVALID_ARGUMENT"),
        ({"reading": {"version": 1, "pin": True}}, "INVALID_ARGUMENT"),
        ({"reading": {"version": 77}}, "FAILED_PRECONDITION"),
        ({"reading": {"version_at_least": 1 << 63}}, "INVALID_ARGUMENT"),
        ({"reading": {"wait_seconds": -1}}, "INVALID_ARGUMENT"),
        ({"reading": {"version_at_least": 9, "wait_seconds": 0}}, "DEADLINE_EXCEEDED"),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            apus.Query(apus.message("QueryRequest", query=query, **wrong))
        assert status(refused) == code, wrong


def test_an_explanation_is_the_same_over_both_protocols(apus, rest, filled):
    query = {"collection_name": filled, "query": {"nearest": {"dense": {"data": [1, 0, 0, 0]}}},
             "limit": 3, "filter": {"must": [{"has_id": {"has_id": [{"num": 3}, {"num": 4}]}}]}}
    answer = apus.Explain(
        apus.message("ExplainRequest", query={"query": query}, compare=True))
    assert [point.id.num for point in answer.answer.points] == [4, 3]
    (search,) = answer.explanation.searches
    body = {"query": [1, 0, 0, 0], "limit": 3, "filter": {"must": [{"has_id": [3, 4]}]}}
    path = f"/apus/v1/collections/{filled}/explain?compare=true"
    (told,) = rest("POST", path, body).result["explanation"]["searches"]
    assert (search.rows, search.found, search.measured) == (20, 2, told["measured"])
    assert search.plan.plan == told["plan"]["plan"] and search.plan.cost == told["plan"]["cost"]
    assert search.plan.outcome.recall == told["plan"]["recall"] == 1
    assert search.filter.matching_rows == told["filter"]["matching_rows"] == 2


def test_a_read_waits_for_the_version_of_a_write(apus, rest, client, filled):
    """What a reader needs who was told of a write by somebody else."""
    query = {"collection_name": filled, "query": {"nearest": {"dense": {"data": [1, 0, 0, 0]}}},
             "limit": 1}
    found = []

    def read():
        found.append(apus.Query(apus.message(
            "QueryRequest", query=query, reading={"version_at_least": 3, "wait_seconds": 60})))

    def ask():
        found.append(rest("GET", f"/apus/v1/collections/{filled}/version?at_least=3&wait_seconds=60"))

    def scroll():
        found.append(rest(
            "POST", f"/collections/{filled}/points/scroll", {"limit": 100},
            headers={"apus-version-at-least": "3", "apus-wait-seconds": "60"}))

    readers = [threading.Thread(target=target) for target in (read, ask, scroll)]
    for reader in readers:
        reader.start()
    for number in (100, 101):
        client.upsert(filled, [PointStruct(id=number, vector=[number, 0, 0, 0])], wait=True)
    for reader in readers:
        reader.join(60)
    assert len(found) == 3
    for answer in found:
        if hasattr(answer, "points"):
            assert answer.points[0].id.num == 101 and answer.version == 3
        elif "points" in answer.result:
            assert len(answer.result["points"]) == 22
        else:
            assert answer.result == {"version": 3}


def test_waiting_has_an_end(apus, rest, filled):
    wait = {"collection_name": filled, "version": 8, "timeout_seconds": 0.05}
    with pytest.raises(grpc.RpcError) as late:
        apus.WaitForVersion(apus.message("WaitForVersionRequest", **wait))
    assert status(late) == "DEADLINE_EXCEEDED" and "the newest is 1" in late.value.details()
    path = f"/apus/v1/collections/{filled}/version"
    assert rest("GET", f"{path}?at_least=8&wait_seconds=0.05").status == 408
    assert rest("GET", path).result == {"version": 1}
    assert rest("GET", f"{path}?at_least=x").status == 400
    assert rest("GET", f"{path}?wait_seconds=301").status == 422
    assert rest("GET", f"{path}?wait_seconds=nan").status == 422
    assert rest("GET", "/apus/v1/collections/none/version").status == 404
    for header in ({"apus-version-at-least": "x"}, {"apus-version-at-least": "-1"},
                   {"apus-version-at-least": str(1 << 63)}, {"apus-wait-seconds": "long"}):
        reply = rest("POST", f"/collections/{filled}/points/count", {}, headers=header)
        assert reply.status == 400, header


def test_a_waiting_call_ends_with_its_collection(apus, client, collection):
    own = collection(vectors_config=VectorParams(size=1, distance=Distance.DOT))
    request = apus.message(
        "WaitForVersionRequest", collection_name=own, version=1, timeout_seconds=60)
    call = apus.channel.unary_unary(
        "/apus.v1.Apus/WaitForVersion",
        request_serializer=lambda message: message.SerializeToString(),
    ).future(request, timeout=60)
    client.delete_collection(own)
    with pytest.raises(grpc.RpcError) as ended:
        call.result()
    assert status(ended) in ("UNAVAILABLE", "NOT_FOUND")


def test_a_field_gets_its_lists_over_grpc(apus, rest, client, name):
    vectors = {"params": {"size": 8, "distance": "Cosine"}}
    apus.CreateCollection(apus.message(
        "CreateCollectionRequest",
        collection={"collection_name": name, "vectors_config": vectors},
        ivf={"": {"lists": 16, "probes": 4}}, durability={"async_ms": 50}))
    told = apus.GetCollection(apus.message("GetCollectionRequest", collection_name=name))
    assert (told.ivf[""].lists, told.ivf[""].bits, told.ivf[""].probes) == (16, 4, 4)
    assert not told.ivf[""].HasField("parts") and told.durability.async_ms == 50
    assert told.config.params.vectors_config.params.size == 8
    config = rest("GET", f"/collections/{name}").result["config"]
    assert config["params"]["vectors"]["ivf"] == {"lists": 16, "bits": 4, "probes": 4}
    assert config["wal_config"]["durability"] == {"async_ms": 50}
    chance = random.Random(1)
    client.upsert(name, [
        PointStruct(id=n, vector=[chance.gauss(0, 1) for _ in range(8)]) for n in range(300)])
    query = {"collection_name": name, "query": {"nearest": {"dense": {"data": [1] + [0] * 7}}},
             "limit": 5}
    found = apus.Query(apus.message("QueryRequest", query=query, ivf_probes=16))
    truth = client.query_points(name, [1] + [0] * 7, limit=5).points
    assert [point.id.num for point in found.points] == [point.id for point in truth]
    client.delete_collection(name)

    for ivf in ({"x": {}}, {"": {"lists": 0}}, {"": {"bits": 5}}, {"": {"parts": 3}}):
        with pytest.raises(grpc.RpcError) as refused:
            apus.CreateCollection(apus.message(
                "CreateCollectionRequest",
                collection={"collection_name": name, "vectors_config": vectors}, ivf=ivf))
        assert status(refused) == "INVALID_ARGUMENT", ivf
    assert not client.collection_exists(name)
