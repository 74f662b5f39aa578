"""Pipelines from Kafka: keys, tombstones, bad messages, kills; against librdkafka's mock cluster."""

from __future__ import annotations

import json
import random

import pytest

import components
import kafka_broker
from pipelines import Pipeline, wait_for, words

TOPICS = iter(f"topic-{n}" for n in range(1000))


@pytest.fixture(scope="module")
def cluster():
    with components.kafka() as (producer, address):
        yield producer, address


class Topic:
    def __init__(self, cluster) -> None:
        self.producer, self.address = cluster
        self.name = next(TOPICS)
        #: What the topic says that there is.
        self.state: dict[str, str] = {}

    def put(self, key: str, text: str) -> None:
        self.state[key] = text
        self.send(key, json.dumps({"body": text, "lang": "en"}).encode())

    def delete(self, key: str) -> None:
        self.state.pop(key, None)
        self.send(key, None)

    def send(self, key: str | None, value: bytes | None) -> None:
        self.producer.produce(self.name, key=key, value=value)

    def flush(self) -> None:
        assert self.producer.flush(30) == 0

    def change(self, generator: random.Random) -> None:
        """Some keys get other texts, some go."""
        for _ in range(150):
            key = f"k{generator.randint(0, 400)}"
            if generator.random() < 0.2:
                self.delete(key)
            else:
                self.put(key, words(generator, generator.randint(1, 40)))
        self.flush()

    def declaration(self, more: str = "", source: str = "") -> str:
        return (f"source: {{kafka: {{brokers: '{self.address}', topic: {self.name}{source}}}}}\n"
                "map: {text: '{body}', payload: [lang]}\n"
                "chunk: {rule: sentences, tokens: 24}\nembed: static\n"
                f"collection: {{name: c, data: data}}\n{more}")


@pytest.fixture
def topic(cluster) -> Topic:
    return Topic(cluster)


def test_the_last_message_of_a_key_holds_and_tombstones_delete(tmp_path, topic):
    generator = random.Random(1)
    for n in range(500):
        topic.put(f"k{n % 150}", words(generator, generator.randint(1, 40)))
    for n in range(0, 150, 10):
        topic.delete(f"k{n}")
    topic.flush()
    pipeline = Pipeline(tmp_path, topic.declaration())
    status = pipeline.run()
    assert status["progress"]["counters"]["read"] == 515 and status["progress"]["lag"] == 0
    pipeline.assert_holds(topic.state)
    assert pipeline.run()["progress"]["counters"]["read"] == 0
    topic.put("k1", "Changed.")
    topic.flush()
    assert pipeline.run()["progress"]["counters"]["read"] == 1
    pipeline.assert_holds(topic.state)


def test_a_run_that_is_killed_at_any_moment_goes_on(tmp_path, topic):
    generator = random.Random(2)
    pipeline = Pipeline(tmp_path, topic.declaration("batch: {records: 20}\n"))
    for n in range(800):
        topic.put(f"k{n % 300}", words(generator, generator.randint(1, 40)))
    topic.flush()

    pipeline.survives_kills(topic.change, lambda: topic.state)


def test_bad_messages_are_set_aside_with_their_place(tmp_path, topic):
    topic.put("good", "It is good.")
    topic.send("torn", b'{"body": "it')
    topic.send("latin", '{"body": "é"}'.encode("latin-1"))
    topic.send("list", b"[1]")
    topic.flush()
    pipeline = Pipeline(tmp_path, topic.declaration())
    assert pipeline.run()["progress"]["counters"]["setAside"] == 3
    pipeline.assert_holds(topic.state)
    letters = {letter["key"]: letter for letter in pipeline.dead_letters}
    assert set(letters) == {"torn", "latin", "list"}
    assert letters["torn"]["place"].startswith(f"{topic.name}/")
    assert "of the value: expected" in letters["list"]["cause"]


def test_messages_without_a_key_are_named_by_a_field_or_their_place(tmp_path, topic):
    for n in range(10):
        topic.send(None, json.dumps({"id": n % 4, "body": f"Number {n}."}).encode())
    topic.flush()
    pipeline = Pipeline(tmp_path, topic.declaration())
    pipeline.run()
    assert len(pipeline.texts()) == 10
    pipeline.write(topic.declaration(source=", key: id").replace("name: c", "name: d"))
    pipeline.run()
    assert set(pipeline.texts("d")) == {"0", "1", "2", "3"}


