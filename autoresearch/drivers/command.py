"""An agent that is a program: it is started in the folder, edits there, and is read until it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autoresearch.briefs.fence import quote
from autoresearch.drivers.answer import Answer, parse_answer
from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.drivers.profiles import CommandProfile, ConfigFile
from autoresearch.drivers.reading import Reader, Said
from autoresearch.drivers.templates import fill, laid_over
from autoresearch.errors import AgentError, TrialError
from autoresearch.execution.runner import Run, clean_environment, run_command

__all__ = ["NETWORK", "CommandAgent"]

NETWORK = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
"""Variables by which a program finds its way to the network; every agent is given them, as they are."""

_MCP_ARGUMENTS = ["-m", "autoresearch", "mcp", "--read-only"]
"""An agent that proposes only looks: the loop records, measures and judges what it proposes."""
_LONGEST_ARGUMENT = 128 * 1024 - 1
"""Bytes of one argument that Linux takes."""
_MOST_OUTPUT = 16 * 1024 * 1024
_SHOWN = 300
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
_SHORTEST_SECRET = 8
_LAST_LINES = 30
_COMPLAINT = re.compile(r"error|fail|denied|invalid|unknown|must|cannot|not found|missing", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAgent:
    """Starts a program for each proposal, in a session of its own, and ends all that it started.

    It keeps nothing between two proposals, so that several threads may ask.

    Attributes:
        name: Who it is, for the record.
        profile: How the program is started and read.
        model: Name of the model, or None for the program's own choice.
        environment: Where the variables that it is given are looked up; None for that of this process.
    """

    name: str
    profile: CommandProfile
    model: str | None = None
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    def propose(self, assignment: Assignment) -> Proposal:
        """The next change, edited by the program into the assignment's folder, or that it knows nothing more to try.

        The program has the assignment's seconds, or those of the profile; then it and all it started is ended.

        Raises:
            AgentError: It gave none: it is not installed, cannot reach its model, was refused, ran out of time, or did
                not answer in the form that it was asked for. The details carry ``usage``, ``transcript``, and ``fatal``,
                which is true when asking again is useless.
        """
        call = _Call(self, assignment)
        said = Said("", Reader(self.profile.output).said().usage, None, None, "", "")
        try:
            run, said = call.run()
            self._look(run, said, call)
            answer = self._answer(said, call)
        except AgentError as error:
            error.details.setdefault("fatal", False)
            error.details |= {"usage": asdict(said.usage), "transcript": str(call.transcript)}
            raise
        return Proposal(
            answer.note,
            config=answer.config,
            usage=said.usage,
            model=said.model or self.model,
            session=said.session,
            transcript=call.transcript,
            give_up=answer.give_up,
        )

    def _answer(self, said: Said, call: _Call) -> Answer:
        """The answer in the final text.

        Raises:
            AgentError: There is none, or the text tells of a failure: some programs end as if all were well.
        """
        try:
            return parse_answer(said.text)
        except AgentError:
            if self.profile.output.form == "text":
                for line in reversed(said.text.splitlines()[-_LAST_LINES:]):
                    if any(re.search(one.match, line, re.IGNORECASE) for one in self.profile.failures):
                        raise self._error(f"{self.profile.title} failed", call.hidden(line), "") from None
            raise

    def _look(self, run: Run, said: Said, call: _Call) -> None:
        """Pass on, or say what went wrong.

        Raises:
            AgentError: The program failed.
        """
        title = self.profile.title
        if run.ending == "exited" and run.exit_code == 0 and not said.failure:
            return
        told = call.hidden(said.failure or said.trouble or call.complaint())
        if run.timed_out:
            hint = "Give it more seconds, or a smaller task."
            what = f"{title} took longer than {call.seconds:g} s and was ended"
            error = self._error(what, call.hidden(said.trouble or call.complaint(ended=False)), hint)
        elif run.ending != "exited":
            error = self._error(f"{title} was ended", call.hidden(run.reason), "")
        elif said.failure:
            error = self._error(f"{title} failed", told, "")
        else:
            error = self._error(f"{title} ended with exit code {run.exit_code}", told, "")
        raise error

    def _error(self, what: str, told: str, hint: str) -> AgentError:
        """What went wrong, in the program's own words, and what the profile knows about it."""
        shown = f": {quote(told.strip(), _SHOWN)}" if told.strip() else ""
        # The seconds that it took are no code of an error.
        seen = told if "longer than" in what else f"{what}: {told}"
        for failure in self.profile.failures:
            if re.search(failure.match, seen, re.IGNORECASE):
                details = {"fatal": failure.fatal}
                return AgentError(f"{what}{shown}.", hint=failure.hint, details=details)
        return AgentError(f"{what}{shown}.", hint=hint or "Read the transcript; run the program by hand.")


