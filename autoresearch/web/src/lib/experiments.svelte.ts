// All experiments of a project, kept current one by one: a list of thousands is not asked for again because one was judged.

import * as api from "../api/generated";
import { Refusal } from "../api/asking";
import { changes, type News } from "../api/changes.svelte";
import { awaited } from "./live.svelte";
import type { Beside } from "./steps.svelte";

// A screenful is there at once, also over a slow connection.
const [FIRST, PAGE] = [60, 1000];
const QUIET = 150;
const MANY = 20;

class Experiments {
  /** Newest first; grows while they are being read. */
  list = $state.raw<api.Experiment[]>([]);
  /** Whether all of them are there. */
  whole = $state(false);
  fault = $state.raw<Refusal | null>(null);
  #project: string | null = null;
  #known = new Map<string, api.Experiment>();
  #changed = new Set<string>();
  /** What changed while the list was read: an answer that was on its way by then tells of it as it was. */
  #overtaken = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #round = 0;

  constructor() {
    changes.listen((news) => this.#hear(news));
  }

  /** Have those of a project; what is there already is not read again. */
  of(project: string) {
    if (project === this.#project) return;
    this.#project = project;
    this.#known.clear();
    this.list = [];
    awaited.add(1);
    void this.#read().finally(() => awaited.add(-1));
  }

  again() {
    void this.#read();
  }

  /** The numbers of those recorded just before and just after one; of 0, which stands for one that is not known, nothing is. */
  beside(number: number): Beside {
    if (!number) return { before: undefined, after: undefined };
    // They count up from 1 without a gap: the newest says whether there is a next one, whatever of the list is still on its way.
    const newest = this.list[0]?.number;
    return { before: number > 1 ? number - 1 : null, after: newest === undefined ? undefined : number < newest ? number + 1 : null };
  }

  async #read() {
    const [project, round] = [this.#project, (this.#round += 1)];
    if (project === null) return;
    this.whole = false;
    this.#overtaken.clear();
    try {
      let cursor: string | null = null;
      do {
        const page: api.PageExperiment = await api.listExperiments({ project, newest_first: true, limit: this.#known.size ? PAGE : FIRST, cursor });
        if (round !== this.#round) return;
        this.#take(page.items);
        cursor = page.next_cursor ?? null;
      } while (cursor !== null);
      [this.whole, this.fault] = [true, null];
      this.#note([...this.#overtaken]);
    } catch (error) {
      if (round === this.#round) this.fault = error as Refusal;
    }
  }

  #take(some: readonly api.Experiment[]) {
    for (const each of some) this.#known.set(each.id, each);
    this.list = [...this.#known.values()].sort((a, b) => b.number - a.number);
  }

  #hear(news: News) {
    if (this.#project === null || (news !== null && news.project !== this.#project)) return;
    if (news === null || news.kind.startsWith("segment.")) return void this.#read();
    if (!/^(experiment|decision|frontier)\./.test(news.kind)) return;
    this.#note([news.subject, ...named(news.after)]);
  }

  #note(ids: readonly string[]) {
    for (const id of ids) {
      this.#changed.add(id);
      if (!this.whole) this.#overtaken.add(id);
    }
    if (ids.length) this.#timer ??= setTimeout(() => void this.#look(), QUIET);
  }

  async #look() {
    this.#timer = undefined;
    const ids = [...this.#changed];
    this.#changed.clear();
    if (ids.length > MANY) return this.#read();
    const round = this.#round;
    const found = await Promise.all(ids.map((id) => api.getExperiment({ experiment_id: id }).catch(() => null)));
    if (round === this.#round) this.#take(found.filter((each) => each !== null));
  }
}

// A change that speaks of experiments beside its subject names them by their ids.
const named = (after: Record<string, unknown> | null): string[] =>
  Object.entries(after ?? {}).flatMap(([name, value]) => (/experiment(_id)?$|^(best|steps)$/.test(name) ? [value].flat().filter((each) => typeof each === "string") : []));

export const experiments = new Experiments();
