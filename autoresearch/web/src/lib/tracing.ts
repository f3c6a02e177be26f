// How a line goes over a chart: for a canvas and for a file alike.

import type uPlot from "uplot";
import type { Bundle } from "./bands";
import { nearest, type Points } from "./curves";

/** What can be drawn with: a path of a canvas, or one that is written down. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  closePath(): void;
  dot(x: number, y: number): void;
}

export class CanvasPen extends Path2D implements Pen {
  dot(x: number, y: number) {
    const size = 3 * devicePixelRatio;
    this.moveTo(x + size, y);
    this.arc(x, y, size, 0, 2 * Math.PI);
  }
}

/** From values to places on the chart; what has none (zero on a log scale) gives no finite number. */
export function scaled(plot: uPlot, key: "x" | "y", from: number, size: number): (value: number) => number {
  const { min = 0, max = 1, distr } = plot.scales[key]!;
  const of = distr === 3 ? Math.log10 : (value: number) => value;
  const [first, span] = [of(min!), of(max!) - of(min!)];
  return (value) => from + ((of(value) - first) / span) * size;
}

type Way = (value: number) => number;

/** Whether a line goes through so few points that these have to be seen themselves. */
export const sparse = ({ x, y }: Points) => x.length < 30 && y.reduce((sum, value) => sum + Number(!Number.isNaN(value)), 0) < 3;

/** A line through its points that are near what is shown, broken where it has no value; a point with none beside it, or only one more, is a dot. */
export function trace(pen: Pen, { x, y }: Points, across: Way, up: Way, [first, last]: [number, number]) {
  const few = sparse({ x, y });
  const end = Math.min(x.length, nearest(x, last) + 2);
  let size = 0;
  let [left, top] = [0, 0];
  for (let index = Math.max(0, nearest(x, first) - 1); index < end; index += 1) {
    const height = up(y[index]!);
    if (Number.isFinite(height)) {
      [left, top] = [across(x[index]!), height];
      if (size) pen.lineTo(left, top);
      else pen.moveTo(left, top);
      size += 1;
      if (few) pen.dot(left, top);
      if (few) pen.moveTo(left, top);
      if (index + 1 < end) continue;
    }
    if (size === 1 && !few) pen.dot(left, top);
    size = 0;
  }
}

/** The band around a mean: along its upper edge and back along the lower one, as far as both go on. */
export function shade(pen: Pen, { x, low, high }: Bundle, across: Way, up: Way) {
  let begun = -1;
  for (let index = 0; index <= x.length; index += 1) {
    const whole = index < x.length && Number.isFinite(up(low[index]!)) && Number.isFinite(up(high[index]!));
    if (whole && begun < 0) pen.moveTo(across(x[(begun = index)]!), up(high[index]!));
    else if (whole) pen.lineTo(across(x[index]!), up(high[index]!));
    else if (begun >= 0) {
      for (let back = index - 1; back >= begun; back -= 1) pen.lineTo(across(x[back]!), up(low[back]!));
      pen.closePath();
      begun = -1;
    }
  }
}
