"""The collection card: which model made the vectors, and who is refused (docs/protocol.md)."""

from __future__ import annotations

import json
import threading

import grpc
import numpy as np
import pytest
from qdrant_client.models import (
    Distance, Document, Fusion, FusionQuery, PointStruct, PointVectors, Prefetch, SparseVector,
    SparseVectorParams, VectorParams,
)

import apus_server
from apus_v1 import Apus, status
from conftest import connect
from pipelines import Pipeline
from rest import Rest
from test_pipeline_embedders import Embeddings
from test_snapshots import upload

pytestmark = [
    pytest.mark.server_only("extensions of this server"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]
VECTORS = VectorParams(size=2, distance=Distance.DOT)
MODELS = {"": {"id": "mini", "version": "1", "normalized": True}}


@pytest.fixture(scope="module")
def apus(server):
    with Apus(server) as connected:
        yield connected


@pytest.fixture
def carded(client, collection, rest):
    """A collection of one dense and one sparse field, with a card."""
    own = collection(vectors_config=VECTORS, sparse_vectors_config={"w": SparseVectorParams()})
    rest("PUT", card_path(own), {"models": MODELS}).result
    return own


def card_path(name: str) -> str:
    return f"/apus/v1/collections/{name}/card"


def refused(transport: str, call, *parts: str) -> None:
    """The call is refused because of the model, with a message that has all `parts`."""
    with pytest.raises(Exception) as caught:
        call()
    if transport == "rest":
        assert caught.value.status_code == 409, caught.value
        message = json.loads(caught.value.content)["status"]["error"]
    else:
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION, caught.value
        message = caught.value.details()
    for part in ("Model mismatch", *parts):
        assert part in message, message


def test_a_card_is_one_over_both_protocols(apus, rest, client, collection):
    name = collection(vectors_config=VECTORS)
    request = apus.message("GetCardRequest", collection_name=name)
    assert not apus.GetCard(request).HasField("card")
    assert rest("GET", card_path(name)).result == {
        "card": None, "recall": {"expected": {}, "observed": None}}

    set = apus.SetCard(apus.message("SetCardRequest", collection_name=name, card={
        "models": {"": {"id": "mini", "version": "1"}},
        "corpus": {"name": "Docs", "description": "Everything.", "license": "CC0-1.0"},
    }))
    assert (set.card.models[""].dimension, set.card.models[""].metric) == (2, 3)
    assert not set.card.models[""].HasField("normalized")
    expected = {
        "models": {"": {"id": "mini", "version": "1", "dimension": 2, "metric": "Dot"}},
        "corpus": {"name": "Docs", "description": "Everything.", "license": "CC0-1.0"},
    }
    assert rest("GET", card_path(name)).result["card"] == expected
    assert apus.GetCard(request).card == set.card
    info = apus.GetCollection(apus.message("GetCollectionRequest", collection_name=name))
    assert info.card == set.card
    assert rest("GET", f"/collections/{name}").result["apus"]["card"] == expected
    # The published client reads what it knows and passes over the rest.
    assert client.get_collection(name).config.params.vectors.size == 2

    client.upsert(name, [PointStruct(id=n, vector=[n, 1]) for n in range(20)])
    assert rest("GET", card_path(name)).result["recall"]["expected"] == {"": 1}
    assert dict(apus.GetCard(request).recall.expected) == {"": 1}

    with pytest.raises(grpc.RpcError) as caught:
        apus.SetCard(apus.message("SetCardRequest", collection_name=name))
    assert status(caught) == "INVALID_ARGUMENT"
    gone = apus.message("DeleteCardRequest", collection_name=name)
    assert apus.DeleteCard(gone).existed and not apus.DeleteCard(gone).existed
    assert rest("GET", card_path(name)).result["card"] is None
    assert "card" not in rest("GET", f"/collections/{name}").result["apus"]


@pytest.mark.parametrize("card, code, text", [
    ({"models": {"": {"id": "m", "dimension": 3}}}, "INVALID_ARGUMENT", "expected 2"),
    ({"models": {"": {"id": "m", "metric": "Cosine"}}}, "INVALID_ARGUMENT", "expected dot"),
    ({"models": {"x": {"id": "m"}}}, "INVALID_ARGUMENT", "x"),
    ({"models": {"": {"id": ""}}}, "INVALID_ARGUMENT", "models..id"),
    ({"models": {"": {"id": "m" * 256}}}, "INVALID_ARGUMENT", "256 bytes"),
])
def test_a_card_that_contradicts_its_collection_is_refused(
    apus, rest, collection, card, code, text
):
    name = collection(vectors_config=VECTORS)
    with pytest.raises(grpc.RpcError) as caught:
        apus.SetCard(apus.message("SetCardRequest", collection_name=name, card=card))
    assert status(caught) == code and text in caught.value.details()
    assert rest("PUT", card_path(name), card).status in (400, 422)
    assert rest("GET", card_path(name)).result["card"] is None


def test_a_collection_is_created_with_its_card(apus, rest, client, server):
    """In one commit over both protocols: no reader meets the collection without it."""
    name = "created-with-a-card"
    card = {"models": MODELS, "corpus": {"name": "Docs"}}
    told = {"models": {"": MODELS[""] | {"dimension": 2, "metric": "Dot"}},
            "corpus": {"name": "Docs", "description": "", "license": ""}}

    def create(card, **more):
        collection = {"collection_name": name, "vectors_config": {
            "params": {"size": 2, "distance": 3}}}
        return apus.call("CreateCollection", apus.message(
            "CreateCollectionRequest", collection=collection, card=card), **more)

    def over_rest(card, **more):
        body = {"vectors": {"size": 2, "distance": "Dot"}, "card": card}
        return rest("PUT", f"/collections/{name}", body, **more)

    try:
        create(card)
        assert rest("GET", card_path(name)).result["card"] == told
        info = apus.GetCollection(apus.message("GetCollectionRequest", collection_name=name))
        assert info.card.models[""].dimension == 2
        client.delete_collection(name)
        assert over_rest(card).result is True
        assert rest("GET", card_path(name)).result["card"] == told
        client.delete_collection(name)
        for wrong, code in [
            ({"models": {"": {"id": "m", "dimension": 3}}}, "INVALID_ARGUMENT"),
            ({"models": {"": {"id": "m", "metric": "Cosine"}}}, "INVALID_ARGUMENT"),
            ({"models": {"none": {"id": "m"}}}, "INVALID_ARGUMENT"),
            ({"models": {"": {"id": ""}}}, "INVALID_ARGUMENT"),
        ]:
            with pytest.raises(grpc.RpcError) as caught:
                create(wrong)
            assert status(caught) == code, wrong
            assert over_rest(wrong).status in (400, 422), wrong
            assert not client.collection_exists(name)
        other = "other@7"
        with pytest.raises(grpc.RpcError) as caught:
            create(card, metadata=[("apus-model", other)])
        assert status(caught) == "FAILED_PRECONDITION"
        assert over_rest(card, headers={"apus-model": other}).status == 409
        assert not client.collection_exists(name)
        create(card, metadata=[("apus-model", "mini@1")])
        assert rest("GET", card_path(name)).result["card"] == told
    finally:
        client.delete_collection(name)


def test_a_client_that_declares_its_model_creates_collections_of_it(server, rest, transport):
    name = f"declared-at-creation-{transport}"
    right = connect(server, transport, headers={"apus-model": "mini@1"})
    wrong = connect(server, transport, headers={"apus-model": "other"})
    try:
        right.create_collection(
            name, vectors_config=VECTORS, sparse_vectors_config={"w": SparseVectorParams()})
        assert rest("GET", card_path(name)).result["card"] == {"models": {
            "": {"id": "mini", "version": "1", "dimension": 2, "metric": "Dot"}}}
        points = [PointStruct(id=1, vector=[1, 2])]
        right.upsert(name, points)
        refused(transport, lambda: wrong.upsert(name, points), "`mini@1`", "`other`")
    finally:
        right.delete_collection(name)
        right.close()
        wrong.close()


def test_the_published_client_declares_a_model_once(server, transport, carded):
    """A team puts the model into the client's headers; nothing else of its code changes."""
    right = connect(server, transport, headers={"apus-model": "mini@1"})
    wrong = connect(server, transport, headers={"apus-model": "other@7"})
    points = [PointStruct(id=n, vector=[n, 1]) for n in range(3)]
    parts = ("`" + carded + "`", "unnamed vector field", "`mini@1`", "`other@7`")
    try:
        right.upsert(carded, points)
        calls = [
            lambda client: client.upsert(carded, points),
            lambda client: client.update_vectors(carded, [PointVectors(id=1, vector=[5, 5])]),
            lambda client: client.query_points(carded, [1.0, 0.0]),
            lambda client: client.query_points(
                carded, prefetch=[Prefetch(query=[1.0, 0.0])], query=FusionQuery(fusion=Fusion.RRF)),
            lambda client: client.query_points_groups(carded, "g", query=[1.0, 0.0]),
        ]
        for call in calls:
            call(right)
            refused(transport, lambda call=call: call(wrong), *parts)
        # Without vectors of the model nothing is compared.
        assert wrong.count(carded).count == 3
        assert len(wrong.scroll(carded)[0]) == 3
        assert [p.id for p in wrong.query_points(carded, 1, limit=1).points] == [2]
        sparse = SparseVector(indices=[1], values=[1.0])
        wrong.upsert(carded, [PointStruct(id=9, vector={"w": sparse})])
        wrong.query_points(carded, sparse, using="w")
        wrong.delete(carded, [9])
        assert right.retrieve(carded, [1], with_vectors=True)[0].vector == [5, 5]
    finally:
        right.close()
        wrong.close()


@pytest.mark.parametrize("text, taken", [
    ("mini", True), ("=mini@1", True), ("w=other", True), ("mini,w=other", True),
    ("=other", False), ("mini@2", False), ("mini,=other", False),
])
def test_a_declaration_may_be_by_field(server, transport, carded, text, taken):
    client = connect(server, transport, headers={"apus-model": text})
    try:
        if taken:
            client.query_points(carded, [1.0, 0.0])
        else:
            refused(transport, lambda: client.query_points(carded, [1.0, 0.0]))
    finally:
        client.close()


def test_without_a_card_anything_is_taken_but_nonsense(server, rest, transport, collection):
    name = collection(vectors_config=VECTORS)
    client = connect(server, transport, headers={"apus-model": "whatever@1"})
    try:
        client.upsert(name, [PointStruct(id=1, vector=[1, 2])])
        assert client.query_points(name, [1.0, 0.0]).points
    finally:
        client.close()
    reply = rest("POST", f"/collections/{name}/points/query", {"query": [1, 0]},
                 headers={"apus-model": "a,b"})
    assert reply.status == 400 and "apus-model" in reply.error


def test_messages_of_our_own_service_say_it_themselves(apus, carded):
    query = {"collection_name": carded, "query": {"nearest": {"dense": {"data": [1, 0]}}}}
    for method, make in [
        ("Query", lambda **more: apus.message("QueryRequest", query=query, **more)),
        ("Explain", lambda **more: apus.message(
            "ExplainRequest", query=apus.message("QueryRequest", query=query, **more))),
    ]:
        apus.call(method, make(model="mini@1"))
        with pytest.raises(grpc.RpcError) as caught:
            apus.call(method, make(model="other"))
        assert status(caught) == "FAILED_PRECONDITION"
        # The message goes before the header.
        apus.call(method, make(model="mini"), metadata=[("apus-model", "other")])
        with pytest.raises(grpc.RpcError) as caught:
            apus.call(method, make(), metadata=[("apus-model", "other")])
        assert status(caught) == "FAILED_PRECONDITION"
        with pytest.raises(grpc.RpcError) as caught:
            apus.call(method, make(model="a,b"))
        assert status(caught) == "INVALID_ARGUMENT"


def test_bulk_upserts_are_held_to_it_from_their_start_and_while_they_run(apus, rest, carded):
    def start(model: str):
        return apus.message(
            "UpsertRequest", start={"collection_name": carded, "model": model})

    def batch(sequence: int, vector):
        points = [{"id": {"num": sequence}, "vectors": {"vector": vector}}]
        return apus.message("UpsertRequest", batch={"sequence": sequence, "points": points})

    dense = {"dense": {"data": [1, 2]}}
    answers = list(apus.UpsertStream(iter([start("mini@1"), batch(1, dense)])))
    assert answers[-1].sequence == 1
    with pytest.raises(grpc.RpcError) as caught:
        list(apus.UpsertStream(iter([start("other")])))
    assert status(caught) == "FAILED_PRECONDITION"

    # The server embeds a text of the second batch with a model that is not the card's.
    text = {"document": {"text": "a text", "model": "apus-static"}}
    with pytest.raises(grpc.RpcError) as caught:
        list(apus.UpsertStream(iter([start(""), batch(1, dense), batch(2, text)])))
    assert status(caught) == "FAILED_PRECONDITION" and "apus-static@" in caught.value.details()

    # The card changes while a stream is open.
    go_on = threading.Event()

    def sending():
        yield start("mini@1")
        yield batch(1, dense)
        go_on.wait(30)
        yield batch(2, dense)

    stream = apus.UpsertStream(sending())
    assert [next(stream).sequence, next(stream).sequence] == [0, 1]
    rest("PUT", card_path(carded), {"models": {"": {"id": "mini", "version": "2"}}}).result
    go_on.set()
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert status(caught) == "FAILED_PRECONDITION" and "mini@2" in caught.value.details()


def test_texts_are_embedded_only_for_fields_of_that_model(server, rest, transport, collection):
    size = 192
    name = collection(vectors_config={
        field: VectorParams(size=size, distance=Distance.COSINE) for field in ("a", "b")})
    client = connect(server, transport, cloud_inference=True)
    text = Document(text="whales sing", model="apus-static")
    client.upsert(name, [PointStruct(id=1, vector={"a": text, "b": text})])
    version = rest("PUT", card_path(name) + "?if_empty=true",
                   {"models": {"a": {"id": "apus-static"}}})
    assert version.result is None, "vectors of unknown origin are there"
    rest("PUT", card_path(name),
         {"models": {"a": {"id": "apus-static"}, "b": {"id": "mini"}}}).result
    client.upsert(name, [PointStruct(id=2, vector={"a": text, "b": [1.0] * size})])
    refused(transport, lambda: client.upsert(name, [PointStruct(id=3, vector={"b": text})]),
            "`b`", "`mini`", "`apus-static@")
    assert len(client.query_points(name, text, using="a").points) == 2
    refused(transport, lambda: client.query_points(name, text, using="b"), "`b`")
    rest("PUT", card_path(name), {"models": {"a": {"id": "apus-static", "version": "0"}}}).result
    refused(transport, lambda: client.query_points(name, text, using="a"), "`apus-static@0`")
    client.close()


def test_it_survives_kills_and_comes_back_with_a_snapshot(tmp_path):
    data = tmp_path / "data"
    with apus_server.ApusServer(data) as server:
        rest = Rest(server.url)
        rest("PUT", "/collections/c", {"vectors": {"size": 2, "distance": "Dot"}}).result
        told = rest("PUT", card_path("c"), {"models": MODELS}).result
        server.kill()
    with apus_server.ApusServer(data) as server:
        rest = Rest(server.url)
        assert rest("GET", card_path("c")).result["card"] == told
        snapshot = rest("POST", "/collections/c/snapshots").result["name"]
        rest("PUT", card_path("c"), {"models": {"": {"id": "other"}}}).result
        archive = rest("GET", f"/collections/c/snapshots/{snapshot}").body
        assert upload(server, "c", archive)["result"] is True
        assert rest("GET", card_path("c")).result["card"] == told


def test_reading_it_takes_reading_and_setting_it_managing(tmp_path):
    audit = tmp_path / "audit.jsonl"
    with apus_server.temporary_server(
        arguments=("--set", f"audit.log={audit}"),
        environment={"APUS_API_KEY": "full", "APUS_AUTH_READ_ONLY_API_KEY": "read"},
    ) as server:
        full, read = (Rest(server.url, {"api-key": key}) for key in ("full", "read"))
        full("PUT", "/collections/c", {"vectors": {"size": 2, "distance": "Dot"}}).result
        assert read("PUT", card_path("c"), {"models": MODELS}).status == 403
        assert read("DELETE", card_path("c")).status == 403
        told = full("PUT", card_path("c"), {"models": MODELS}).result
        assert read("GET", card_path("c")).result["card"] == told
        assert Rest(server.url)("GET", card_path("c")).status == 401
        with Apus(server, metadata=[("api-key", "read")]) as reader:
            reader.GetCard(reader.message("GetCardRequest", collection_name="c"))
            for method in ("SetCard", "DeleteCard"):
                message = reader.message(f"{method}Request", collection_name="c")
                if method == "SetCard":
                    message.card.corpus.name = "mine"
                with pytest.raises(grpc.RpcError) as caught:
                    reader.call(method, message)
                assert status(caught) == "PERMISSION_DENIED"
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
    written = [line for line in lines if "/card" in json.dumps(line) and "PUT" in json.dumps(line)]
    assert [line["status"] for line in written] == [403, 200]
    assert "mini" not in audit.read_text()


# MARK: Pipelines and ingest


@pytest.fixture
def embeddings():
    server = Embeddings()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def cli_card(*arguments: str) -> dict:
    result = apus_server.run("card", "c", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["card"]


def pipeline(folder, url: str, version: str, place: str) -> Pipeline:
    folder.mkdir(exist_ok=True)
    (folder / "docs.jsonl").write_text(
        "".join(json.dumps({"id": n, "text": f"text {n}"}) + "\n" for n in range(10)))
    return Pipeline(folder, (
        "source: {files: {path: docs.jsonl, key: id}}\n"
        f"embed: {{openai: {{url: '{url}', model: m, dimension: 3, version: '{version}'}}}}\n"
        f"collection: {{name: c, {place}, metric: l2}}"))


def check(work: Pipeline):
    return apus_server.run("pipeline", "check", str(work.path))


@pytest.mark.parametrize("place", ["directory", "server"])
def test_a_pipeline_writes_the_card_and_another_embedder_is_refused(
    tmp_path, embeddings, place
):
    data = tmp_path / "data"
    with apus_server.temporary_server() as server:
        where = f"data: '{data}'" if place == "directory" else (
            f"url: 'grpc://127.0.0.1:{server.grpc_port}'")
        at = ("--data", str(data)) if place == "directory" else (
            "--url", f"grpc://127.0.0.1:{server.grpc_port}")
        first = pipeline(tmp_path / "a", embeddings.url, "1", where)
        assert "card: has no model yet; a field without vectors gets m@1" in check(first).stdout
        first.run()
        card = cli_card(*at)
        assert card["models"] == {
            "": {"id": "m", "version": "1", "dimension": 3, "metric": "Euclid"}}
        assert "card: agrees, m@1" in check(first).stdout

        other = pipeline(tmp_path / "b", embeddings.url, "2", where)
        calls = len(embeddings.calls)
        message = other.run(succeeds=False)
        for part in ("Model mismatch", "`c`", "`m@1`", "`m@2`"):
            assert part in message, message
        looked = check(other)
        assert looked.returncode == 1 and "`m@2`" in looked.stderr
        # It has read nothing: there is no embedded text and no status of a run.
        assert len(embeddings.calls) == calls
        assert not list((tmp_path / "b" / "state").rglob("*"))

        # Whoever means it says so on the card, and the texts are embedded again.
        file = tmp_path / "card.json"
        file.write_text(json.dumps({**card, "models": {"": {"id": "m", "version": "2"}}}))
        assert cli_card(*at, "--set", str(file))["models"][""]["version"] == "2"
        assert other.run()["progress"]["counters"]["embedded"] == 10
        assert cli_card(*at, "--clear") is None
        assert other.run()["state"] == "finished"
        assert cli_card(*at) is None, "there are vectors of unknown origin"


def test_a_pipeline_that_runs_meets_a_card_that_changes(tmp_path, embeddings):
    """Every write of a pipeline says what it comes from, so it does not go on with a new card."""
    with apus_server.temporary_server() as server:
        rest = Rest(server.url)
        work = pipeline(
            tmp_path / "a", embeddings.url, "1", f"url: 'grpc://127.0.0.1:{server.grpc_port}'")
        work.run()

        def changing(number, texts) -> None:
            rest("PUT", card_path("c"), {"models": {"": {"id": "new"}}}).result

        embeddings.answer = changing
        (tmp_path / "a" / "docs.jsonl").write_text('{"id": 77, "text": "later"}\n')
        assert "`new`" in work.run(succeeds=False)
        assert rest("POST", "/collections/c/points/count", {}).result["count"] == 10


def test_ingest_says_what_made_the_vectors(tmp_path):
    file = tmp_path / "rows.npy"
    np.save(file, np.eye(4, dtype=np.float32))
    data = ("--data", str(tmp_path / "data"))

    def ingest(model: str):
        return apus_server.run(
            "ingest", "--collection", "c", "--vectors", str(file), "--checkpoint",
            str(tmp_path / f"{model}.json"), "--model", model, *data)

    assert ingest("mini@1").returncode == 0
    assert cli_card(*data)["models"][""]["id"] == "mini"
    wrong = ingest("other")
    assert wrong.returncode == 1 and "`mini@1`" in wrong.stderr and "`other`" in wrong.stderr
    assert ingest("mini").returncode == 0
    nobody = ingest("x=mini")
    assert nobody.returncode == 1 and "'x'" in nobody.stderr
    none = apus_server.run("card", "none", *data)
    assert none.returncode == 1 and "none" in none.stderr
