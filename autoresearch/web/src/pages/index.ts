// The pages of a project, in the order of the tabs. Each is loaded when it is first shown.

import type { Component } from "svelte";

interface Page {
  title: string;
  load: () => Promise<{ default: Component }>;
  /** Name of the page whose tab it belongs to, where it has none of its own. */
  below?: string;
}

export const PAGES: Record<string, Page> = {
  project: { title: "Overview", load: () => import("./Project.svelte") },
  experiments: { title: "Experiments", load: () => import("./Experiments.svelte") },
  experiment: { title: "Experiment", load: () => import("./Experiment.svelte"), below: "experiments" },
  compare: { title: "Comparison", load: () => import("./Compare.svelte"), below: "experiments" },
  runs: { title: "Runs", load: () => import("./Runs.svelte") },
  run: { title: "Run", load: () => import("./Run.svelte"), below: "runs" },
  comparison: { title: "Runs side by side", load: () => import("./Comparison.svelte"), below: "runs" },
  artifacts: { title: "Artifacts", load: () => import("./Artifacts.svelte") },
  context: { title: "Context", load: () => import("./Context.svelte") },
  people: { title: "People and keys", load: () => import("./People.svelte"), below: "people" },
};
