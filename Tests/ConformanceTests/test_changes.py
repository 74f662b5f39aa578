"""`apus changes`: what becomes of a collection, as files and as messages of Kafka, through kills."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest
from qdrant_client.models import Distance, PointIdsList, PointStruct, VectorParams

import apus_server
import components
from conftest import connect
from pipelines import wait_for

pytestmark = pytest.mark.server_only("a program of this server")
TOPICS = iter(f"changes-{n}" for n in range(1000))
GROUPS = iter(f"group-{n}" for n in range(1000))


class Database:
    """A server with one collection, and what that should hold."""

    def __init__(self, server: apus_server.ApusServer, seed: int = 1) -> None:
        self.server = server
        self.client = connect(server, "grpc")
        self.generator = random.Random(seed)
        self.state: dict[str, dict] = {}
        self.make()

    def make(self) -> None:
        self.client.create_collection(
            "c", vectors_config=VectorParams(size=4, distance=Distance.DOT))

    def put(self, *ids: int) -> None:
        points = [PointStruct(id=id, vector=[id, 0.25, 0, self.generator.randint(0, 9)],
                              payload={"n": self.generator.randint(0, 10**9), "ü": "é\n\"x\""})
                  for id in ids]
        self.client.upsert("c", points)
        for point in points:
            self.state[str(point.id)] = {"payload": point.payload, "vector": point.vector}

    def delete(self, *ids: int) -> None:
        self.client.delete("c", PointIdsList(points=list(ids)))
        for id in ids:
            self.state.pop(str(id), None)

    def write(self, count: int) -> None:
        for _ in range(count):
            ids = self.generator.sample(range(400), self.generator.randint(1, 12))
            if self.generator.random() < 0.3:
                self.delete(*ids)
            else:
                self.put(*ids)

    def command(self, to: str, *more: str) -> list[str]:
        return [str(apus_server.binary()), "changes", "--collection", "c", "--url",
                f"grpc://127.0.0.1:{self.server.grpc_port}", "--to", to, *more]

    def changes(self, to: str, *more: str, succeeds: bool = True):
        return run(self.command(to, *more), succeeds)


def run(command: list[str], succeeds: bool = True):
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode == 0) == succeeds, result.stderr + result.stdout
    return json.loads(result.stdout) if succeeds else result.stderr


@contextlib.contextmanager
def started(command: list[str]):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture
def database(tmp_path):
    with apus_server.ApusServer(tmp_path / "data") as server:
        yield Database(server)


@pytest.fixture(scope="module")
def cluster():
    with components.kafka() as (producer, address):
        yield producer, address


# What a reader makes of it.

def lines(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl"))
            for line in path.read_text().splitlines()]


def rows(folder: pathlib.Path) -> list[dict]:
    import pyarrow.parquet

    events = []
    for path in sorted(folder.glob("*.parquet")):
        for row in pyarrow.parquet.read_table(path).to_pylist():
            row["id"] = int(row["id"])
            row["payload"] = json.loads(row["payload"]) if row["payload"] is not None else None
            events.append(row)
    return events


def replayed(events: list[dict], with_vectors: bool = False) -> dict[str, dict]:
    """The collection that events make, which must follow each other without gap or repetition."""
    state: dict[str, dict] = {}
    last = (0, -1)
    for event in events:
        assert (event["lsn"], event["index"]) > last, f"{event} after {last}"
        if event["kind"] == "upsert":
            assert event["lsn"] <= last[0] + 1, f"{event} after {last}"
            assert event["index"] == (last[1] + 1 if event["lsn"] == last[0] else 0)
        last = (event["lsn"], event["index"])
        if event["kind"] == "delete":
            state.pop(str(event["id"]), None)
        else:
            state[str(event["id"])] = {"payload": event["payload"]}
            if with_vectors:
                state[str(event["id"])]["vector"] = event["vector"]
    return state


def without_vectors(state: dict[str, dict]) -> dict[str, dict]:
    return {id: {"payload": point["payload"]} for id, point in state.items()}


# Files

@pytest.mark.parametrize("form, read", [("jsonl", lines), ("parquet", rows)])
def test_files_begin_with_the_collection_and_go_on_where_they_are(tmp_path, database, form, read):
    out = tmp_path / "out"
    to = f"{form}:{out}"
    database.write(20)
    first = database.changes(to, "--with-vectors")
    assert first["snapshot"] == len(database.state) and first["events"] == 0
    assert replayed(read(out), with_vectors=True) == database.state
    assert all(event["kind"] == "snapshot" for event in read(out))
    database.write(20)
    second = database.changes(to, "--with-vectors")
    assert second["lsn"] > first["lsn"] and second["log"] == first["log"]
    assert replayed(read(out), with_vectors=True) == database.state
    names = sorted(os.listdir(out))
    assert database.changes(to, "--with-vectors")["events"] == 0
    assert sorted(os.listdir(out)) == names
    # Small files: a version is never cut.
    database.write(20)
    third = database.changes(to, "--with-vectors", "--roll-bytes", "1")
    assert len(os.listdir(out)) == len(names) + third["lsn"] - second["lsn"]
    assert replayed(read(out), with_vectors=True) == database.state


def test_times_and_kinds_of_parquet_are_what_they_seem(tmp_path, database):
    import pyarrow.parquet

    before = time.time() - 1
    database.put(1, 2)
    database.delete(1)
    database.changes(f"parquet:{tmp_path / 'out'}", "--after", "0")
    [path] = (tmp_path / "out").glob("*.parquet")
    table = pyarrow.parquet.read_table(path)
    assert [str(field.type) for field in table.schema] == [
        "int64", "int64", "string", "timestamp[ms, tz=UTC]", "string", "string"]
    found = table.to_pylist()
    assert [(row["lsn"], row["kind"], row["id"]) for row in found] == [
        (1, "upsert", "1"), (1, "upsert", "2"), (2, "delete", "1")]
    assert found[2]["payload"] is None and found[0]["time"].timestamp() > before


def test_a_database_without_a_server_gives_its_changes_too(tmp_path, database):
    database.write(30)
    database.server.stop()
    command = [str(apus_server.binary()), "changes", "--collection", "c", "--data",
               str(database.server.data)]
    run([*command, "--to", f"jsonl:{tmp_path / 'all'}", "--after", "0"])
    assert replayed(lines(tmp_path / "all")) == without_vectors(database.state)
    assert lines(tmp_path / "all")[0]["lsn"] == 1
    run([*command, "--to", f"parquet:{tmp_path / 'now'}"])
    assert replayed(rows(tmp_path / "now")) == without_vectors(database.state)
    wrong = run([*command, "--follow", "--to", f"jsonl:{tmp_path / 'x'}"], succeeds=False)
    assert "--follow needs a server" in wrong


@pytest.mark.parametrize("form, read", [("jsonl", lines), ("parquet", rows)])
def test_a_follower_that_is_killed_leaves_no_gap_and_repeats_nothing(
        tmp_path, database, form, read):
    out = tmp_path / "out"
    command = database.command(
        f"{form}:{out}", "--follow", "--roll-bytes", "2000", "--roll-seconds", "1")
    generator = random.Random(3)
    for _ in range(12):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + generator.uniform(0.1, 0.6)
        while time.monotonic() < deadline:
            database.write(3)
        process.kill()
        process.wait()
    database.changes(f"{form}:{out}")
    assert replayed(read(out)) == without_vectors(database.state)
    assert not [name for name in os.listdir(out) if name.endswith(".tmp")]


def test_a_followed_collection_is_in_files_soon(tmp_path, database):
    out = tmp_path / "out"
    database.write(5)
    with started(database.command(f"jsonl:{out}", "--follow", "--roll-seconds", "1")) as process:
        wait_for(lambda: out.exists() and list(out.glob("*.last.jsonl")), "the snapshot")
        database.write(5)
        wait_for(lambda: replayed(lines(out)) == without_vectors(database.state), "the changes")
        # The server goes away and comes back.
        port = database.server.grpc_port
        database.server.stop()
        arguments = database.server.arguments
        database.server.arguments = ("--grpc-port", str(port))
        database.server.start()
        database.server.arguments = arguments
        database.client = connect(database.server, "grpc")
        database.write(5)
        wait_for(lambda: replayed(lines(out)) == without_vectors(database.state), "more changes")
    assert process.returncode == 0


def test_changes_that_are_gone_are_told_or_replaced_by_a_snapshot(tmp_path, database):
    out = tmp_path / "out"
    database.write(5)
    first = database.changes(f"jsonl:{out}")
    database.client.delete_collection("c")
    database.state = {}
    database.make()
    database.write(10)
    message = database.changes(f"jsonl:{out}", succeeds=False)
    assert "made again or restored" in message and "--snapshot-if-gone" in message
    second = database.changes(f"jsonl:{out}", "--snapshot-if-gone")
    assert second["log"] != first["log"] and second["snapshot"] == len(database.state)
    newest = [json.loads(line) for path in sorted(out.glob("000002.*"))
              for line in path.read_text().splitlines()]
    assert replayed(newest) == without_vectors(database.state)
    database.write(3)
    assert database.changes(f"jsonl:{out}")["events"] > 0


def test_a_snapshot_without_its_end_is_begun_anew(tmp_path, database):
    out = tmp_path / "out"
    database.write(40)
    database.changes(f"jsonl:{out}", "--roll-bytes", "1")
    last = list(out.glob("*.last.jsonl"))[0]
    last.unlink()
    (out / ".changes.tmp").write_text("torn")
    database.changes(f"jsonl:{out}")
    assert replayed(lines(out)) == without_vectors(database.state)


@pytest.mark.parametrize("arguments, message", [
    (["--to", "ftp:x"], "ftp:x"), (["--to", "kafka:host"], "kafka:host"),
    (["--to", "jsonl:"], "jsonl:"), (["--to", "jsonl:x", "--roll-seconds", "0"], "--roll-seconds"),
    (["--to", "jsonl:x", "--property", "x"], "NAME=VALUE"),
])
def test_what_makes_no_sense_is_refused(tmp_path, arguments, message):
    result = apus_server.run("changes", "--collection", "c", "--url", "grpc://127.0.0.1:1",
                             *arguments)
    assert result.returncode == 2 and message in result.stderr


def test_folders_are_not_mixed_up(tmp_path, database):
    out = tmp_path / "out"
    database.put(1)
    database.put(2)
    database.changes(f"jsonl:{out}")
    assert "and not .parquet" in database.changes(f"parquet:{out}", succeeds=False)
    assert "goes on after version 2" in database.changes(
        f"jsonl:{out}", "--after", "0", succeeds=False)
    message = database.changes(f"jsonl:{tmp_path / 'new'}", "--after", "99", succeeds=False)
    assert "there is no version 99" in message
    (out / ".lock").unlink()
    with started(database.command(f"jsonl:{out}", "--follow")):
        wait_for(lambda: (out / ".lock").exists() and (out / ".lock").read_text(), "the lock")
        assert "lock" in database.changes(f"jsonl:{out}", succeeds=False)


# Kafka

class Topic:
    def __init__(self, cluster) -> None:
        _, self.address = cluster
        self.name = next(TOPICS)
        self.group = next(GROUPS)

    @property
    def to(self) -> str:
        return f"kafka:{self.address}/{self.name}"

    @property
    def more(self) -> list[str]:
        return ["--group", self.group]

    def partitions(self) -> list[list]:
        """All messages, by partition."""
        import confluent_kafka as kafka

        consumer = kafka.Consumer({
            "bootstrap.servers": self.address, "group.id": "reader", "log_level": 0,
            "enable.partition.eof": True, "auto.offset.reset": "earliest",
            "enable.auto.commit": False})
        numbers = list(consumer.list_topics(self.name, timeout=20).topics[self.name].partitions)
        consumer.assign([kafka.TopicPartition(self.name, n, 0) for n in numbers])
        found: list[list] = [[] for _ in numbers]
        open_ones = set(numbers)
        while open_ones:
            message = consumer.poll(20)
            assert message is not None, "the messages did not come"
            if message.error():
                assert message.error().code() == kafka.KafkaError._PARTITION_EOF
                open_ones.discard(message.partition())
            else:
                found[message.partition()].append(message)
        consumer.close()
        return found

    def state(self) -> dict[str, dict]:
        """What the messages make, each of which is there once and in order."""
        state: dict[str, dict] = {}
        for messages in self.partitions():
            last = (0, -1)
            for message in messages:
                headers = {name: value.decode() for name, value in message.headers()}
                place = (int(headers["apus-lsn"]), int(headers["apus-index"]))
                if headers["apus-kind"] in ("snapshotBegin", "snapshotEnd"):
                    continue
                assert place > last, f"{place} after {last}"
                last = place
                key = message.key().decode()
                if message.value() is None:
                    assert headers["apus-kind"] == "delete"
                    state.pop(key, None)
                    continue
                event = json.loads(message.value())
                assert (event["lsn"], event["index"]) == place and str(event["id"]) == key
                if event["kind"] == "delete":
                    state.pop(key, None)
                else:
                    state[key] = {"payload": event["payload"]}
                    if "vector" in event:
                        state[key]["vector"] = event["vector"]
        return state

    def count(self) -> int:
        return sum(len(messages) for messages in self.partitions())


@pytest.fixture
def topic(cluster) -> Topic:
    return Topic(cluster)


def test_a_topic_begins_with_the_collection_and_goes_on(database, topic):
    database.write(20)
    first = database.changes(topic.to, *topic.more, "--with-vectors")
    assert first["snapshot"] == len(database.state)
    assert topic.state() == database.state
    for messages in topic.partitions():
        kinds = [dict(message.headers())["apus-kind"] for message in messages]
        assert kinds[0] == b"snapshotBegin" and kinds[-1] == b"snapshotEnd"
    database.write(20)
    second = database.changes(topic.to, *topic.more, "--with-vectors")
    assert second["lsn"] > first["lsn"]
    assert topic.state() == database.state
    count = topic.count()
    assert database.changes(topic.to, *topic.more)["events"] == 0
    assert topic.count() == count


def test_keys_choose_partitions_as_kafka_does(database, topic):
    """Java's clients use murmur2; librdkafka's producer does, if it is told so."""
    import confluent_kafka as kafka

    database.put(*range(1, 40))
    database.changes(topic.to, *topic.more, "--after", "0")
    ours = {m.key(): m.partition() for messages in topic.partitions() for m in messages}
    other = f"{topic.name}-keys"
    producer = kafka.Producer({"bootstrap.servers": topic.address, "partitioner": "murmur2",
                               "log_level": 0})
    theirs = {}
    for key in ours:
        producer.produce(other, key=key, value=b"x", on_delivery=lambda error, message:
                         theirs.update({message.key(): message.partition()}))
    producer.flush(30)
    assert len(set(ours.values())) > 1 and ours == theirs


def test_a_follower_of_kafka_that_is_killed_sends_each_change_once(database, topic):
    generator = random.Random(5)
    database.write(10)
    database.changes(topic.to, *topic.more, "--after", "0")
    kills = 0
    while kills < 20:
        process = subprocess.Popen(
            database.command(topic.to, *topic.more, "--follow", "--tombstones"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + generator.uniform(0.1, 0.9)
        while time.monotonic() < deadline:
            database.write(4)
        process.kill()
        process.wait()
        kills += 1
    database.changes(topic.to, *topic.more, "--tombstones")
    assert topic.state() == without_vectors(database.state)


def test_a_lost_place_repeats_nothing_that_is_there(database, topic):
    """The place is kept behind the messages: what is there behind it is left out. Here all of it is,
    because the place is put back to the start by hand."""
    import confluent_kafka as kafka

    database.write(30)
    done = database.changes(topic.to, *topic.more, "--after", "0")
    count = topic.count()
    consumer = kafka.Consumer({"bootstrap.servers": topic.address, "group.id": topic.group,
                               "log_level": 0})
    place = kafka.TopicPartition(topic.name, 0)
    [kept] = consumer.committed([place], timeout=20)
    assert kept.offset == done["lsn"]
    count_of_partitions = len(consumer.list_topics(topic.name).topics[topic.name].partitions)
    note = {"log": done["log"], "lsn": "3", "partitions": count_of_partitions}
    consumer.commit(offsets=[kafka.TopicPartition(topic.name, 0, 3, metadata=json.dumps(note))],
                    asynchronous=False)
    consumer.close()
    database.write(5)
    assert database.changes(topic.to, *topic.more)["lsn"] > done["lsn"]
    assert topic.count() > count
    assert topic.state() == without_vectors(database.state)


def test_a_pipeline_reads_what_was_sent(tmp_path, database, topic):
    from pipelines import Pipeline

    database.put(*range(1, 50))
    database.delete(*range(1, 10))
    database.changes(topic.to, *topic.more, "--after", "0", "--tombstones")
    pipeline = Pipeline(tmp_path, (
        f"source: {{kafka: {{brokers: '{topic.address}', topic: {topic.name}}}}}\n"
        "map: {text: '{payload.n}'}\nembed: static\ncollection: {name: copy, data: copy}"))
    pipeline.data = tmp_path / "copy"
    pipeline.run()
    assert set(pipeline.texts("copy")) == set(database.state)


def test_brokers_that_are_away_and_messages_that_are_too_large_are_told(database, topic):
    database.write(2)
    port = components.free_port()
    message = database.changes(
        f"kafka:127.0.0.1:{port}/t", "--property", "socket.connection.setup.timeout.ms=1000",
        succeeds=False)
    assert f"127.0.0.1:{port}" in message
    message = database.changes(
        topic.to, *topic.more, "--property", "message.max.bytes=1000", "--with-vectors",
        "--property", "no.such=1", succeeds=False)
    assert "no.such" in message
    database.client.upsert(
        "c", [PointStruct(id=7, vector=[0, 0, 0, 0], payload={"long": "x" * 5000})])
    message = database.changes(
        topic.to, *topic.more, "--property", "message.max.bytes=1000", "--after", "0",
        succeeds=False)
    assert "with the key 7" in message and "too large" in message.lower()
