// Several runs as one: the lines of runs that are alike in what was asked for become a mean and a band.

import type { Run } from "../api/generated";
import { labelled, union, type Line, type Points } from "./curves";
import { MARKS } from "./marks";
import { flat, shown } from "./runs";

/** One thing that is drawn: the line of a run, or the mean of several. */
export interface Stroke {
  /** What it is marked by: the number of its run, or the name of its group. */
  key: string;
  name: string;
  colour: number;
  lines: Line[];
}

export interface Bundle extends Points {
  low: Float64Array;
  high: Float64Array;
  /** How many lines have a value at each place. */
  count: Float64Array;
}

/** Fields that runs are grouped by, beside their settings. */
export const FIELDS = ["group", "job_type", "tags", "state"] as const;

function told(run: Run, key: string): unknown {
  if (key.startsWith("config.")) return flat(run.config).get(key.slice(7));
  if (key === "tags") return run.tags.filter((tag) => !MARKS.includes(tag)).sort().join(", ") || undefined;
  return run[FIELDS.find((each) => each === key) ?? "group"] ?? undefined;
}

/** The group of each run, by its id. */
export function sets(runs: readonly Run[], by: readonly string[]): Map<string, string> {
  return new Map(runs.map((run) => [run.id, by.map((key) => `${key.replace(/^config\./, "")}=${shown(told(run, key))}`).join(", ")]));
}

/** What a chart draws: its lines as they are, or those of each group together; series with other labels stay apart. */
export function strokes(lines: readonly Line[], groups: Map<string, string> | null): Stroke[] {
  if (groups === null) return lines.map((line) => ({ key: String(line.run.number), name: line.name, colour: line.colour, lines: [line] }));
  const order = names(groups);
  const found = new Map<string, Stroke>();
  for (const line of lines) {
    const key = groups.get(line.run.id) ?? "";
    const labels = labelled(line.curve.labels);
    const name = labels ? `${key} {${labels}}` : key;
    const one = found.get(name) ?? { key, name, colour: order.indexOf(key), lines: [] };
    found.set(name, one);
    one.lines.push(line);
  }
  return [...found.values()].sort((a, b) => a.colour - b.colour);
}

/** The colour of each run's group, by the run's id. */
export function shades(runs: readonly Run[], by: readonly string[]): Map<string, number> {
  const groups = sets(runs, by);
  const order = names(groups);
  return new Map([...groups].map(([id, name]) => [id, order.indexOf(name)]));
}

/** The groups in their order, which gives them their colours. */
export const names = (groups: Map<string, string>) => [...new Set(groups.values())].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

/**
 * Mean of several lines at every place that one of them has, and the band around it: from the least to the greatest, or one
 * standard deviation (of a sample) to both sides. Between its own points a line is straight; before its first, behind its last and beside
 * a gap it does not count.
 */
export function bundled(all: readonly Points[], deviation: boolean): Bundle {
  const x = union(all);
  const [y, low, high, count, squares] = [0, Infinity, -Infinity, 0, 0].map((value) => new Float64Array(x.length).fill(value)) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  for (const own of all) {
    for (let index = 0, at = 0; index < x.length; index += 1) {
      const place = x[index]!;
      while (at < own.x.length && own.x[at]! < place) at += 1;
      if (at === own.x.length) break;
      const value = own.x[at] === place ? own.y[at]! : at ? own.y[at - 1]! + ((own.y[at]! - own.y[at - 1]!) * (place - own.x[at - 1]!)) / (own.x[at]! - own.x[at - 1]!) : NaN;
      if (Number.isNaN(value)) continue;
      // Welford's way: no difference of large sums.
      const off = value - y[index]!;
      y[index]! += off / (count[index]! += 1);
      squares[index]! += off * (value - y[index]!);
      low[index] = Math.min(low[index]!, value);
      high[index] = Math.max(high[index]!, value);
    }
  }
  for (let index = 0; index < x.length; index += 1) {
    if (!count[index]) y[index] = NaN;
    // Where one run is left the band ends: it would narrow to nothing, as if they agreed.
    if (count[index]! < 2) low[index] = high[index] = NaN;
    else if (deviation) {
      const spread = Math.sqrt(squares[index]! / (count[index]! - 1));
      [low[index], high[index]] = [y[index]! - spread, y[index]! + spread];
    }
  }
  return { x, y, low, high, count };
}
