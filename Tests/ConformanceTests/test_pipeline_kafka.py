"""Pipelines from Kafka: keys, tombstones, bad messages, kills; against librdkafka's mock cluster."""

from __future__ import annotations

import json
import random

import pytest

import components
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
    kills = 0
    for n in range(800):
        topic.put(f"k{n % 300}", words(generator, generator.randint(1, 40)))
    topic.flush()
    while kills < 25:
        if pipeline.run_until_killed(generator.uniform(0.05, 0.5)) is None:
            kills += 1
        else:
            for _ in range(300):
                key = f"k{generator.randint(0, 400)}"
                if generator.random() < 0.2:
                    topic.delete(key)
                else:
                    topic.put(key, words(generator, generator.randint(1, 40)))
            topic.flush()
    pipeline.run()
    pipeline.assert_holds(topic.state)


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
