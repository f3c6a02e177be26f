"""``docker-compose.yml`` can be read, and names only what is there; no engine runs here that could start it."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import yaml

from autoresearch.cli import serving
from autoresearch.settings import Settings
from autoresearch.store.blobs import open_objects
from autoresearch.store.postgres_errors import parsed
from tests.house.source import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
PAGE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = PAGE["services"]
SERVER: dict[str, str] = SERVICES["server"]["environment"]


def filled(text: str) -> str:
    """A value as Compose makes it, every password the same."""
    return re.sub(r"\$\{[A-Z_]+:\?[^}]+\}", "secret", text).replace("$$", "$")


def test_what_a_service_names_is_there() -> None:
    for service in SERVICES.values():
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(PAGE["volumes"])
        assert {config["source"] for config in service.get("configs", [])} <= set(PAGE["configs"])
        for other, wanted in service.get("depends_on", {}).items():
            healthy = wanted["condition"] == "service_healthy"
            assert healthy == ("healthcheck" in SERVICES[other])


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in ("PASSWORD", "SECRET", "URL", "HOST")):
                assert "${" in value or ("://" in value and "@" not in value), name
    asked = set(re.findall(r"\$\{([A-Z_]+)(:\?)?", TEXT))
    assert asked == {(name, ":?") for name in ("POSTGRES_PASSWORD", "LEDGER_PASSWORD", "BUCKET_PASSWORD")}


def test_the_server_is_started_with_settings_that_it_understands() -> None:
    environment = {name: filled(value) for name, value in SERVER.items()}
    known = Settings(environment)
    parts = parsed(str(known.database_url))
    assert (parts["user"], parts["password"], parts["host"], parts["dbname"]) == (
        "ledger",
        "secret",
        "postgres",
        "ledger",
    )
    assert str(known.objects_url).startswith("s3://objects/")
    assert {name for name in environment if name.startswith("AUTORESEARCH_")} == {
        "AUTORESEARCH_DATABASE_URL",
        "AUTORESEARCH_OBJECTS_URL",
    }
    words = SERVICES["server"]["command"].split()
    assert words[:2] == ["autoresearch", "serve"]
    options = {f"--{name}" for name in inspect.signature(serving.serve).parameters}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_bucket_is_the_one_that_is_made(monkeypatch: Any) -> None:
    for name, value in SERVER.items():
        monkeypatch.setenv(name, filled(value))
    assert open_objects(filled(SERVER["AUTORESEARCH_OBJECTS_URL"])).where.startswith("s3://objects/")
    assert SERVICES["make-bucket"]["entrypoint"][-1].partition("/")[2] == "objects"
    assert SERVICES["bucket"]["environment"]["MINIO_ROOT_USER"] == SERVER["AWS_ACCESS_KEY_ID"]


def test_the_role_of_the_ledger_is_no_superuser() -> None:
    script = filled(PAGE["configs"]["role"]["content"])
    assert "CREATE ROLE ledger LOGIN PASSWORD :'password'" in script
    assert "SUPERUSER" not in script
    assert "CREATE DATABASE ledger OWNER ledger" in script
    assert "POSTGRES_USER" not in json.dumps(SERVICES["postgres"]), "that user would be the superuser"
