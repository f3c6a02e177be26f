"""A loop of your own in twenty lines: what is known goes in, a change comes out, the verdict follows from the score.

`propose` stands in for your model, which reads the brief; `train` for your training run.
"""

import math

import autoresearch as ar


def propose(brief: str, tried: int) -> tuple[str, float]:
    """A flaw and its fix; a model would read the brief, and this one counts."""
    assert "minimize" in brief
    rate = (0.3, 0.003, 0.1, 0.03, 0.01)[tried]
    return f"the rate may be off -> rate {rate}", rate


def train(rate: float) -> float:
    """A loss that is lowest at a rate of 0.03, and not finite above 0.2."""
    return 2.0 + 40 * (rate - 0.03) ** 2 if rate < 0.2 else float("nan")


def main() -> None:
    """Five changes, each from the brief of its time."""
    ar.goal(metric="loss", lower_is_better=True, target=2.001)
    ar.session(tag="own-loop")
    for turn in range(5):
        note, rate = propose(ar.context(budget=2000).markdown, turn)
        trial = ar.experiment(note=note, config={"rate": rate})
        loss, best = train(rate), ar.frontier().best
        if not math.isfinite(loss):
            ar.decision(trial.id, "crash", reason="the loss was not finite")
            continue
        verdict = "keep" if best is None or loss < best.score else "drop"
        print(ar.decision(trial.id, verdict, score=loss).standing)
        if ar.frontier().reached:
            break


if __name__ == "__main__":
    main()
