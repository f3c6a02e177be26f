"""The same loop as `own_loop.py` for several workers at once: every call runs in a thread, and nobody waits for another.

`propose` stands in for a model that is asked over the network, `train` for a training run.
"""

import asyncio

import autoresearch as ar


async def propose(brief: str, rate: float) -> str:
    """A flaw and its fix; here a client of a model would be awaited."""
    await asyncio.sleep(0)
    return f"the rate may be off -> rate {rate}" if "loss" in brief else "baseline"


def train(rate: float) -> float:
    """A loss that is lowest at a rate of 0.03."""
    return 2.0 + 40 * (rate - 0.03) ** 2


async def work(rates: asyncio.Queue[float]) -> None:
    """Take one rate after the other until none is left."""
    while not rates.empty():
        rate = rates.get_nowait()
        brief = await asyncio.to_thread(ar.context, budget=2000)
        note = await propose(brief.markdown, rate)
        trial = await asyncio.to_thread(ar.experiment, note=note, config={"rate": rate}, snapshot=None)
        loss = await asyncio.to_thread(train, rate)
        best = (await asyncio.to_thread(ar.frontier)).best
        verdict = "keep" if best is None or loss < best.score else "drop"
        said = await asyncio.to_thread(ar.decision, trial.id, verdict, score=loss)
        print(f"rate {rate}: {said.standing}")


async def main() -> None:
    """Three workers over six rates; what another one kept in the meantime shows in the standing."""
    ar.goal(metric="loss", lower_is_better=True)
    ar.session(tag="own-loop-async")
    rates: asyncio.Queue[float] = asyncio.Queue()
    for rate in (0.3, 0.003, 0.1, 0.03, 0.01, 0.05):
        rates.put_nowait(rate)
    await asyncio.gather(*(work(rates) for _ in range(3)))
    for step in ar.frontier().steps:
        print(f"#{step.number} {step.score:.4f} {step.note}")


if __name__ == "__main__":
    asyncio.run(main())
