"""Pipelines into a server's collection, whose position is written there with the points: the machine
of a run, the server, or both may go away at any moment."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import random

import grpc

from pipelines import RemotePipeline, wait_for, words
from test_apus_v1_streams import Sending
from test_pipeline_kafka import Topic, cluster, topic  # noqa: F401
from test_pipeline_postgres import change, content, database, declaration, fill, server  # noqa: F401
from test_pipeline_postgres_slot import SOURCE, slot  # noqa: F401


@contextlib.contextmanager
def remote(folder, text: str):
    pipeline = RemotePipeline(folder, text)
    try:
        yield pipeline
        pipeline.stop()
    finally:
        if pipeline.server.alive:
            pipeline.server.kill()


def read(status: dict) -> int:
    return status["progress"]["counters"]["read"]


def send(topic: Topic, count: int, start: int = 0) -> None:  # noqa: F811
    generator = random.Random(count)
    for n in range(start, start + count):
        topic.put(f"k{n}", words(generator, generator.randint(1, 40)))
    topic.flush()


def test_another_machine_goes_on_where_one_was(tmp_path, topic):  # noqa: F811
    send(topic, 100)
    with remote(tmp_path, topic.declaration("batch: {records: 20}\n")) as pipeline:
        assert read(pipeline.run()) == 100
        assert read(pipeline.run()) == 0
        send(topic, 7, start=95)
        topic.delete("k3")
        topic.flush()
        assert read(pipeline.run()) == 8
        pipeline.assert_holds(topic.state)
        # Also behind a kill of the server, and where the mapping is another one.
        pipeline.server.kill()
        pipeline.server.start()
        assert read(pipeline.run()) == 0
        pipeline.write(pipeline.text.replace("payload: [lang]", "payload: []"))
        changed = pipeline.run()
        assert changed["start"] == "changed" and read(changed) == 108
        pipeline.assert_holds(topic.state)


def test_kafka_killed_at_any_moment_with_its_server(tmp_path, topic):  # noqa: F811
    send(topic, 600)
    with remote(tmp_path, topic.declaration("batch: {records: 20}\n")) as pipeline:
        pipeline.survives_kills(topic.change, lambda: topic.state)
        # What was written is known to be written: nothing is read twice.
        assert read(pipeline.run()) == 0


def test_a_slot_killed_at_any_moment_with_its_server(
    tmp_path, server, database, slot  # noqa: F811
):
    fill(database, random.Random(3), 300)
    text = declaration(server, SOURCE, "batch: {records: 15}\n")
    with remote(tmp_path, text) as pipeline:

        def change_more(generator: random.Random) -> None:
            change(database, generator, 40)
            # Changes in one transaction, longer than a batch.
            database.execute(
                "BEGIN; UPDATE docs SET body = body || ' More.' WHERE id % 5 = 0;"
                f"DELETE FROM docs WHERE id % 97 = {generator.randint(0, 96)}; COMMIT")

        pipeline.survives_kills(change_more, lambda: content(database))


def test_a_whole_table_killed_at_any_moment_with_its_server(
    tmp_path, server, database  # noqa: F811
):
    """Every run reads all rows and looks for those that are gone."""
    fill(database, random.Random(5), 200)
    text = declaration(server, "table: docs, key: id", "batch: {records: 20}\n")
    with remote(tmp_path, text) as pipeline:
        pipeline.survives_kills(
            lambda generator: change(database, generator, 30), lambda: content(database))


def test_a_second_run_at_the_same_time_is_found_out(tmp_path, topic):  # noqa: F811
    send(topic, 10)
    with remote(tmp_path, topic.declaration("follow: 10ms\n")) as first:
        process = first.start()
        try:
            wait_for(
                lambda: (first.folder / "state").exists()
                and first.status()["progress"]["counters"]["written"] == 10, "the first run")
            other = RemotePipeline(
                tmp_path / "other", topic.declaration(), server=first.server)
            assert read(other.run("--start-over")) == 10
            send(topic, 1, start=10)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode != 0
        assert "another run of pipeline p has written to collection 'c' meanwhile" in said
        assert read(other.run()) == 1
        other.assert_holds(topic.state)


def test_the_status_has_the_position_and_forgets_it(tmp_path, topic):  # noqa: F811
    send(topic, 10)
    with remote(tmp_path, topic.declaration()) as pipeline:
        pipeline.run()
        status = pipeline.status()
        assert status["state"] == "finished" and status["position"]["position"]
        pipeline.move()
        # Nothing ran here.
        elsewhere = pipeline.status()
        assert set(elsewhere) == {"pipeline", "position"}
        assert elsewhere["position"] == status["position"]
        assert pipeline.status("--all") == {"p": status["position"]}
        pipeline.status("--forget")
        assert pipeline.status("--all") == {}
        assert read(pipeline.run()) == 10


def test_a_position_in_a_file_of_before_is_taken_over(tmp_path, topic):  # noqa: F811
    send(topic, 10)
    with remote(tmp_path, topic.declaration()) as pipeline:
        pipeline.run()
        position = pipeline.status()["position"]
        pipeline.status("--forget")
        send(topic, 2, start=10)
        # Named by the hash of address, collection and pipeline, each behind its length.
        parts = [f"grpc://127.0.0.1:{pipeline.server.grpc_port}".encode(), b"c", b"p"]
        name = hashlib.sha256(b"".join(bytes([len(part)]) + part for part in parts)).hexdigest()
        state = tmp_path / "state"
        file = state / "apus" / "pipelines" / f"{name[:32]}.position.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(position))
        pipeline.move()
        pipeline.environment["XDG_STATE_HOME"] = str(state)
        process = super(RemotePipeline, pipeline).start()
        out, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert read(json.loads(out)) == 2
        assert f"the position in {file} goes to the server" in said
        assert not file.exists()
        assert read(pipeline.run()) == 0
        pipeline.assert_holds(topic.state)


class Proxy(grpc.GenericRpcHandler):
    """Stands between a run and its server, and hands on everything; what is `UpsertStream` goes
    through `upsert`."""

    UPSERT = "/apus.v1.Apus/UpsertStream"

    def __init__(self, server: grpc.Server, port: int) -> None:
        server.add_generic_rpc_handlers([self])
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def service(self, details):
        if details.method == self.UPSERT:
            return grpc.stream_stream_rpc_method_handler(self.upsert)
        call = self.channel.unary_unary(details.method)

        def forward(request, context):
            try:
                return call(request, timeout=60)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(forward)

    def upsert(self, requests, context):
        """A start, its answer, and the batch if there is one."""
        sending = Sending()
        sending.send(next(requests))
        answers = self.channel.stream_stream(self.UPSERT)(iter(sending), timeout=60)
        try:
            yield next(answers)
            for batch in requests:
                self.batch(sending, answers, batch, context)
                yield next(answers)
            sending.end()
        except grpc.RpcError as error:
            sending.end()
            context.abort(error.code(), error.details())

    def batch(self, sending, answers, batch, context) -> None:
        sending.send(batch)


@contextlib.contextmanager
def through(pipeline: RemotePipeline, proxy: type[Proxy]):
    """Lets the pipeline's runs meet their server through a proxy."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    between = proxy(server, pipeline.server.grpc_port)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    direct = pipeline.text
    pipeline.text = direct.replace(str(pipeline.server.grpc_port), str(port))
    try:
        yield between, f"grpc://127.0.0.1:{port}"
    finally:
        pipeline.text = direct
        server.stop(None).wait()
        between.channel.close()


