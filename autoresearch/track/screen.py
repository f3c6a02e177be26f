"""What a terminal would show: lines, as text with carriage returns and cursor movements leaves them.

Only what progress bars and live tables do is understood: carriage return, backspace, erasing, and moving the cursor within the
last lines. Colours and every other control sequence are dropped. One character counts as one column.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost more than this module
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

__all__ = ["REDRAWN", "Screen"]

REDRAWN = "\r"
"""Begins the text of a line that takes the place of the one given out before it."""

_WINDOW = 64  # lines that the cursor can go back to
_LONGEST_SEQUENCE = 4096  # an escape sequence that has not ended after so much is none
_RAREST_REPEAT = 8  # flushes after which a line that keeps changing is given out again
_patterns: list[re.Pattern[str]] = []


class _Line:
    __slots__ = ("changed", "due", "ended", "given", "redrawn", "text", "waited")

    def __init__(self) -> None:
        self.text = ""
        self.given: str | None = None
        self.changed = 0.0
        self.ended = False
        self.redrawn = False
        self.waited = 0
        self.due = 1


class Screen:
    """The last lines of one stream.

    Args:
        give: Takes the text of a line, without its end, and the time of its last change. A text that begins with
            :data:`REDRAWN` takes the place of the line given out before it.
        longest: Characters of a line that are kept; ``…`` follows when there were more.

    A line is given out when it ends. One that is drawn again and again is given out by :meth:`flush`, soon after it
    changed at first and then at growing distances, and in its last state when it ends or the screen is closed.
    """

    __slots__ = ("_at", "_column", "_give", "_last", "_lines", "_longest", "_unfinished")

    def __init__(self, give: Callable[[str, float], None], longest: int) -> None:
        self._give = give
        self._longest = longest
        self._lines = [_Line()]
        self._at = 0
        self._column = 0
        self._last: _Line | None = None
        self._unfinished = ""

    def write(self, text: str, time: float) -> None:
        """Draw a piece of text; ``time`` is when it was printed."""
        if self._unfinished:
            text, self._unfinished = self._unfinished + text, ""
        start = 0
        while (end := text.find("\n", start)) >= 0:
            self._draw(text[start:end], time, last=False)
            self._end_line(time)
            start = end + 1
        if start < len(text):
            self._draw(text[start:], time, last=True)

    def flush(self) -> None:
        """Give out what changed and did not end; to be called about once a second."""
        for line in self._lines:
            line.waited += 1
            if line.text != (line.given or "") and line.waited >= line.due:
                line.waited, line.due = 0, min(2 * line.due, _RAREST_REPEAT)
                self._out(line)

    def close(self) -> None:
        """Give out every line in its last state."""
        for line in self._lines:
            if line.text != (line.given or ""):
                self._out(line)
        self._lines, self._at, self._column = [_Line()], 0, 0
        self._last, self._unfinished = None, ""

    def _out(self, line: _Line) -> None:
        text = line.text
        if text == line.given:
            return
        shown = text.rstrip(" ") if line.redrawn else text
        if len(shown) > self._longest:
            shown = shown[: self._longest] + "…"
        first, again = line.given is None, line is self._last
        line.given = text
        if first or again or shown:  # a bar that was wiped away further up leaves no blank line
            self._last = line
            self._give(REDRAWN + shown if again else shown, line.changed)

    def _end_line(self, time: float) -> None:
        line = self._lines[self._at]
        if not line.ended:
            line.ended = True
            if not line.text:
                line.changed = time
            self._out(line)
        self._column = 0
        self._at += 1
        if self._at == len(self._lines):
            self._lines.append(_Line())
            if len(self._lines) > _WINDOW:
                gone = self._lines.pop(0)
                self._at -= 1
                if gone.text:
                    self._out(gone)

    def _draw(self, text: str, time: float, *, last: bool) -> None:
        if text.isprintable():
            self._put(text, time)
            return
        tokens, unfinished = _compiled()
        for token in tokens.finditer(text):
            found = token.group()
            if found == "\r":
                self._column = 0
                self._lines[self._at].redrawn = True
            elif found == "\b":
                self._column = max(0, self._column - 1)
                self._lines[self._at].redrawn = True
            elif found[0] != "\x1b":
                self._put(_without_controls(found), time)
            elif len(found) > 1:
                self._obey(token.group("final") or "", token.group("arguments") or "", time)
            elif last and unfinished.fullmatch(text, token.start()):
                self._unfinished = text[token.start() :]
                return

    def _put(self, text: str, time: float) -> None:
        line, column = self._lines[self._at], self._column
        self._column = column + len(text)
        room = self._longest + 1 - column
        if not text or room <= 0:
            return
        text = text[:room]
        before = line.text
        if column == len(before):
            line.text = before + text
        else:
            line.text = before[:column].ljust(column) + text + before[column + len(text) :]
        line.changed = time

    def _obey(self, final: str, arguments: str, time: float) -> None:
        """Move or erase as a control sequence says."""
        first = arguments.split(";", 1)[0]
        number = int(first) if first.isascii() and first.isdigit() and len(first) < 6 else 0
        if final in {"A", "F"}:
            self._at = max(0, self._at - max(1, number))
        elif final in {"B", "E"}:
            self._at = min(len(self._lines) - 1, self._at + max(1, number))
        elif final == "C":
            self._column += max(1, number)
        elif final == "D":
            self._column = max(0, self._column - max(1, number))
        elif final == "G":
            self._column = max(0, number - 1)
        elif final in {"K", "J"}:
            self._erase(number, time, below=final == "J")
        if final in {"E", "F"}:
            self._column = 0
        if final and final in "ABCDEFGJK":
            self._lines[self._at].redrawn = True

    def _erase(self, mode: int, time: float, *, below: bool) -> None:
        line, column = self._lines[self._at], self._column
        if below and mode != 0:
            return  # a cleared screen: what was said stays said
        if mode == 0:
            line.text = line.text[:column]
        elif mode == 1:
            line.text = " " * min(column, len(line.text)) + line.text[column:]
        elif mode == 2:
            line.text = ""
        line.changed = time
        if below:
            for other in self._lines[self._at + 1 :]:
                other.text, other.changed = "", time


def _without_controls(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char for char in text if char == "\t" or (char >= " " and not "\x7f" <= char <= "\x9f"))


def _compiled() -> list[re.Pattern[str]]:
    """Compiled at the first text that needs it: a script that prints plain lines does not load ``re`` for us."""
    if not _patterns:
        import re

        _patterns[:] = (
            re.compile(
                r"\x1b(?:\[(?P<arguments>[0-?]*+)[ -/]*+(?P<final>[@-~])"
                r"|[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)"
                r"|[ -/]*+[0-OQ-WYZ\\`-~])?"
                r"|[\r\b]|[^\x1b\r\b]+"
            ),
            re.compile(
                rf"\x1b(?:\[[0-?]{{0,{_LONGEST_SEQUENCE}}}[ -/]*|[\]PX^_][^\x07\x1b]{{0,{_LONGEST_SEQUENCE}}}\x1b?|[ -/]*)"
            ),
        )
    return _patterns
