"""A training script with its run: logged as it goes, read back at the end.

The model is a logistic regression on made-up data, trained with numpy; replace `batches` and `gradient` by yours.
"""

from collections.abc import Iterator

import numpy as np

import autoresearch as ar

LR, BATCH, STEPS, SEED = 0.5, 64, 400, 3
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def batches(chance: np.random.Generator, size: int) -> Iterator[tuple[Array, Array]]:
    """Points of two dimensions, labelled by the side of a line that they lie on, one in twenty wrongly."""
    while True:
        points = chance.normal(size=(size, 2))
        labels = (points @ np.array([1.5, -2.0]) > 0) ^ (chance.random(size) < 0.05)
        yield points, labels.astype(np.float64)


def gradient(weights: Array, points: Array, labels: Array) -> tuple[Array, float, float]:
    """Gradient, loss and accuracy of a batch."""
    chances = 1 / (1 + np.exp(-points @ weights))
    loss = -np.mean(labels * np.log(chances) + (1 - labels) * np.log(1 - chances))
    accuracy = np.mean((chances > 0.5) == (labels > 0.5))
    return points.T @ (chances - labels) / len(labels), float(loss), float(accuracy)


def train(run: ar.Run) -> None:
    """Train, logging every step, and a held-out loss every hundredth."""
    chance = np.random.default_rng(SEED)
    train_set, held_out = batches(chance, BATCH), batches(chance, 2000)
    run.define_metric("loss", summary="min", goal="min")
    weights = np.zeros(2)
    for step in range(STEPS):
        slope, loss, accuracy = gradient(weights, *next(train_set))
        weights -= LR * slope
        run.log({"loss": loss, "accuracy": accuracy}, step, labels={"split": "train"})
        if step % 100 == 99:
            _, loss, accuracy = gradient(weights, *next(held_out))
            run.log({"loss": loss, "accuracy": accuracy}, step, labels={"split": "val"})
            print(f"step {step + 1}: held-out loss {loss:.3f}, accuracy {accuracy:.3f}")
    run.log({"weights": ar.Histogram(weights)})
    run.summary["weights"] = weights


def main() -> None:
    """Train in a run, then read it back."""
    config = {"lr": LR, "batch": BATCH, "steps": STEPS, "seed": SEED}
    with ar.init(name="logistic", config=config) as run:
        train(run)
    for curve in ar.history(run, "loss", "accuracy"):
        print(f"{curve.title}: {len(curve)} points, from {curve[0].value:.3f} to {curve[-1].value:.3f}")


if __name__ == "__main__":
    main()
