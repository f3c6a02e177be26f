// What is said of runs in tables: their settings by dotted name, and which of them differ.

import type { Run } from "../api/generated";
import { score } from "./format";

/** Settings of a run by dotted name. */
export function flat(config: Record<string, unknown>, prefix = ""): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(config)) {
    const whole = prefix ? `${prefix}.${name}` : name;
    if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length) {
      for (const [inner, each] of flat(value as Record<string, unknown>, whole)) found.set(inner, each);
    } else found.set(whole, value);
  }
  return found;
}

export interface Row {
  name: string;
  /** One for each run, undefined where it has none. */
  values: unknown[];
  differs: boolean;
}

/** The values of several runs side by side, in order of name. */
export function sideBySide(all: readonly Map<string, unknown>[]): Row[] {
  const names = [...new Set(all.flatMap((each) => [...each.keys()]))].sort((a, b) => a.localeCompare(b));
  return names.map((name) => {
    const values = all.map((each) => each.get(name));
    const differs = new Set(values.map((value) => (Number.isNaN(value) ? "NaN" : JSON.stringify(value)))).size > 1;
    return { name, values, differs };
  });
}

/** What a run measured: its latest values (null stands for NaN in JSON), and over them what its summary says. */
export function measured(run: Run): Map<string, unknown> {
  const found = new Map<string, unknown>(Object.entries(run.latest).map(([name, value]) => [name, value ?? NaN]));
  for (const [name, value] of flat(run.summary)) found.set(name, value);
  return found;
}

/** A setting or a value as it stands in a cell. */
export function shown(value: unknown): string {
  if (value === undefined) return "–";
  if (value === null) return "null";
  if (Number.isNaN(value)) return "NaN";
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 1e7 ? String(value).replace("-", "−") : score(value, 5);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Seconds that a run took, or takes already. */
export function took(run: Run, now: number): number {
  return Math.max(0, ((run.ended_at ? Date.parse(run.ended_at) : now) - Date.parse(run.started_at)) / 1000);
}

const OPERATOR = /!=|<=|>=|==|=|<|>|~/;

/** The conditions of a filter as the server takes them: parts joined by `and` or `;`; a bare word is looked for in the name. */
export function conditions(filter: string): string[] {
  return filter.split(/\s+and\s+|;/i).map((part) => part.trim()).filter(Boolean)
    .map((part) => (OPERATOR.test(part) ? part : `name ~ ${JSON.stringify(part)}`));
}
