"""Positions of pipelines over gRPC: written with the points, one writer at a time, by tenant
(docs/protocol.md, "Positions of pipelines"). Over REST: PositionTests."""

from __future__ import annotations

import grpc
import jwt
import pytest
from qdrant_client.models import SnapshotPriority

import apus_server
from apus_v1 import Apus, status
from conftest import connect
from test_apus_v1_streams import VECTORS, Sending, batch, begun, contents, start

pytestmark = pytest.mark.server_only("extensions of this server")


@pytest.fixture(scope="module")
def apus(server):
    with Apus(server) as connected:
        yield connected


def pipeline_start(apus, name: str, pipeline: str):
    return apus.message("UpsertRequest", start={"collection_name": name, "pipeline": pipeline})


def move(apus, sequence: int, position: str, ids=(), deletes=()):
    message = batch(apus, sequence, list(ids), sequence)
    message.batch.position = position
    message.batch.deletes.extend(apus.message("qdrant.PointId", num=id) for id in deletes)
    return message


def position(apus, name: str, pipeline: str) -> str:
    request = apus.message("GetPositionRequest", collection_name=name, pipeline=pipeline)
    answer = apus.GetPosition(request).position
    assert answer.pipeline == pipeline
    return answer.position


def positions(apus, name: str) -> dict[str, str]:
    found = apus.ListPositions(apus.message("ListPositionsRequest", collection_name=name))
    return {entry.pipeline: entry.position for entry in found.positions}


def delete(apus, name: str, pipeline: str) -> bool:
    request = apus.message("DeletePositionRequest", collection_name=name, pipeline=pipeline)
    return apus.DeletePosition(request).existed


def write(apus, name: str, pipeline: str, *batches) -> str:
    """Where the pipeline was before."""
    answers = list(apus.UpsertStream(iter([pipeline_start(apus, name, pipeline), *batches])))
    assert [answer.sequence for answer in answers] == list(range(len(batches) + 1))
    assert answers[0].HasField("pipeline") and not answers[-1].HasField("pipeline")
    return answers[0].pipeline.position


def test_position_and_points_are_one_after_a_crash(tmp_path):
    server = apus_server.ApusServer(tmp_path / "data")
    server.start()
    client = connect(server, "rest")
    client.create_collection("c", vectors_config=VECTORS)
    with Apus(server) as apus:
        assert write(apus, "c", "p", move(apus, 1, "one", ids=[1, 2, 3])) == ""
        sending = Sending()
        answers = apus.UpsertStream(iter(sending))
        sending.send(pipeline_start(apus, "c", "p"))
        assert next(answers).pipeline.position == "one"
        for sequence in range(1, 200):
            sending.send(move(apus, sequence, f"at {sequence}", [1000 + sequence], [sequence]))
        next(answers)
        server.kill()
        sending.end()
    client.close()
    server.start()
    client = connect(server, "rest")
    with Apus(server) as apus:
        last = int(position(apus, "c", "p").removeprefix("at "))
        assert last >= 1
        expected = {1000 + n for n in range(1, last + 1)} | {n for n in (1, 2, 3) if n > last}
        assert set(contents(client, "c")) == expected
        # A snapshot has the position that goes with its points.
        snapshot = client.create_snapshot("c")
        assert write(apus, "c", "p", move(apus, 1, "later", [5000])) == f"at {last}"
        path = f"{server.data}/snapshots.d/collections/c/{snapshot.name}"
        assert client.recover_snapshot(
            "c", f"file://{path}", priority=SnapshotPriority.SNAPSHOT, wait=True)
        assert position(apus, "c", "p") == f"at {last}"
        assert set(contents(client, "c")) == expected
    client.close()
    assert server.stop() == 0