class Older(Proxy):
    """A server of before: knows no position of a pipeline."""

    batches = 0

    def service(self, details):
        return None if details.method.endswith("Position") else super().service(details)

    def upsert(self, requests, context):
        next(requests)
        yield b"\x10\x01"  # version 1, and nothing of a pipeline
        for _ in requests:
            self.batches += 1
            yield b"\x08\x01"


def test_a_server_that_is_too_old_says_so(tmp_path, topic):  # noqa: F811
    send(topic, 10)
    with remote(tmp_path, topic.declaration()) as pipeline:
        with through(pipeline, Older) as (older, address):
            for arguments in ([], ["--start-over"]):
                said = pipeline.run(*arguments, succeeds=False)
                assert f"the server at {address} does not keep positions" in said
        assert older.batches == 0 and pipeline.points() == {}


class Late(Proxy):
    """Breaks the connection of the second batch, which is written all the same, but only when the
    next try has come as far: as a server does that had no room for it before."""

    batches = 0
    waiting = None

    def batch(self, sending, answers, batch, context) -> None:
        self.batches += 1
        if self.batches == 2:
            self.waiting = (sending, answers, batch)
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
        if self.batches == 3:
            first, first_answers, late = self.waiting
            first.send(late)
            next(first_answers)
            first.end()
        sending.send(batch)


def test_a_batch_that_is_written_after_its_connection_broke_is_the_run_s_own(
    tmp_path, topic  # noqa: F811
):
    """A run took the position of its own batch for another run's, and ended."""
    send(topic, 60)
    with remote(tmp_path, topic.declaration("batch: {records: 20}\n")) as pipeline:
        with through(pipeline, Late) as (late, _):
            assert read(pipeline.run()) == 60
        # One twice, of which the server refused one.
        assert late.batches >= 4
        pipeline.assert_holds(topic.state)
        assert read(pipeline.run()) == 0


class Overtaking(Proxy):
    """Lets another run come between the answer to the start and the second batch."""

    batches = 0
    other = None

    def batch(self, sending, answers, batch, context) -> None:
        self.batches += 1
        if self.batches == 2:
            self.other()
        sending.send(batch)


def test_another_run_between_start_and_batch_is_found_out(tmp_path, topic):  # noqa: F811
    send(topic, 60)
    with remote(tmp_path, topic.declaration("batch: {records: 20}\n")) as pipeline:
        other = RemotePipeline(tmp_path / "other", topic.declaration(), server=pipeline.server)
        with through(pipeline, Overtaking) as (overtaking, _):
            overtaking.other = lambda: other.run("--start-over")
            said = pipeline.run(succeeds=False)
        assert "another run of pipeline p has written to collection 'c' meanwhile" in said
        assert overtaking.batches == 2
        pipeline.assert_holds(topic.state)
