"""Is one setting better than another, or was it luck? Several seeds for each, and the difference in units of the noise.

The objective stands in for a training run; replace `losses` by yours.
"""

import random
import statistics
from collections.abc import Iterator

import autoresearch as ar

SEEDS = range(5)
RATES = (0.02, 0.03, 0.1)


def losses(rate: float, seed: int) -> Iterator[float]:
    """A loss that falls to a level which the rate decides, with the noise of a seed."""
    chance = random.Random(seed)
    level = 2.0 + 40 * (rate - 0.03) ** 2 + chance.gauss(0, 0.01)
    for step in range(500):
        yield level + (1 - rate) ** step + chance.gauss(0, 0.002)


def main() -> None:
    """Run every rate with every seed, then compare the groups."""
    for rate in RATES:
        for seed in SEEDS:
            config = {"rate": rate, "seed": seed}
            with ar.init(group=f"rate={rate}", config=config, system_metrics=False) as run:
                for loss in losses(rate, seed):
                    run.log({"loss": loss})

    found = {rate: [run.latest["loss"] for run in ar.runs(group=f"rate={rate}")] for rate in RATES}
    scores = {rate: [loss for loss in values if loss is not None] for rate, values in found.items()}
    best = min(RATES, key=lambda rate: statistics.fmean(scores[rate]))
    for rate in RATES:
        mean, noise = statistics.fmean(scores[rate]), statistics.stdev(scores[rate])
        behind = mean - statistics.fmean(scores[best])
        # The standard deviation of a difference of two means, each of one measurement for each seed.
        unit = ((noise**2 + statistics.variance(scores[best])) / len(SEEDS)) ** 0.5
        verdict = "the best" if rate == best else f"{behind / unit:.1f} standard deviations behind"
        print(f"rate {rate}: {mean:.4f} ± {noise:.4f} over {len(scores[rate])} seeds, {verdict}")


if __name__ == "__main__":
    main()
