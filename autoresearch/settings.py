"""Settings from the environment; a setting of ours wins over the fall-back names of other trackers.

Only cheap modules are imported: a training script pays for this one when it starts a run.
"""

from __future__ import annotations

import os

from autoresearch.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODES", "Settings", "detect_agent"]

MODES = ("online", "offline", "local", "disabled")
"""Where a run goes: to the server; into journals alone until ``sync``; into the embedded store; nowhere."""

_OURS = ("AUTORESEARCH_", "ARWANDB_")
_PREFIXES = (*_OURS, "WANDB_")
_ELSEWHERE = "https://api.wandb.ai"
"""What others have set for another tracker's own service, and did not mean us by."""
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}

# Variables that coding agents set for the commands they run; used for formatting and attribution only.
_AGENTS = {
    "CLAUDECODE": "claude-code",
    "CODEX_THREAD_ID": "codex",
    "CODEX_SANDBOX": "codex",
    "GEMINI_CLI": "gemini",
    "CURSOR_AGENT": "cursor",
    "OPENCODE": "opencode",
    "CLINE_ACTIVE": "cline",
    "PI_CODING_AGENT": "pi",
}


class Settings:
    """What the environment says.

    Attributes:
        home: Folder of the embedded store.
        database_url: Database that a server or ``admin`` uses in place of the one in ``home``; a URL or a path.
        project: Default project, or None to take the repository's folder name.
        actor: Name of who acts, or None for the operating system's user.
        snapshot_max_file: Files above this many bytes are named in a snapshot, not stored.
        max_diff_bytes: Patches above this many bytes leave a marker with size and digest.
        base_url: Origin of the server, without a slash at its end; None for none.
        api_key: The key that the server gave; None for none.
        mode: One of ``MODES``; None where nothing says it.
        finish_timeout: Seconds that the end of a run waits for its upload.
        system_metrics: Whether a run measures the machine.
        system_interval: Seconds between two of these measurements, at least 1.
        writer_id: Id of this process among the writers of a run, or None for a random one.
        max_blob_bytes: Bytes of the largest blob that a server takes.
        objects_url: Where a server keeps bytes, such as ``s3://bucket/prefix``, or None for the home.
        experiment: Experiment that a run started here belongs to.
        run_id: Run that a process started here joins.

    Raises:
        Invalid: A value is not what it has to be.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self.home = os.path.expanduser(_first(env, "HOME", _OURS) or "~/.autoresearch")
        self.database_url = _first(env, "DATABASE_URL", _OURS)
        self.project = _first(env, "PROJECT")
        self.actor = _first(env, "ACTOR")
        self.snapshot_max_file = _whole(env, "SNAPSHOT_MAX_FILE", 5 * 1024 * 1024)
        self.max_diff_bytes = _whole(env, "MAX_DIFF_BYTES", 1024 * 1024)
        self.base_url = _origin(env)
        self.api_key = _key(env)
        self.mode = _mode(env)
        self.finish_timeout = _seconds(env, "FINISH_TIMEOUT", 60.0)
        self.system_metrics = _flag(env, "SYSTEM_METRICS", default=True)
        self.system_interval = max(1.0, _seconds(env, "SYSTEM_INTERVAL", 15.0))
        self.writer_id = _first(env, "WRITER_ID", _OURS)
        self.max_blob_bytes = _whole(env, "MAX_BLOB_BYTES", 64 * 1024**3)
        self.objects_url = _first(env, "OBJECTS_URL", _OURS)
        self.experiment = _first(env, "EXPERIMENT", _OURS)
        self.run_id = _first(env, "RUN_ID", _OURS)


def detect_agent(environment: Mapping[str, str] | None = None) -> str | None:
    """The coding agent that runs this process, or None when a person seems to."""
    env = os.environ if environment is None else environment
    named = env.get("AI_AGENT") or env.get("AGENT")
    if named:
        return named
    return next((name for variable, name in _AGENTS.items() if env.get(variable)), None)


def _first(env: Mapping[str, str], name: str, prefixes: tuple[str, ...] = _PREFIXES) -> str | None:
    return next((value for prefix in prefixes if (value := env.get(prefix + name))), None)


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    text = _first(env, name, _OURS)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise Invalid(
            f"AUTORESEARCH_{name} is {text!r}, which is not a number of bytes.",
            hint="Give a whole number, such as 1048576.",
        )
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = _first(env, name, _OURS)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise Invalid(
            f"AUTORESEARCH_{name} is {text!r}, which is not a number of seconds.",
            hint="Give a number, such as 15.",
        )
    return value


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = _first(env, name, _OURS)
    if text is None:
        return default
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise Invalid(f"AUTORESEARCH_{name} is {text!r}, which is neither on nor off.", hint="Give 1 or 0.")
    return word in _TRUE


def _mode(env: Mapping[str, str]) -> str | None:
    ours = _first(env, "MODE", _OURS)
    if ours is not None and ours not in MODES:
        raise Invalid(f"AUTORESEARCH_MODE is {ours!r}.", hint=f"Use one of {', '.join(MODES)}.")
    if ours is not None:
        return ours
    # Of another tracker's modes only those count that mean the same here.
    foreign = env.get("WANDB_MODE", "")
    return foreign if foreign in {"offline", "disabled"} else None


def _origin(env: Mapping[str, str]) -> str | None:
    text = _first(env, "BASE_URL")
    if text is None or text.rstrip("/") == _ELSEWHERE:
        return None
    scheme, _, rest = text.rstrip("/").partition("://")
    host = rest.partition("/")[0]
    plain = text.isascii() and text.isprintable() and not any(sign in text for sign in " @?#\\")
    if scheme not in {"http", "https"} or not host or not plain or not _is_port(host):
        shown = "".join(text.rpartition("@")[1:])  # what stands before an @ may be a password
        raise Invalid(
            f"AUTORESEARCH_BASE_URL is {shown!r}, which is not the address of a server.",
            hint="Give scheme, host and port alone, such as https://research.example.org or http://127.0.0.1:8090.",
        )
    return f"{scheme}://{rest}"


def _is_port(host: str) -> bool:
    port = host.rpartition("]")[2].partition(":")[2] if "[" in host else host.partition(":")[2]
    return (not port and not host.endswith(":")) or (port.isdigit() and 0 < int(port) < 65536)


def _key(env: Mapping[str, str]) -> str | None:
    text = _first(env, "API_KEY")
    if text is not None and not (text.isascii() and text.isprintable() and " " not in text):
        raise Invalid(
            "AUTORESEARCH_API_KEY has a space, a line break or a letter that no key has.",
            hint="Copy it again, without quotes.",
        )
    return text
