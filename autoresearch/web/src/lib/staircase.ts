// What of a project's attempts is shown, and how far the axis of scores has to reach.

import type { Attempt, Goal, Noise } from "../api/generated";
import { quantile } from "./scales";

export interface Window {
  from: number;
  to: number;
}

/** The attempts of a window, by number. */
export function within(attempts: readonly Attempt[], window: Window): Attempt[] {
  return attempts.filter(({ number }) => number >= window.from && number <= window.to);
}

/**
 * The span of scores to show: the running best, the target when it is not far, and the bulk of the attempts. A few scores far off,
 * as of a diverged run, do not press everything else together; they are drawn at the edge.
 */
export function reach(shown: readonly Attempt[], goal: Goal, noise: Noise | null): [number, number] {
  const scores = shown.flatMap(({ score }) => (score === null ? [] : [score])).sort((a, b) => a - b);
  const bests = shown.flatMap(({ best }) => (best === null ? [] : [best]));
  if (!scores.length && !bests.length) return goal.target != null ? [goal.target - 1, goal.target + 1] : [0, 1];
  let low = Math.min(...bests, scores[0] ?? Infinity);
  let high = Math.max(...bests, scores.at(-1) ?? -Infinity);
  if (scores.length > 4) {
    const [a, b] = [quantile(scores, 0.1), quantile(scores, 0.9)];
    const room = 1.5 * (b - a) || Math.abs(b) * 0.01;
    low = Math.min(...bests, Math.max(low, a - room));
    high = Math.max(...bests, Math.min(high, b + room));
  }
  const bulk = high - low;
  const target = goal.target;
  if (target != null && Math.max(high, target) - Math.min(low, target) <= 1.8 * bulk) {
    low = Math.min(low, target);
    high = Math.max(high, target);
  }
  const pad = Math.max(0.06 * (high - low), noise ? Math.min(2.2 * noise.sd, 0.2 * (high - low)) : 0) || Math.abs(high) * 0.02 || 0.5;
  return [Math.max(low - pad, -Number.MAX_VALUE), Math.min(high + pad, Number.MAX_VALUE)];
}

/** How much better than another a score is: positive when better. */
export function gain(score: number, other: number, goal: Goal): number {
  return goal.direction === "min" ? other - score : score - other;
}

/** For each attempt the best before it. */
export function before(attempts: readonly Attempt[]): Map<number, number | null> {
  const found = new Map<number, number | null>();
  let best: number | null = null;
  for (const attempt of attempts) {
    found.set(attempt.number, best);
    best = attempt.best;
  }
  return found;
}
