"""How the dashboard feels in a browser with a project as large as they come, on a slow computer behind a slow network.

    python benchmarks/dashboard_browser.py [--home FOLDER] [--minutes 0] [--only paint,zoom,scroll,memory]

The browser is the Chromium of the tests. ``--home`` keeps the store there, and uses it again when it is there already. Slow is a
processor that needs four times as long, and 12 Mbit/s with 70 ms to and fro.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, CDPSession, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autoresearch.ledger.local.ledger import LocalLedger
from tests.web.browser import browser
from tests.web.following import Writer, gone_through, held
from tests.web.heavy import FULL, PROJECT, SMALL, heavy
from tests.web.looking import zoomed

SLOWER, MEGABITS, LATENCY = 4, 12, 70
ON = f"/?project={PROJECT}"
# What has to be there before a page is of use, as a selector of things to look at and how many of them.
PAGES = {
    "projects": ("/", ".card a, .cards a, main a[href*=project]", 1),
    "overview": (ON, "path.line[d^=M]", 1),
    "experiments": (f"{ON}&page=experiments", "tbody td.number", 8),
    "by parent": (f"{ON}&page=experiments&view=tree", "tbody td.number", 8),
    "one experiment": (f"{ON}&page=experiment&id=4000", "h1", 1),
    "two compared": (f"{ON}&page=compare&id=4000&other=4001", "main table, main dl", 1),
    "runs": (f"{ON}&page=runs", "tbody td.name", 8),
    "charts of 50 runs": (f"{ON}&page=runs&view=charts", ".u-over", 3),
    "one run": (f"{ON}&page=run&id=last", ".u-over", 1),
    "runs side by side": (ON + "&page=comparison&runs={runs}", "main tbody tr", 3),
    "artifacts": (f"{ON}&page=artifacts", "main h2, main h1", 1),
    "context": (f"{ON}&page=context", "main pre, main article", 1),
}
# In the page: when it was of use, how long frames took, and when lines were drawn.
WATCH = """
window.want = (selector, count) => (window.useful = new Promise((done) => {
  const look = () => (document.querySelectorAll(selector).length < count ? requestAnimationFrame(look) : requestAnimationFrame(() => done(performance.now())));
  look();
}));
[window.strokes, window.frames] = [[], []];
// The lines of a canvas are drawn when the frame ends: the one after it is the first in which they are seen.
let due = false;
function framed() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    requestAnimationFrame(() => window.frames.push(performance.now()));
  });
}
const stroke = CanvasRenderingContext2D.prototype.stroke;
CanvasRenderingContext2D.prototype.stroke = function (...given) {
  stroke.apply(this, given);
  if (!(window.sight?.has(this.canvas) ?? true)) return;
  window.strokes.push(performance.now());
  framed();
};
const inSight = (canvas) => { const { top, bottom } = canvas.getBoundingClientRect(); return bottom > 0 && top < innerHeight; };
addEventListener("mouseup", () => {
  window.sight = new Set([...document.querySelectorAll("canvas")].filter(inSight));
  window.released = performance.now();
  [window.strokes, window.frames] = [[], []];
}, true);
"""


@contextmanager
def served(home: Path) -> Iterator[tuple[str, str]]:
    """``autoresearch ui`` over a store; gives its address and a key."""
    command = [sys.executable, "-m", "autoresearch", "ui", "--no-open", "--port", "0"]
    environment = {**os.environ, "AUTORESEARCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        found = next(
            match for line in process.stdout if (match := re.search(r"(http://[\d.]+:\d+)\S*#(\S+)", line))
        )
        url = found[1]
        key = httpx.post(f"{url}/v1/auth/local", json={"link": found[2]}).json()["key"]
        yield url, key
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def visit(chromium: Browser, url: str, key: str, *, slow: bool) -> Iterator[tuple[Page, CDPSession]]:
    """A browser that was here before, and has nothing of the page left."""
    kept = [{"origin": url, "localStorage": [{"name": "autoresearch-key", "value": key}]}]
    context = chromium.new_context(
        viewport={"width": 1440, "height": 900}, storage_state={"cookies": [], "origins": kept}
    )
    context.set_default_timeout(60_000)
    context.add_init_script(WATCH)
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        if slow:
            bytes_a_second = MEGABITS * 1e6 / 8
            session.send(
                "Network.emulateNetworkConditions",
                {
                    "offline": False,
                    "latency": LATENCY,
                    "downloadThroughput": bytes_a_second,
                    "uploadThroughput": bytes_a_second,
                },
            )
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        yield page, session
    finally:
        context.close()


def paint(chromium: Browser, url: str, key: str, times: int) -> None:
    given = {"url": f"{url}/v1/projects/{PROJECT}/runs", "headers": {"Authorization": f"Bearer {key}"}}
    newest = ",".join(str(run["number"]) for run in httpx.get(**given, params={"limit": 3}).json()["items"])
    for name, (path, selector, count) in PAGES.items():
        found = {}
        for slow in (False, True):
            taken = []
            for _ in range(times):
                with visit(chromium, url, key, slow=slow) as (page, _):
                    page.add_init_script(f"want({json.dumps(selector)}, {count})")
                    page.goto(url + path.replace("{runs}", newest), wait_until="commit")
                    taken.append(page.evaluate("window.useful"))
            found[slow] = f"{statistics.median(taken):.0f} ({min(taken):.0f} to {max(taken):.0f})"
        print(f"{name}: of use after {found[False]} ms; slow {found[True]} ms", flush=True)


# Lines are drawn in bursts: at once from what is there, and again when finer points have come.
BURSTS = """() => {
  const bursts = [];
  for (const at of window.strokes) {
    if (!bursts.length || at - bursts.at(-1).end > 40) bursts.push({ begin: at, end: at, lines: 0 });
    bursts.at(-1).end = at;
    bursts.at(-1).lines += 1;
  }
  const seen = (end) => window.frames.find((at) => at >= end) ?? end;
  return bursts.map(({ begin, end, lines }) => [begin - window.released, seen(end) - window.released, lines]);
}"""


def zoom(chromium: Browser, url: str, key: str, times: int) -> None:
    """From the end of a drag over a chart of 50 runs until all charts in sight are seen drawn, and until the finer points are."""
    for slow in (False, True):
        first, last = [], []
        with visit(chromium, url, key, slow=slow) as (page, _):
            page.goto(f"{url}{ON}&page=runs&view=charts")
            page.locator(".u-over").nth(9).wait_for(state="attached")
            _quiet(page)
            for number in range(times):
                zoomed(page, page.locator(".u-over").nth(number % 3), 0.4, 0.7)
                _quiet(page)
                bursts = page.evaluate(BURSTS)
                first.append(bursts[0][1])
                last.append(bursts[-1][1])
                page.get_by_role("button", name="Show all").click()
                _quiet(page)
        words = [
            f"{statistics.median(taken):.0f} ({min(taken):.0f} to {max(taken):.0f})"
            for taken in (first, last)
        ]
        print(
            f"a zoom{', slow' if slow else ''}: drawn after {words[0]} ms, "
            f"with finer points after {words[1]} ms",
            flush=True,
        )


def _quiet(page: Page) -> None:
    """Wait until no line was drawn for a second, and some were."""
    page.evaluate("""() => new Promise((done) => {
      let [seen, since] = [window.strokes.length, performance.now()];
      const look = () => {
        if (window.strokes.length !== seen) [seen, since] = [window.strokes.length, performance.now()];
        if (seen && performance.now() - since > 1000) done();
        else setTimeout(look, 100);
      };
      look();
    })""")


def scroll(chromium: Browser, url: str, key: str) -> None:
    """Through the table of experiments and that of runs, as fast as a wheel turns; each frame is looked at."""
    for slow in (False, True):
        with visit(chromium, url, key, slow=slow) as (page, _):
            page.goto(f"{url}{ON}&page=experiments")
            page.locator(".foot", has_text=re.compile(r"^[\d,]+ experiments(?!, reading)")).wait_for()
            _told("experiments", ", slow" if slow else "", page.evaluate(SCROLL, ["td.number", 200]))
            page.goto(f"{url}{ON}&page=runs")
            page.locator("tbody td.name").first.wait_for()
            for _ in range(3):
                more = page.get_by_role("button", name="Show more")
                if more.count():
                    more.click()
                    page.wait_for_timeout(2000)
            _told("runs", ", slow" if slow else "", page.evaluate(SCROLL, ["td.name", 200]))


# The longest frames are those in which rows are made.
SCROLL = """async ([cell, pixels]) => {
  const first = document.querySelector('tbody ' + cell);
  let list = first.closest('table').parentElement;
  while (list.scrollHeight <= list.clientHeight + 4 && list.parentElement) list = list.parentElement;
  const whole = list === document.documentElement;
  const box = whole ? { top: 160, bottom: innerHeight } : list.getBoundingClientRect();
  list.scrollTop = 0;
  const took = [];
  let [gaps, last, left] = [0, 0, first.getBoundingClientRect().left + 4];
  while (list.scrollTop + list.clientHeight < list.scrollHeight - (whole ? 400 : 1)) {
    list.scrollTop += pixels;
    const at = await new Promise(requestAnimationFrame);
    if (last) took.push(at - last);
    last = at;
    for (const y of [box.top + 60, (box.top + box.bottom) / 2, Math.min(box.bottom, innerHeight) - 20]) {
      if (!document.elementFromPoint(left, y)?.closest('tr')?.querySelector(cell)) gaps += 1;
    }
  }
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  return [took.length, at(0.5), at(0.99), gaps, document.querySelectorAll('tbody tr').length];
}"""


def _told(what: str, slow: str, found: list[float]) -> None:
    frames, median, most, gaps, rows = found
    said = f"{frames} frames, {median:.0f} ms the median and {most:.0f} ms at 99 %, {gaps} gaps, {rows} rows in the document"
    print(f"{what} scrolled 200 pixels a frame{slow}: {said}", flush=True)


def memory(chromium: Browser, url: str, key: str, home: Path, minutes: float) -> None:
    """A run that goes on and the list of experiments, each in a browser of its own, while a program logs and an agent tries."""
    with (
        LocalLedger.open(home) as ledger,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
        visit(chromium, url, key, slow=False) as (run, first),
        visit(chromium, url, key, slow=False) as (tried, second),
    ):
        writer = Writer(ledger, http, ledger.research.sessions(PROJECT).items[-1])
        run.goto(f"{url}{ON}&page=run&id={writer.run.number}")
        tried.goto(f"{url}{ON}&page=experiments")
        begun, shown = time.monotonic(), -1.0
        while (passed := (time.monotonic() - begun) / 60) < minutes:
            writer.seen(run, tried)
            if writer.rounds % 20 == 0:
                gone_through(tried)
            if passed - shown >= minutes / 5:
                shown = passed
                told = " and ".join(
                    f"{one.heap / 1e6:.1f} MB, {one.nodes} nodes, {one.listeners} listeners"
                    for one in map(held, (first, second))
                )
                print(f"after {passed:.1f} minutes and {writer.rounds} rounds: {told}", flush=True)
        told = " and ".join(
            f"{one.heap / 1e6:.1f} MB, {one.nodes} nodes, {one.listeners} listeners"
            for one in map(held, (first, second))
        )
        print(f"after {minutes:g} minutes and {writer.rounds} rounds: {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--small", action="store_true", help="fewer runs and points")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", default="paint,zoom,scroll,memory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if not (home / "ledger.sqlite").exists():
            start = time.perf_counter()
            heavy(home, SMALL if given.small else FULL)
            print(f"the store was made in {time.perf_counter() - start:.0f} s")
        with browser() as chromium, served(home) as (url, key):
            if "paint" in given.only:
                paint(chromium, url, key, given.times)
            if "zoom" in given.only:
                zoom(chromium, url, key, given.times)
            if "scroll" in given.only:
                scroll(chromium, url, key)
            if "memory" in given.only:
                memory(chromium, url, key, home, given.minutes)


if __name__ == "__main__":
    main()
