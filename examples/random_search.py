"""A search that does not repeat itself: ask what was tried, try something else, let the verdict follow from the score.

The objective stands in for a training run; replace `measure` by yours.
"""

import random

import autoresearch as ar


def measure(rate: float, width: int) -> float:
    """A loss with its minimum at a rate of 0.03 and a width of 96; too high a rate diverges."""
    if rate > 0.2:
        raise FloatingPointError("the loss is not finite")
    return 2.0 + 40 * (rate - 0.03) ** 2 + ((width - 96) / 160) ** 2


def attempt(rate: float, width: int) -> None:
    """Record, measure, judge."""
    frontier = ar.frontier()
    config = {"rate": rate, "width": width}
    experiment = ar.experiment(note=f"rate={rate} width={width}", config=config, snapshot=None)
    try:
        loss = measure(rate, width)
    except FloatingPointError as error:
        ar.decision(experiment.id, "crash", reason=str(error))
        return
    better = frontier.best is None or loss < frontier.best.score
    ar.decision(experiment.id, "keep" if better else "drop", score=loss)


def main() -> None:
    """Search for a while, then show the staircase."""
    ar.goal(metric="loss", lower_is_better=True, min_delta=1e-4)
    ar.session(tag="random-search")
    chance = random.Random(7)
    for _ in range(25):
        rate, width = chance.choice([0.01, 0.02, 0.03, 0.05, 0.1, 0.3]), chance.choice([32, 64, 96, 128, 256])
        seen = ar.search(f"rate={rate} width={width}")
        if not any(found.note == f"rate={rate} width={width}" for found in seen):
            attempt(rate, width)
    for step in ar.frontier().steps:
        print(f"#{step.number:<3} {step.score:.4f}  {step.note}")


if __name__ == "__main__":
    main()