def test_a_followed_topic_is_in_the_collection_soon(tmp_path, topic):
    topic.put("a", "The first.")
    topic.flush()
    pipeline = Pipeline(tmp_path, topic.declaration("follow: 10ms\n"))
    process = pipeline.start()
    try:
        def written() -> int:
            if not (tmp_path / "state").exists():
                return 0
            return pipeline.status()["progress"]["counters"]["written"]

        wait_for(lambda: written() == 1, "the first message")
        for n in range(20):
            topic.put(f"k{n}", words(random.Random(n), 20))
        topic.flush()
        wait_for(lambda: written() == 21, "the others")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
    pipeline.assert_holds(topic.state)


def test_brokers_that_are_away_are_named(tmp_path, topic):
    port = components.free_port()
    text = topic.declaration("retry: {tries: 2, first: 10ms}\n", ", wait: 500ms")
    pipeline = Pipeline(tmp_path, text.replace(topic.address, f"127.0.0.1:{port}"))
    message = pipeline.run(succeeds=False)
    assert f"no answer from 127.0.0.1:{port}" in message
    assert pipeline.status()["state"] == "failed"


# Transactions


def letter(body: str) -> bytes:
    return json.dumps({"body": body, "lang": "en"}).encode()


@pytest.fixture
def broker():
    with kafka_broker.running() as running:
        yield running


def transactions_pipeline(folder, broker, source: str = "") -> Pipeline:
    return Pipeline(
        folder, f"source: {{kafka: {{brokers: '{broker.address}', topic: {broker.TOPIC}{source}}}}}\n"
        "map: {text: '{body}'}\nembed: static\ncollection: {name: c, data: data}\n"
        "batch: {records: 5}\n")


def write_letters(broker) -> dict[str, str]:
    """Transactions of two producers among each other, and messages without one."""
    first, second = broker.begin(11), broker.begin(22)
    broker.put("plain", letter("Without a transaction."))
    broker.put("a", letter("Committed."), first)
    broker.put("b", letter("Aborted."), second)
    broker.end(first, commit=True)
    broker.put("a", letter("Aborted over committed."), second)
    third = broker.begin(11)
    broker.put("c", letter("Committed later."), third)
    broker.put("plain", None, second)
    broker.end(second, commit=False)
    for n in range(12):
        broker.put(f"d{n}", letter(f"Number {n}."), third)
    broker.end(third, commit=True)
    return {"plain": "Without a transaction.", "a": "Committed.", "c": "Committed later.",
            **{f"d{n}": f"Number {n}." for n in range(12)}}


def test_messages_of_aborted_transactions_are_never_seen(tmp_path, broker):
    expected = write_letters(broker)
    pipeline = transactions_pipeline(tmp_path, broker)
    status = pipeline.run()
    assert status["progress"]["counters"]["read"] == len(expected)
    assert status["progress"]["lag"] == 0
    pipeline.assert_holds(expected)
    assert pipeline.run()["progress"]["counters"]["read"] == 0


def test_messages_of_open_transactions_wait_for_their_end(tmp_path, broker):
    expected = write_letters(broker)
    late, aborted = broker.begin(33), broker.begin(44)
    broker.put("late", letter("It is late."), late)
    broker.put("never", letter("Aborted."), aborted)
    broker.put("behind", letter("Without a transaction, behind an open one."))
    pipeline = transactions_pipeline(tmp_path, broker)
    pipeline.run()
    pipeline.assert_holds(expected)
    broker.end(aborted, commit=False)
    pipeline.run()
    pipeline.assert_holds(expected)
    broker.end(late, commit=True)
    pipeline.run()
    pipeline.assert_holds(expected | {
        "late": "It is late.", "behind": "Without a transaction, behind an open one."})


def test_who_wants_messages_that_are_not_committed_says_so(tmp_path, broker):
    write_letters(broker)
    pipeline = transactions_pipeline(
        tmp_path, broker, ", properties: {isolation.level: read_uncommitted}")
    pipeline.run()
    texts = pipeline.texts()
    assert texts["b"] == ["Aborted."] and texts["a"] == ["Aborted over committed."]
    assert "plain" not in texts
