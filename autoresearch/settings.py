"""Settings from the environment; a setting of ours wins over the fall-back names of other trackers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import Invalid

__all__ = ["Settings", "detect_agent"]

_PREFIXES = ("AUTORESEARCH_", "ARWANDB_", "WANDB_")

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


@dataclass(frozen=True)
class Settings:
    """What the environment says, read once per workspace.

    Attributes:
        home: Folder of the embedded store.
        project: Default project, or None to take the repository's folder name.
        snapshot_max_file: Files above this many bytes are named in a snapshot, not stored.
        max_diff_bytes: Patches above this many bytes leave a marker with size and digest.
        actor: Name of who acts, or None for the operating system's user.
    """

    home: Path
    project: str | None = None
    snapshot_max_file: int = 5 * 1024 * 1024
    max_diff_bytes: int = 1024 * 1024
    actor: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises:
            Invalid: A number is not a number, or is negative.
        """
        env = os.environ if environment is None else environment
        home = _first(env, "HOME", prefixes=("AUTORESEARCH_", "ARWANDB_"))
        return cls(
            home=Path(home).expanduser() if home else Path.home() / ".autoresearch",
            project=_first(env, "PROJECT"),
            snapshot_max_file=_bytes(env, "SNAPSHOT_MAX_FILE", cls.snapshot_max_file),
            max_diff_bytes=_bytes(env, "MAX_DIFF_BYTES", cls.max_diff_bytes),
            actor=_first(env, "ACTOR"),
        )


def detect_agent(environment: Mapping[str, str] | None = None) -> str | None:
    """The coding agent that runs this process, or None when a person seems to."""
    env = os.environ if environment is None else environment
    named = env.get("AI_AGENT") or env.get("AGENT")
    if named:
        return named
    return next((name for variable, name in _AGENTS.items() if env.get(variable)), None)


def _first(env: Mapping[str, str], name: str, prefixes: tuple[str, ...] = _PREFIXES) -> str | None:
    return next((value for prefix in prefixes if (value := env.get(prefix + name))), None)


def _bytes(env: Mapping[str, str], name: str, default: int) -> int:
    text = _first(env, name, prefixes=("AUTORESEARCH_", "ARWANDB_"))
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise Invalid(
            f"AUTORESEARCH_{name} is {text!r}, which is not a number of bytes.",
            hint="Give a whole number, such as 1048576.",
        )
    return int(text)
