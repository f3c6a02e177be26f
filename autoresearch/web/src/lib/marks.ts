// Stars, and what is out of the way: both are tags, so that conditions, the command line and every other client know them.

import * as api from "../api/generated";

export type Mark = "starred" | "archived";
export const MARKS: readonly string[] = ["starred", "archived"] satisfies Mark[];

export const has = (run: api.Run, mark: Mark) => run.tags.includes(mark);

/** Put a mark on some runs, or take it off. */
export const mark = (runs: readonly api.Run[], name: Mark, on: boolean) =>
  Promise.all(runs.map(({ id }) => api.editRun({ run_id: id }, on ? { add_tags: [name] } : { remove_tags: [name] })));
