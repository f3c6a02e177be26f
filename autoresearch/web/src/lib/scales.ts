// From values to places on a chart.

export interface Scale {
  (value: number): number;
  low: number;
  high: number;
}

/** A straight scale from a span of values to a span of pixels. */
export function scale(low: number, high: number, from: number, to: number): Scale {
  // By halves, so that a span of the largest numbers there are is one.
  const span = high / 2 - low / 2;
  return Object.assign((value: number) => from + (span === 0 ? 0 : ((value / 2 - low / 2) / span) * (to - from)), { low, high });
}

/** Round values within a span, about as many as asked for. */
export function ticks(low: number, high: number, about: number): number[] {
  if (!(high > low)) return [low];
  if (high - low === Infinity) return [low, high];
  const rough = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const found: number[] = [];
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9 && found.length < 100; index += 1) found.push(Number((index * step).toPrecision(12)));
  return [...new Set(found)];
}

/** Tick labels with just as many decimals as tell them apart. */
export function labels(values: readonly number[]): string[] {
  const step = values.length > 1 ? Math.abs(values[1]! - values[0]!) : Math.abs(values[0] ?? 1);
  const size = Math.max(...values.map(Math.abs), 0);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return values.map((value) => (value === 0 ? "0" : value.toExponential(1).replace("e+", "e").replace(/-/g, "−")));
  let decimals = Math.min(8, Math.max(0, -Math.floor(Math.log10(step || 1) + 1e-9)));
  // Steps of 0.25 have one more than their size says.
  while (decimals < 8 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals += 1;
  return values.map((value) => value.toFixed(decimals).replace("-", "−"));
}

/** The value below which a share of sorted values lies. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  const part = place - Math.floor(place);
  return below * (1 - part) + above * part;
}
