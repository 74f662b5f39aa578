"""Keys, tokens, tenants and the audit log, from outside and over both protocols."""

from __future__ import annotations

import json
import os
import signal
import time

import grpc
import jwt
import pytest
from qdrant_client import QdrantClient, models

import apus_server
from conftest import connect
from failures import fails
from identities import SigningKey, key_set, replace, until
from rest import Rest

KEY = "the key that opens everything"
READ_KEY = "the key that opens for reading"
SECRET = "a secret of more than thirty-two bytes, shared"

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


def token(**claims) -> str:
    return jwt.encode(claims, SECRET, algorithm="HS256")


TENANT = token(
    sub="alice",
    access=[{"collection": "docs", "access": "rw", "payload": {"tenant": "a"}},
            {"collection": "public", "access": "r"}])


class Locked:
    def __init__(self, server, audit, keys, key_file) -> None:
        self.server, self.audit, self.keys, self.key_file = server, audit, keys, key_file

    def client(self, protocol: str, credential: str) -> QdrantClient:
        return connect(self.server, protocol, api_key=credential, https=False)

    def rest(self, credential: str) -> Rest:
        return Rest(self.server.url, {"Authorization": f"Bearer {credential}"})

    def audited(self) -> list[dict]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()]


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    keys = SigningKey("rsa-1", "RS256"), SigningKey("ec-1", "ES256"), SigningKey("hs-1", "HS256")
    key_file = folder / "jwks.json"
    key_file.write_bytes(key_set(*keys))
    audit = folder / "audit.jsonl"
    with apus_server.temporary_server(
        arguments=(
            "--set", f"auth.jwt.jwks_file={key_file}", "--set", f"audit.log={audit}",
            "--log-level", "debug"),
        environment={
            "APUS_API_KEY": KEY, "APUS_AUTH_READ_ONLY_API_KEY": READ_KEY,
            "APUS_AUTH_JWT_SECRET": SECRET},
    ) as running:
        owner = connect(running, "rest", api_key=KEY, https=False)
        for name in ("docs", "public", "private"):
            owner.create_collection(
                name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        owner.upsert(
            "docs", [models.PointStruct(
                id=i, vector=[i, 1], payload={"tenant": "a" if i < 5 else "b"})
                for i in range(10)], wait=True)
        owner.close()
        yield Locked(running, audit, keys, key_file)
        for secret in (KEY, READ_KEY, SECRET, TENANT):
            assert secret not in running.output and secret not in audit.read_text()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
class TestBothDoors:
    def test_the_read_only_key_reads(self, locked, protocol):
        client = locked.client(protocol, READ_KEY)
        assert client.count("docs").count == 10
        assert len(client.get_collections().collections) == 3
        with fails(protocol, 403):
            client.delete("docs", [1])
        with fails(protocol, 403):
            client.delete_collection("docs")
        with fails(protocol, 403):
            client.create_snapshot("docs")
        client.close()

    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_tokens_by_keys_of_the_set(self, locked, protocol, index):
        key = locked.keys[index]
        client = locked.client(protocol, key.token(access="r", exp=time.time() + 60))
        assert client.count("docs").count == 10
        with fails(protocol, 403):
            client.delete("docs", [1])
        client.close()

    def test_what_is_wrong_with_a_token(self, locked, protocol):
        rsa = locked.keys[0]
        other = SigningKey("rsa-1", "RS256")
        good = token(access="m")
        head, body, signature = good.split(".")
        for wrong in (
            token(access="m", exp=time.time() - 60),
            token(access="m", nbf=time.time() + 600),
            token(),
            token(access="x"),
            jwt.encode({"access": "m"}, "another secret of more than thirty-two bytes!",
                       algorithm="HS256"),
            other.token(access="m"),
            # The public key as a shared secret; no signature at all; another algorithm.
            jwt.encode({"access": "m"}, json.dumps(rsa.entry), algorithm="HS256",
                       headers={"kid": "rsa-1"}),
            jwt.encode({"access": "m"}, None, algorithm="none"),
            jwt.encode({"access": "m"}, SECRET, algorithm="HS512"),
            f"{head}.{body}.", f"{head}.{body}", f"{head}.{body[:-2]}.{signature}", "a.b.c",
        ):
            client = locked.client(protocol, wrong)
            with fails(protocol, 401):
                client.get_collections()
            client.close()

    def test_a_tenant_meets_its_own_points(self, locked, protocol):
        client = locked.client(protocol, TENANT)
        names = [each.name for each in client.get_collections().collections]
        assert sorted(names) == ["docs", "public"]
        assert client.count("docs").count == 5
        found = client.query_points("docs", query=[1.0, 0.0], limit=10).points
        assert [each.id for each in found] == [4, 3, 2, 1, 0]
        assert [each.id for each in client.retrieve("docs", [4, 5])] == [4]
        points, _ = client.scroll("docs", limit=100)
        assert {each.id for each in points} == {0, 1, 2, 3, 4}
        with fails(protocol, 404):
            client.query_points("docs", query=7, limit=10)
        for body in (
            [models.PointStruct(id=7, vector=[0, 0], payload={"tenant": "a"})],
            [models.PointStruct(id=70, vector=[0, 0], payload={"tenant": "b"})],
        ):
            with fails(protocol, 403):
                client.upsert("docs", body, wait=True)
        client.delete("docs", [7, 8], wait=True)
        client.upsert(
            "docs", [models.PointStruct(id=70, vector=[0, 0], payload={"tenant": "a"})],
            wait=True)
        client.delete("docs", models.FilterSelector(
            filter=models.Filter(must=[models.HasIdCondition(has_id=[9, 70])])), wait=True)
        with fails(protocol, 403):
            client.upsert("public", [models.PointStruct(id=1, vector=[0, 0])])
        for call in (
            lambda: client.get_collection("private"),
            lambda: client.count("private"),
            lambda: client.list_snapshots("docs"),
            lambda: client.create_payload_index("docs", "tenant", "keyword"),
        ):
            with fails(protocol, 403):
                call()
        client.close()
        owner = locked.client(protocol, KEY)
        assert owner.count("docs").count == 10
        owner.close()


def test_value_exists_revokes_a_token(locked):
    owner = locked.client("rest", KEY)
    held = locked.rest(token(access="r", value_exists={
        "collection": "private", "matches": [{"key": "token", "value": "t-1"}]}))
    assert held("GET", "/collections").status == 401
    owner.upsert("private", [models.PointStruct(
        id=1, vector=[0, 0], payload={"token": "t-1"})], wait=True)
    assert held("GET", "/collections").status == 200
    owner.delete("private", [1], wait=True)
    assert held("GET", "/collections").status == 401
    owner.close()


def test_metrics_need_a_key_and_telemetry_too(locked):
    for path in ("/metrics", "/telemetry"):
        assert Rest(locked.server.url)("GET", path).status == 401
        assert locked.rest(READ_KEY)("GET", path).status == 200
    assert locked.rest(TENANT)("GET", "/metrics").status == 403


def test_keys_rotate_without_a_restart(locked):
    old, new = locked.keys[0], SigningKey("rsa-2", "RS256")
    old_token, new_token = old.token(access="r"), new.token(access="r")
    assert locked.rest(old_token)("GET", "/collections").status == 200
    assert locked.rest(new_token)("GET", "/collections").status == 401
    replace(locked.key_file, key_set(new, locked.keys[1]))
    until(lambda: locked.rest(new_token)("GET", "/collections").status == 200)
    # A token that was accepted, and remembered, goes with its key.
    assert locked.rest(old_token)("GET", "/collections").status == 401
    # A broken file keeps what holds.
    replace(locked.key_file, b"{")
    locked.server.process.send_signal(signal.SIGHUP)
    until(lambda: "not reloaded" in locked.server.output)
    assert locked.rest(new_token)("GET", "/collections").status == 200
    replace(locked.key_file, key_set(*locked.keys))
    until(lambda: locked.rest(old_token)("GET", "/collections").status == 200)


def test_the_audit_log_says_who_did_what(locked):
    before = len(locked.audited())
    locked.rest(READ_KEY)("GET", "/collections/docs")
    locked.rest("wrong")("GET", "/collections/docs")
    locked.rest(TENANT)("DELETE", "/collections/private")
    reply = locked.rest(TENANT)(
        "PUT", "/collections/docs/points?wait=true",
        {"points": [{"id": 1, "vector": [7162.25, 8273.5], "payload": {"tenant": "a", "x": "hidden"}}]})
    assert reply.status == 200
    client = locked.client("grpc", READ_KEY)
    with pytest.raises(grpc.RpcError):
        client.delete("docs", [1])
    client.close()
    expected = [
        (None, "denied", 401), ("jwt:alice", "denied", 403), ("jwt:alice", "done", 200),
        ("read-only-api-key", "denied", 7)]

    # A line is there before its answer is.
    lines = locked.audited()[before:]
    assert [(line["subject"], line["outcome"], line["status"]) for line in lines] == expected
    written = lines[2]
    assert written["method"] == "PUT /collections/{collection}/points"
    assert written["peer"] == "127.0.0.1" and written["door"] == "rest"
    assert written["operations"] == [{"action": "write", "collection": "docs", "allowed": True}]
    assert lines[3]["method"] == "qdrant.Points/Delete" and lines[3]["door"] == "grpc"
    assert lines[3]["peer"] == "127.0.0.1"
    text = locked.audit.read_text()
    for data in ("hidden", "7162.25", "8273.5"):
        assert data not in text
    assert os.stat(locked.audit).st_mode & 0o077 == 0


def test_the_audit_log_can_be_rotated(locked):
    moved = locked.audit.with_suffix(".1")
    os.rename(locked.audit, moved)
    locked.server.process.send_signal(signal.SIGHUP)
    until(locked.audit.exists)
    locked.rest("wrong")("GET", "/collections")
    assert len(locked.audited()) == 1
    lines = moved.read_text() + locked.audit.read_text()
    locked.audit.write_text(lines)


def test_short_secrets_are_refused(tmp_path):
    with pytest.raises(apus_server.StartFailed) as caught:
        apus_server.ApusServer(
            tmp_path / "data", environment={"APUS_AUTH_JWT_SECRET": "short"}).start()
    assert "auth.jwt.secret" in caught.value.output and "32" in caught.value.output