def test_of_two_runs_of_a_pipeline_only_one_goes_on(apus, client, collection):
    own = collection(vectors_config=VECTORS)
    streams = [begun(apus, pipeline_start(apus, own, "p")) for _ in range(2)]
    assert [answer.pipeline.position for _, _, answer in streams] == ["", ""]
    (first, first_answers, _), (second, second_answers, _) = streams
    first.send(move(apus, 1, "first", [1]))
    assert next(first_answers).sequence == 1
    second.send(move(apus, 1, "second", [2]))
    with pytest.raises(grpc.RpcError) as refused:
        next(second_answers)
    assert status(refused) == "FAILED_PRECONDITION"
    # A position that is deleted under a run ends it, too.
    assert delete(apus, own, "p") and not delete(apus, own, "p")
    first.send(move(apus, 2, "first again", [3]))
    with pytest.raises(grpc.RpcError) as refused:
        next(first_answers)
    assert status(refused) == "FAILED_PRECONDITION"
    for sending, _, _ in streams:
        sending.end()
    assert set(contents(client, own)) == {1}
    assert positions(apus, own) == {}


def test_positions_belong_to_a_collection_and_go_with_it(apus, client, collection):
    one, other = collection(vectors_config=VECTORS), collection(vectors_config=VECTORS)
    write(apus, one, "p", move(apus, 1, "here", [1]))
    list(apus.UpsertStream(iter([start(apus, one, "p"), batch(apus, 1, [2])])))
    assert positions(apus, one) == {"p": "here"} and positions(apus, other) == {}
    client.delete_collection(one)
    client.create_collection(one, vectors_config=VECTORS)
    assert position(apus, one, "p") == ""


def test_there_is_room_for_so_many_pipelines(apus, collection):
    own = collection(vectors_config=VECTORS)
    for n in range(1024):
        write(apus, own, f"p{n}", move(apus, 1, "x"))
    with pytest.raises(grpc.RpcError) as refused:
        write(apus, own, "one more", move(apus, 1, "x"))
    assert status(refused) == "FAILED_PRECONDITION" and "1024 pipelines" in refused.value.details()
    assert delete(apus, own, "p7")
    write(apus, own, "one more", move(apus, 1, "x"))


def test_tenants_have_positions_of_their_own(tmp_path):
    secret = "a secret of more than thirty-two bytes, shared"
    environment = {"APUS_AUTH_JWT_SECRET": secret, "APUS_API_KEY": "key"}

    def tenant(access: str = "rw", payload=None):
        claim = {"collection": "c", "access": access, **({"payload": payload} if payload else {})}
        token = jwt.encode({"sub": "t", "access": [claim]}, secret, algorithm="HS256")
        return Apus(server, metadata=[("api-key", token)])

    a, b = {"tenant": "a", "level": 1}, {"tenant": "b", "level": 1}
    with apus_server.ApusServer(tmp_path / "data", environment=environment) as server:
        client = connect(server, "rest", api_key="key", https=False)
        client.create_collection("c", vectors_config=VECTORS)
        with Apus(server, metadata=[("api-key", "key")]) as owner, tenant(payload=a) as first, \
                tenant(payload=b) as second, tenant() as whole:
            for n, apus in enumerate([owner, first, second]):
                assert write(apus, "c", "p", move(apus, 1, f"of {n}")) == ""
                assert positions(apus, "c") == {"p": f"of {n}"}
                # Of sources, too, which one of them could make to pass over the points of others.
                answers = apus.UpsertStream(iter([start(apus, "c", "s"), batch(apus, 1, [])]))
                assert [answer.sequence for answer in answers] == [0, 1]
            assert delete(first, "c", "p")
            assert positions(first, "c") == {}
            # Who may write all points is no tenant.
            assert positions(whole, "c") == positions(owner, "c") == {"p": "of 0"}
            with tenant("r") as reader:
                for ask in (positions, lambda *_: position(reader, "c", "p"),
                            lambda *_: delete(reader, "c", "p")):
                    with pytest.raises(grpc.RpcError) as refused:
                        ask(reader, "c")
                    assert status(refused) == "PERMISSION_DENIED"
        client.close()
    # In whatever order a token names the values, and after a start.
    with apus_server.ApusServer(tmp_path / "data", environment=environment) as server:
        with tenant(payload=dict(reversed(b.items()))) as again:
            assert positions(again, "c") == {"p": "of 2"}
