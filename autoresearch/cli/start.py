"""From words to an exit code: global options from anywhere, one boundary for errors, one place that writes."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from autoresearch.errors import AutoresearchError, UsageError

if TYPE_CHECKING:
    from autoresearch.cli.answer import Answer
    from autoresearch.cli.face import Run

__all__ = ["hoisted", "run"]

_FLAGS = frozenset({"--json", "--quiet", "-q"})
_VALUES = frozenset({"--format", "--project", "-p", "--home", "--directory", "-C"})
_INTERRUPTED = 130


class _SystemError(AutoresearchError):
    """An error that comes from the system and not from us."""


class _BugError(AutoresearchError):
    """An error that nobody thought of."""

    code = "bug"


class _StoppedError(AutoresearchError):
    """Ctrl-C."""

    code = "interrupted"
    exit_code = _INTERRUPTED


def hoisted(words: Sequence[str]) -> list[str]:
    """The words with the global options first, wherever they stood before a ``--``.

    Raises:
        UsageError: An option that takes a value is the last word.
    """
    first: list[str] = []
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += [word, *left]
            break
        if word in _FLAGS or (word.partition("=")[0] in _VALUES and "=" in word):
            first.append(word)
        elif word in _VALUES:
            if not left:
                raise UsageError(f"{word} needs a value.", hint=f"Write {word} VALUE.")
            first += [word, left.pop(0)]
        else:
            rest.append(word)
    return [*first, *rest]


def run(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code. Nothing is raised but what ends the process by itself."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted, as with `| head`.
        return _silenced(0)
    except AutoresearchError as error:
        return _say(error, arguments)
    except KeyboardInterrupt:
        return _say(_StoppedError("Interrupted."), arguments)
    except OSError as error:
        return _silenced(_say(_refused_by_system(error), arguments))
    except Exception as error:  # noqa: BLE001  the named boundary: no user meets a traceback of ours
        return _say(_unexpected(error), arguments)
    return code


def _run(arguments: Sequence[str]) -> int:
    import typer
    import typer.main

    from autoresearch.cli.face import Run
    from autoresearch.cli.root import app

    refusal: Any = next(
        kind for kind in reversed(typer.BadParameter.__mro__) if hasattr(kind, "format_message")
    )
    words = hoisted(arguments) or ["--help"]
    state = Run()
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: _remark(f"warning: {message}", state)
        try:
            command = typer.main.get_command(app)
            answer = command.main(args=words, prog_name="autoresearch", standalone_mode=False, obj=state)
        except typer.Abort:
            raise KeyboardInterrupt from None
        except refusal as error:
            _refuse(error)
        except SystemExit as error:  # the parser's way of ending after help or completion
            return error.code if isinstance(error.code, int) else 0
        if answer == _INTERRUPTED:
            raise KeyboardInterrupt
        return answer if isinstance(answer, int) else _write(answer, state) if answer is not None else 0


def _refuse(error: Any) -> NoReturn:
    """A refusal by the parser, in the shape of ours."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "autoresearch"
    said = " ".join(str(error.format_message()).split())
    said = said if said.endswith((".", "?")) else f"{said}."
    raise UsageError(said, hint=f"See `{path} --help`.") from None


def _write(answer: Answer, state: Run) -> int:
    """Write an answer: data to standard output, remarks to standard error."""
    from autoresearch.cli.paper import as_bytes

    face = state.face
    for notice in answer.notices:
        _remark(f"note: {notice}", state)
    out = sys.stdout.buffer
    out.write(as_bytes(answer, face))
    out.flush()
    if answer.following and face.form == "human":
        _remark(f"next: {answer.following}", state)
    return answer.exit_code


def _remark(text: str, state: Run) -> None:
    if state.face.talks:
        head, _, rest = text.partition(": ")
        _to_stderr(_inked(f"{head}:", head) + f" {_cleaned(rest)}")


def _say(error: AutoresearchError, arguments: Sequence[str]) -> int:
    """Write an error to standard error; answers its exit code."""
    if _wants_json(arguments):
        import json

        _to_stderr(json.dumps(error.envelope(), default=str))
        return error.exit_code
    _to_stderr(_inked("error:", "error") + f" {_cleaned(error.message)}")
    if error.hint:
        _to_stderr(_inked("hint:", "hint") + f" {_cleaned(error.hint)}")
    return error.exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether JSON was asked for, as far as words tell that may not even parse."""
    words = list(arguments)
    words = words[: words.index("--")] if "--" in words else words
    asked = [after for word, after in itertools.pairwise(words) if word == "--format"]
    asked += [word.partition("=")[2] for word in words if word.startswith("--format=")]
    if asked or "--json" in words:
        return asked[-1:] == ["json"] or (not asked and "--json" in words)
    return "-q" not in words and "--quiet" not in words and os.environ.get("AUTORESEARCH_FORMAT") == "json"


def _refused_by_system(error: OSError) -> _SystemError:
    reason = error.strerror or str(error)
    said = f"{error.filename}: {reason}" if error.filename else reason
    return _SystemError(
        f"The system refused: {said}.", hint="Look at the path, its permissions and the space left."
    )


def _unexpected(error: Exception) -> _BugError:
    if os.environ.get("AUTORESEARCH_DEBUG"):
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error}"[:500]
    return _BugError(
        f"This is a bug in autoresearch: {said}",
        hint="Please report it, with the traceback that AUTORESEARCH_DEBUG=1 prints.",
    )


def _silenced(code: int) -> int:
    """The exit code; what standard output still holds and cannot write goes nowhere, or the interpreter's end fails."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _cleaned(text: str) -> str:
    from autoresearch.render.points import clean

    return clean(text, 4000)


def _inked(text: str, style: str) -> str:
    from autoresearch.cli.paper import painted

    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    color = (terminal or bool(os.environ.get("FORCE_COLOR"))) and not os.environ.get("NO_COLOR")
    return painted(text, style, color=color)


def _to_stderr(line: str) -> None:
    # Where even standard error is gone there is nobody left to tell.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
