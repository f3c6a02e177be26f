// Numbers, times and names as people read them.

const places = new Map<number, Intl.NumberFormat>();

/** A score in about six significant digits, without a tail of zeros. */
export function score(value: number | null | undefined, digits = 6): string {
  if (value === null || value === undefined || Number.isNaN(Number(value))) return "–";
  const size = Math.abs(value);
  // What JSON cannot hold comes as the word for it.
  if (size === Infinity) return Number(value) > 0 ? "∞" : "−∞";
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3).replace("e+", "e").replace("-", "−");
  let format = places.get(digits);
  if (format === undefined) places.set(digits, (format = new Intl.NumberFormat("en-US", { maximumSignificantDigits: digits, useGrouping: size >= 10000 ? "always" : false })));
  return format.format(value).replace("-", "−");
}

/** A difference, with its sign. */
export function signed(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined) return "–";
  return value > 0 ? `+${score(value, digits)}` : score(value, digits);
}

export function percent(share: number, digits = 1): string {
  const value = 100 * share;
  return `${value.toFixed(Math.abs(value) >= 100 ? 0 : digits).replace("-", "−")}%`;
}

/** Large counts in few digits: 950, 12.4k, 3.1M. */
export function count(value: number): string {
  if (value < 10_000) return value.toLocaleString("en-US");
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(value < 10_000_000 ? 2 : 1)}M`;
}

export function dollars(value: number): string {
  return `$${value < 0.1 && value > 0 ? value.toFixed(3) : value.toFixed(2)}`;
}

/** A span of seconds in its two largest units. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const units: [number, string][] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([size]) => seconds >= size);
  const [size, name] = units[first] ?? [1, "s"];
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[0]) : 0;
  return `${Math.floor(seconds / size)} ${name}${rest && next ? ` ${rest} ${next[1]}` : ""}`;
}

/** How long ago, against a clock that the caller keeps going. */
export function ago(time: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} d ago`;
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function clock(time: string): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** The first line of a text, or as much of it as a line has room for. */
export function line(text: string, most = 240): string {
  const first = text.trimStart().split("\n", 1)[0] ?? "";
  return first.length > most ? `${first.slice(0, most)}…` : first;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** Text by others: letters that would turn the order of what stands around them are named instead. */
export function said(text: string): string {
  return text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (sign) => `⟨U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** A number of bytes. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}