class _Call:
    """One start of the program."""

    def __init__(self, agent: CommandAgent, assignment: Assignment) -> None:
        self.profile = agent.profile
        self.assignment = assignment
        self.transcript = assignment.scratch / "transcript.jsonl"
        if agent.profile.output.form == "text":
            self.transcript = assignment.scratch / "transcript.txt"
        self.seconds = agent.profile.seconds if assignment.seconds is None else assignment.seconds
        self._errors = assignment.scratch / "errors.txt"
        self._prompt = assignment.scratch / "prompt.md"
        self._agent = agent
        self._given = os.environ if agent.environment is None else agent.environment
        self._own = {name: value for name, value in self._given.items() if self._passes(name)}

    def run(self) -> tuple[Run, Said]:
        """Start it and read it until it has ended.

        Raises:
            AgentError: It cannot be started.
        """
        if not self.assignment.prompt:
            raise AgentError(f"{self.profile.title} was asked nothing.", details={"fatal": True})
        values = self._values()
        environment = self._environment(values)
        try:
            command = [self._program(environment), *self._arguments(values)]
            self._write(values)
            reader = Reader(self.profile.output)
            run = run_command(
                command,
                self.assignment.folder,
                output=self.transcript,
                errors=self._errors,
                stdin=self._prompt if self.profile.prompt == "stdin" else None,
                seconds=self.seconds,
                environment=environment,
                watch=reader,
                max_output=_MOST_OUTPUT,
            )
        except TrialError as error:
            raise AgentError(error.message, hint=error.hint, details={"fatal": True}) from error
        except OSError as error:
            raise AgentError(
                f"{self.profile.title} could not be given its files: {error}.",
                hint="Make room, or choose a scratch folder that can be written.",
            ) from error
        finally:
            self._redact()
            self._tidy()
        return run, reader.said()

    def complaint(self, *, ended: bool = True) -> str:
        """The last error that the program told of beside its output, or in it where it ended by itself; empty for none."""
        for path in (self._errors, self.transcript) if ended else (self._errors,):
            with contextlib.suppress(OSError):
                text = path.read_text("utf-8", "replace")
                lines = [line for line in map(str.strip, text.splitlines()) if line]
                named = [line for line in lines if _COMPLAINT.search(line)]
                if named or (lines and ended):
                    return (named or lines)[-1]
        return ""

    def _values(self) -> dict[str, Any]:
        variables = sorted(self.assignment.environment)
        reference = self.profile.mcp.reference if self.profile.mcp else ""
        values: dict[str, Any] = {
            "folder": str(self.assignment.folder),
            "scratch": str(self.assignment.scratch),
            "prompt": self.assignment.prompt,
            "prompt_file": str(self._prompt),
            "model": self._agent.model or "",
            "mcp.command": sys.executable,
            "mcp.arguments": _MCP_ARGUMENTS,
            "mcp.line": [sys.executable, *_MCP_ARGUMENTS],
            "mcp.variables": variables,
            "mcp.environment": {name: fill(reference, {"name": name}) for name in variables},
        }
        return values

    def _arguments(self, values: Mapping[str, Any]) -> Iterator[str]:
        groups = [self.profile.arguments]
        if self._agent.model:
            groups.append(self.profile.model_arguments)
        if self.profile.mcp is not None:
            groups.append(self.profile.mcp.arguments)
        for argument in (one for group in groups for one in group):
            text = str(fill(argument, values))
            if len(os.fsencode(text)) > _LONGEST_ARGUMENT:
                raise AgentError(
                    f"The prompt is too long for an argument of {self.profile.title}.",
                    hint='Give it as its input, or as a file: prompt = "stdin" or "file" in the profile.',
                    details={"fatal": True},
                )
            yield text

    def _passes(self, name: str) -> bool:
        return name in NETWORK or any(
            name.startswith(key[:-1]) if key.endswith("*") else name == key for key in self.profile.keys
        )

    def _environment(self, values: Mapping[str, Any]) -> dict[str, str]:
        set_for_it: dict[str, str] = fill(self.profile.environment, values)
        if self.profile.mcp is not None:
            set_for_it |= fill(self.profile.mcp.environment, values)
        return clean_environment({**self._own, **self.assignment.environment, **set_for_it}, self._given)

    def _program(self, environment: Mapping[str, str]) -> str:
        program = self.profile.program
        named = Path(program).expanduser()
        found = shutil.which(str(named), path=environment.get("PATH"))
        if found is None:
            where = "there is no such program" if named.is_absolute() else "it is not on the PATH"
            raise AgentError(
                f"{self.profile.title} cannot be started: {where}: {program}.",
                hint=f"Install it: {self.profile.install}" if self.profile.install else "Install it.",
                details={"fatal": True},
            )
        # The program runs in another folder than this process.
        return str(Path(found).absolute())

    def _write(self, values: Mapping[str, Any]) -> None:
        (self.assignment.scratch / "tmp").mkdir(exist_ok=True)
        self._prompt.write_text(self.assignment.prompt, encoding="utf-8")
        mcp_files = self.profile.mcp.files if self.profile.mcp else ()
        for file in (*self.profile.files, *mcp_files):
            path = self.assignment.scratch / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            content = laid_over(self._base(file), fill(file.content, values))
            path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        for inside, outside in self.profile.links.items():
            link, target = self.assignment.scratch / inside, self._of_user(outside)
            link.parent.mkdir(parents=True, exist_ok=True)
            if target.exists() and not link.is_symlink():
                link.symlink_to(target)

    def _base(self, file: ConfigFile) -> Mapping[str, Any]:
        if not file.base:
            return {}
        path = self._of_user(file.base)
        try:
            base = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise AgentError(
                f"{path} cannot be read: {error}.", hint="Mend the file.", details={"fatal": True}
            ) from error
        return base if isinstance(base, Mapping) else {}

    def _of_user(self, path: str) -> Path:
        home = self._given.get("HOME") or "~"
        return Path(path.replace("~", home, 1) if path.startswith("~/") else path).expanduser()

    def hidden(self, text: str) -> str:
        """The text without the user's secrets."""
        for secret, name in self._secrets().items():
            text = text.replace(secret, name)
        return text

    def _secrets(self) -> dict[str, str]:
        given = {**self._own, **self.assignment.environment}
        return {
            value: f"[{name}]"
            for name, value in given.items()
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET
        }

    def _tidy(self) -> None:
        for pattern in self.profile.leftovers:
            for path in self.assignment.folder.glob(pattern):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _redact(self) -> None:
        """Take the user's secrets out of what the program said: it may have been told to print its environment."""
        for path in (self.transcript, self._errors):
            with contextlib.suppress(FileNotFoundError):
                before = after = path.read_bytes()
                for secret, name in self._secrets().items():
                    after = after.replace(os.fsencode(secret), name.encode())
                if after != before:
                    path.write_bytes(after)
