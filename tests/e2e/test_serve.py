"""``autoresearch serve`` as its users meet it: a process, a first account, a key, and an end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

import autoresearch
from autoresearch.client.errors import RequestError
from tests.server_process import command, serving

PATIENCE = 60.0
"""Seconds for an answer: a machine that is busy with other tests takes more than the client's five."""


def test_the_first_start_says_how_to_make_the_first_account_and_that_works(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        assert f"autoresearch --home {server.home} admin create-user" in server.said
        assert httpx.get(f"{server.url}/health", timeout=PATIENCE).json() == {"status": "ok"}
        assert httpx.get(f"{server.url}/ready", timeout=PATIENCE).json() == {"status": "ok"}
        user = (
            "admin",
            "create-user",
            "--email",
            "ada@example.org",
            "--organization",
            "lab",
            "--password-stdin",
        )
        command(server.home, *user, given="violet otter plays chess\n")
        made = command(
            server.home, "keys", "create", "--organization", "lab", "--name", "laptop", "--scope", "write"
        )
        assert set(made) >= {"id", "key", "prefix"}
        with server.client(made["key"]) as client:
            assert client.about().version == autoresearch.__version__
            assert client.list_projects().items == ()
        with server.client("ar_abcdefgh_0123456789abcdefghijklmnopqrstuv") as stranger:
            with pytest.raises(RequestError) as refused:
                stranger.list_projects()
            assert refused.value.status == 401
    with serving(tmp_path / "home") as again:
        assert "create-user" not in again.said


def test_the_token_of_the_first_start_makes_the_first_account_once(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        (token,) = re.findall(r"arb_\w+", server.said)
        secret = "violet otter plays chess"
        body = {"token": token, "email": "ada@example.org", "password": secret, "organization": "lab"}
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
            assert http.post("/v1/auth/set-up", json=body).status_code == 200
            assert http.get("/v1/auth/session").json()["user"]["email"] == "ada@example.org"
            assert http.post("/v1/auth/set-up", json=body).status_code == 401
        assert server.stop() == 0
        assert secret not in server.said
    with serving(tmp_path / "home") as again:
        assert "arb_" not in again.said


def test_a_server_that_is_told_to_stop_finishes_what_it_was_asked(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        key, body = server.key(), json.dumps({"project": "char-lm", "text": "said at the end"})
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = (
                f"POST /v1/notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:10].encode())
            with server.client(key) as other:
                other.about()  # the first request is being read by now, or will be before the next signal is
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(body[10:].encode())
            answer = connection.makefile("rb").read()
        assert b" 200 OK" in answer.split(b"\r\n", 1)[0]
        assert server.ended() == 0
    with serving(tmp_path / "home") as again, again.client(key) as client:
        assert [note.text for note in client.list_notes("char-lm").items] == ["said at the end"]


def test_an_address_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-m", "autoresearch", "--home", str(tmp_path), "serve", "--port", port],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert ran.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_log_is_one_object_a_line_and_holds_no_secret(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        key = server.key()
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as http:
            http.get("/v1/projects/secret-project")
            http.get("/v1/projects", params={"token": key})
        assert server.stop() == 0
        said = server.said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    answered = {(line.get("route"), line.get("status")) for line in lines}
    assert ("/v1/projects/{project}", 404) in answered
    assert key not in said
    assert "secret-project" not in said


def test_the_server_hands_out_its_own_client(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        folder = tmp_path / "client"
        venv.create(folder, with_pip=True)
        python = str(folder / "bin" / "python")
        quiet = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        install = [*quiet, "--find-links", f"{server.url}/sdk/"]
        subprocess.run([python, *install, "autoresearch"], check=True, timeout=120)
        code = "import autoresearch, autoresearch.shipped as s; print(autoresearch.__version__, s.root('prompts').name)"
        ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert ran.stdout.split() == [autoresearch.__version__, "prompts"]
        assert "autoresearch" in {path.name for path in (folder / "bin").iterdir()}


def test_a_hundred_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        for connection in slow:
            connection.sendall(b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert httpx.get(f"{server.url}/health", timeout=PATIENCE).status_code == 200
        for connection in slow:
            connection.close()
