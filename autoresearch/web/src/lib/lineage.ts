// Experiments in the order of what was made from what: the frontier is the trunk, and what was tried on top of each step a branch.

import type { Experiment } from "../api/generated";

export interface Placed {
  experiment: Experiment;
  depth: number;
}

/** Every experiment once, each behind the one it was made from; the trunk at depth 0. */
export function placed(list: readonly Experiment[]): Placed[] {
  const oldest = list.toSorted((a, b) => a.number - b.number);
  const known = new Set(oldest.map(({ id }) => id));
  const below = new Map<string, Experiment[]>();
  const roots: Experiment[] = [];
  for (const each of oldest) {
    // Whoever made it from itself, or from what is not shown, begins a line of its own.
    if (each.parent_id === null || each.parent_id === each.id || !known.has(each.parent_id)) roots.push(each);
    else if (below.has(each.parent_id)) below.get(each.parent_id)!.push(each);
    else below.set(each.parent_id, [each]);
  }
  const found: Placed[] = [];
  const seen = new Set<string>();
  const waiting: Placed[] = roots.toReversed().map((experiment) => ({ experiment, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (seen.has(next.experiment.id)) continue;
    seen.add(next.experiment.id);
    found.push(next);
    const children = below.get(next.experiment.id) ?? [];
    const trunk = children.filter((each) => each.on_frontier);
    const branches = children.filter((each) => !each.on_frontier);
    // Taken from the end: the branches come first, and then the trunk goes on.
    for (const experiment of trunk.toReversed()) waiting.push({ experiment, depth: next.depth });
    for (const experiment of branches.toReversed()) waiting.push({ experiment, depth: next.depth + 1 });
  }
  // A ring of parents has no beginning; what is in one is shown all the same.
  for (const experiment of oldest) if (!seen.has(experiment.id)) found.push({ experiment, depth: 0 });
  return found;
}
