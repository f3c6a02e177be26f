// From what runs logged to what a chart draws.

import type { CurveOut, Run } from "../api/generated";
import { quantile } from "./scales";

export type Axis = "step" | "time" | "relative";
export const AXES: readonly Axis[] = ["step", "time", "relative"];

/** One series of one run, with its colour. */
export interface Line {
  run: Run;
  curve: CurveOut;
  /** What tells it from the other lines of its chart. */
  name: string;
  /** Number of the run's colour. */
  colour: number;
}

export interface Chart {
  metric: string;
  lines: Line[];
}

/** Charts whose metrics begin alike: `train/loss` and `train/accuracy` are one group. */
export interface Group {
  prefix: string;
  charts: Chart[];
}

export interface Points {
  x: Float64Array;
  y: Float64Array;
}

export const COLOURS = 10;

/** A colour for each run: mostly by its number, so that it keeps it from page to page, and never one that is taken while others are free. */
export function colours(runs: readonly Run[]): Map<string, number> {
  const found = new Map<string, number>();
  let taken = new Set<number>();
  for (const run of runs) {
    if (taken.size === COLOURS) taken = new Set();
    let colour = (run.number - 1) % COLOURS;
    while (taken.has(colour)) colour = (colour + 1) % COLOURS;
    taken.add(colour);
    found.set(run.id, colour);
  }
  return found;
}

/** Sets of labels as they are written behind a name. */
export const labelled = (labels: Record<string, string>) =>
  Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(", ");

/** Curves as charts, in groups by the first part of their names; the machine's own come last. */
export function grouped(runs: readonly Run[], curves: readonly CurveOut[], first: string | null = null): Group[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const colour = colours(runs);
  const groups = new Map<string, Map<string, Line[]>>();
  for (const curve of curves) {
    const run = byId.get(curve.run_id);
    if (run === undefined || curve.steps.length === 0) continue;
    const cut = curve.name.indexOf("/");
    const prefix = cut > 0 ? curve.name.slice(0, cut) : "";
    const charts = groups.get(prefix) ?? new Map<string, Line[]>();
    groups.set(prefix, charts);
    const lines = charts.get(curve.name) ?? [];
    charts.set(curve.name, lines);
    const labels = labelled(curve.labels);
    lines.push({ run, curve, name: labels ? `${run.name} {${labels}}` : run.name, colour: colour.get(run.id) ?? 0 });
  }
  const rank = (prefix: string) => (prefix === "" ? 0 : prefix === "system" ? 2 : 1);
  const sorted = [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  return sorted.map(([prefix, charts]) => ({
    prefix,
    charts: [...charts].sort(([a], [b]) => Number(b === first) - Number(a === first) || a.localeCompare(b)).map(([metric, lines]) => ({ metric, lines })),
  }));
}

const SPELLED: Record<string, number> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const begun = new WeakMap<Run, number>();

function beginning(run: Run): number {
  let at = begun.get(run);
  if (at === undefined) begun.set(run, (at = Date.parse(run.started_at) / 1000));
  return at;
}

/** A curve over an axis, smoothed: places rise, a place that comes twice has its last value, what is not finite is NaN. */
export function points(line: Line, axis: Axis, smooth: number): Points {
  const { steps, times, values } = line.curve;
  const start = axis === "relative" ? beginning(line.run) : 0;
  const places = axis === "step" ? steps : times;
  let order: number[] | null = null;
  for (let index = 1; index < places.length; index += 1) {
    if (places[index]! < places[index - 1]!) {
      order = [...places.keys()].sort((a, b) => places[a]! - places[b]!);
      break;
    }
  }
  const x = new Float64Array(places.length);
  const y = new Float64Array(places.length);
  let size = 0;
  for (let index = 0; index < places.length; index += 1) {
    const from = order ? order[index]! : index;
    const value = values[from]!;
    const place = places[from]! - start;
    if (size && x[size - 1] === place) size -= 1;
    x[size] = place;
    const number = typeof value === "number" ? value : SPELLED[value] ?? NaN;
    y[size] = Number.isFinite(number) ? number : NaN;
    size += 1;
  }
  const cut = { x: x.subarray(0, size), y: y.subarray(0, size) };
  return smooth > 0 ? { x: cut.x, y: smoothed(cut.y, smooth) } : cut;
}

/** A moving average that weighs the past by ``weight`` for each point, without the pull to zero at its beginning; gaps stay gaps. */
export function smoothed(values: Float64Array, weight: number): Float64Array {
  const found = new Float64Array(values.length);
  let last = 0;
  let seen = 0;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!;
    if (Number.isNaN(value)) {
      found[index] = NaN;
      continue;
    }
    last = last * weight + (1 - weight) * value;
    seen += 1;
    found[index] = last / (1 - weight ** seen);
  }
  return found;
}

/** Every place that one of several lines has, once. */
export function union(all: readonly Points[]): Float64Array {
  const total = all.reduce((sum, { x }) => sum + x.length, 0);
  const every = new Float64Array(total);
  let at = 0;
  for (const { x } of all) {
    every.set(x, at);
    at += x.length;
  }
  if (all.length > 1) every.sort();
  let size = 0;
  for (const place of every) if (size === 0 || every[size - 1] !== place) every[size++] = place;
  return every.slice(0, size);
}

/** The span of values to show between two places; with ``clip`` the outermost two in a hundred do not widen it. */
export function reach(all: readonly Points[], from: number, to: number, clip: boolean, positive: boolean): [number, number] {
  const found: number[] = [];
  let [low, high] = [Infinity, -Infinity];
  for (const { x, y } of all) {
    for (let index = nearest(x, from); index < x.length && x[index]! <= to; index += 1) {
      const value = y[index]!;
      if (x[index]! < from || Number.isNaN(value) || (positive && value <= 0)) continue;
      if (clip) found.push(value);
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return positive ? [0.1, 1] : [0, 1];
  if (found.length > 20) {
    const sorted = Float64Array.from(found).sort() as unknown as number[];
    [low, high] = [quantile(sorted, 0.02), quantile(sorted, 0.98)];
  }
  if (positive) return [low / 1.08, high * 1.08];
  const pad = 0.05 * (high - low) || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
}

/** Index of the place nearest to a value, of places that rise. */
export function nearest(x: Float64Array, value: number): number {
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - x[low - 1]! < x[low]! - value ? low - 1 : low;
}

/** A text in a cell of a CSV; one that a spreadsheet would run as a formula gets an apostrophe before it. */
export const quoted = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;

/** Lines as CSV: run, name, step, time (seconds since 1970) and value. */
export function csv(metric: string, lines: readonly Line[]): string {
  const rows = lines.flatMap(({ run, name, curve }) =>
    curve.steps.map((step, index) => `${run.number},${quoted(name)},${step},${curve.times[index]},${curve.values[index]}`));
  return [`run,name,step,time,${quoted(metric)}`, ...rows, ""].join("\n");
}
