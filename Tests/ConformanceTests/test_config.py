"""`apus serve --config` and `--check-config`: where settings come from and what is wrong."""

from __future__ import annotations

import os
import subprocess

import apus_server
from rest import Rest


def check(*arguments: str, environment: dict[str, str] | None = None):
    return subprocess.run(
        [str(apus_server.binary()), "serve", "--check-config", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **(environment or {})},
    )


def test_the_effective_settings_with_their_sources(tmp_path):
    file = tmp_path / "apus.yaml"
    file.write_text(
        "storage:\n  data: /srv/apus\nserver:\n  http_port: 7001\n  grpc_port: 7002\n"
        "auth:\n  api_key: from-the-file\n")
    done = check(
        "--config", str(file), "--set", "limits.reads_max=9",
        environment={"APUS_SERVER_GRPC_PORT": "7003", "APUS_AUTH_READ_ONLY_API_KEY": "quiet"})
    assert done.returncode == 0, done.stderr
    lines = {line.split(":")[0]: line for line in done.stdout.splitlines()}
    assert lines["storage.data"].split() == [
        "storage.data:", "/srv/apus", "#", f"{file}:2"]
    assert lines["server.http_port"].split()[1:] == ["7001", "#", f"{file}:4"]
    assert lines["server.grpc_port"].split()[1:] == ["7003", "#", "APUS_SERVER_GRPC_PORT"]
    assert lines["limits.reads_max"].split()[1] == "9"
    assert lines["log.level"].split()[1:] == ["info", "#", "default"]
    assert "(hidden)" in lines["auth.api_key"] and "(hidden)" in lines["auth.read_only_api_key"]
    for secret in ("from-the-file", "quiet"):
        assert secret not in done.stdout + done.stderr


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    file = tmp_path / "apus.yaml"
    file.write_text("storage:\n  data: /srv/apus\n  dta: x\nserver:\n  http_port: -1\n")
    done = check("--config", str(file), "--log-level", "loud")
    assert done.returncode == 2 and not done.stdout
    assert f"{file}:3: there is no setting `storage.dta`" in done.stderr
    assert f"{file}:5: `server.http_port` is `-1`" in done.stderr
    assert "--log-level: `log.level` is `loud`" in done.stderr


def test_files_that_settings_name_are_looked_at(tmp_path):
    done = check("--data", "/srv/apus", "--set", f"auth.api_key_file={tmp_path}/none")
    assert done.returncode == 2
    assert "auth.api_key_file" in done.stderr


def test_secrets_are_refused_on_the_command_line():
    done = check("--data", "/srv/apus", "--set", "auth.jwt.secret=hush-hush")
    assert done.returncode == 2
    assert "APUS_AUTH_JWT_SECRET" in done.stderr and "hush-hush" not in done.stderr


def test_a_server_from_a_file(tmp_path):
    file = tmp_path / "apus.yaml"
    key = tmp_path / "key"
    key.write_text("first\n")
    file.write_text(f"auth:\n  api_key_file: {key}\nserver: {{request_max: 2KiB}}\n")
    with apus_server.temporary_server(arguments=("--config", str(file))) as running:
        assert Rest(running.url)("GET", "/collections").status == 401
        rest = Rest(running.url, {"api-key": "first"})
        assert rest("GET", "/collections").status == 200
        reply = rest("PUT", "/collections/big", raw=b" " * 4096)
        assert reply.status == 400 and "2048" in reply.error
        assert "first" not in running.output
