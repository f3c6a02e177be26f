"""How long a brief takes, how full it is, how much of it stays the same, and how far the estimate of tokens is off.

python benchmarks/context_render.py
"""

from __future__ import annotations

import inspect
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rs_bpe.bpe import openai

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autoresearch import tokens
from autoresearch.briefs import facts as f
from autoresearch.briefs.brief import build
from tests.context_histories import NOTES, history

REAL = (openai.o200k_base(), openai.cl100k_base())


def milliseconds(work: Callable[[], object], times: int = 60) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def full() -> f.Facts:
    """As much as a ledger ever hands over."""
    found = [history(seed) for seed in range(1, 200) if seed % 3]
    steps = max((facts.frontier for facts in found), key=len)
    return replace(
        next(facts for facts in found if facts.goal and facts.incumbent),
        frontier=steps,
        incumbent=f.IncumbentFacts(number=steps[-1].number, id="x", score=steps[-1].score, note=NOTES[0]),
        tried=max((facts.tried for facts in found), key=len),
        remarks=max((facts.remarks for facts in found), key=len),
        recent=max((facts.recent for facts in found), key=len),
        crashes=max((facts.crashes for facts in found), key=len),
    )


def shared(one: str, other: str) -> float:
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return same / len(other)


def main() -> None:
    facts = full()
    start = time.perf_counter()
    build(facts)
    print(f"first brief of a process            {1000 * (time.perf_counter() - start):7.2f} ms")
    for budget in (500, 1000, 2000, 4000):
        brief = build(facts, budget=budget)
        markdown = milliseconds(lambda: build(facts, budget=budget))  # noqa: B023  called at once
        print(f"brief of {budget:5} tokens, {brief.tokens:5} used    {markdown:7.2f} ms", end="")
        data = milliseconds(lambda: build(facts, budget=budget).data) - markdown  # noqa: B023  called at once
        print(f"   + data {data:6.2f} ms")
    before = build(facts).markdown
    attempt = f.AttemptFacts(number=99_999, state="recorded", note="next")
    waiting = build(replace(facts, recent=(*facts.recent[1:], attempt))).markdown
    print(f"byte-identical after an experiment  {shared(before, waiting):7.1%}")
    tried = (*facts.tried[:-1], replace(facts.tried[-1], attempts=facts.tried[-1].attempts + 1))
    failed = build(replace(facts, recent=(*facts.recent[1:], attempt), tried=tried)).markdown
    print(f"byte-identical after a failed one   {shared(before, failed):7.1%}")
    source = inspect.getsource(threading) + inspect.getsource(subprocess)
    text = (before + source)[:8192]
    print(f"estimate of 8 kB                    {milliseconds(lambda: tokens.estimate(text)):7.2f} ms")
    briefs = "".join(build(history(seed)).markdown for seed in range(1, 60) if seed % 3)
    for name, sample in (("briefs", briefs), ("notes", "\n".join(NOTES)), ("Python", source)):
        ratios = [tokens.estimate(sample) / encoding.count(sample) for encoding in REAL]
        print(f"estimate / real on {name:7}          {ratios[0]:7.3f} o200k {ratios[1]:7.3f} cl100k")


if __name__ == "__main__":
    main()
