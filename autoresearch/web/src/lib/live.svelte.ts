// Data that keeps itself current: loaded when what it depends on changes, and again when the server tells of a change.

import { untrack } from "svelte";
import { Refusal } from "../api/asking";
import { changes, type News } from "../api/changes.svelte";

const QUIET = 150;
const AGAIN = 2000;

/** How much of what the page shows has been asked for and is not there yet; what is only looked at again does not count. */
class Awaited {
  count = $state(0);

  add(number: 1 | -1) {
    untrack(() => (this.count += number));
  }
}

export const awaited = new Awaited();

/** Something of the server; made while a component is being set up, and ended with it. */
export class Live<T> {
  /** What was loaded last; kept while newer is on its way, or cannot be had. */
  value = $state.raw<T>();
  /** Why nothing could be loaded; null when all is well. */
  fault = $state.raw<Refusal | null>(null);
  #load: () => Promise<T> | null;
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #stale = false;
  #first = false;

  /**
   * @param load Asks the server; what it reads of the page's state makes it run again. Null: there is nothing to load now.
   * @param concerns Whether a change on the server is one of this; null stands for changes that may have been missed.
   */
  constructor(load: () => Promise<T> | null, concerns: (news: NonNullable<News>) => boolean) {
    this.#load = load;
    $effect(() => {
      this.value = undefined;
      this.#asked += 1;
      this.#busy = false;
      const loading = load();
      this.#await(loading !== null);
      this.#run(loading);
      const over = changes.listen((news) => {
        if (news === null || concerns(news)) this.#soon(QUIET);
      });
      return () => {
        over();
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#asked += 1;
        this.#await(false);
      };
    });
  }

  /** Load it again from time to time: what is on its way comes first, however slow it is. */
  look() {
    if (!this.#busy) this.again();
  }

  /** Load it again now. */
  again() {
    this.#run(this.#load());
  }

  #await(first: boolean) {
    if (first !== this.#first) awaited.add(first ? 1 : -1);
    this.#first = first;
  }

  // Many changes that come together are one reason to look.
  #soon(pause: number) {
    if (this.#busy) this.#stale = true;
    else this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.again();
    }, pause);
  }

  #run(loading: Promise<T> | null) {
    if (loading === null) return;
    const number = (this.#asked += 1);
    this.#busy = true;
    this.#stale = false;
    loading.then(
      (value) => this.#done(number, () => {
        this.value = value;
        this.fault = null;
      }),
      (error: unknown) => this.#done(number, () => {
        this.fault = error instanceof Refusal ? error : new Refusal(1, "page", String(error), "Reload the page.");
        if (this.fault.passing) this.#soon(AGAIN);
      }),
    );
  }

  #done(number: number, take: () => void) {
    if (number !== this.#asked) return;
    this.#busy = false;
    const stale = this.#stale;
    take();
    this.#await(false);
    if (stale) this.#soon(QUIET);
  }
}

/** Every item of a list that comes in pages. */
export async function all<T>(page: (cursor: string | null) => Promise<{ items: T[]; next_cursor?: string | null }>, most = Infinity): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const { items, next_cursor } = await page(cursor);
    found.push(...items);
    cursor = next_cursor ?? null;
  } while (cursor !== null && found.length < most);
  return found;
}
