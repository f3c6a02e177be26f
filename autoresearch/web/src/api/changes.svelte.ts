// What changes on the server, as it tells it: one stream for the whole page, resumed where it broke off.

import { address, leaving, proof } from "./asking";
import type { Event as Change } from "./generated";

/** A change, or (without a kind) that some may have been missed and everything is to be looked at again. */
export type News = Pick<Change, "kind" | "project" | "subject" | "after"> | null;

const SILENCE = 40_000;
const PATIENCE = [500, 1000, 2000, 4000];

class Changes {
  /** Whether the stream is up; the page says so when it is not. */
  connected = $state(true);
  #listeners = new Set<(news: News) => void>();
  #last = 0;
  #stop: AbortController | null = null;
  #failures = 0;

  /** Be told of every change; answers how to be told no more. */
  listen(listener: (news: News) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follow from the event with this number on. */
  follow(after: number) {
    this.#last = after;
    this.end();
    const stop = (this.#stop = new AbortController());
    void this.#run(stop.signal);
  }

  end() {
    this.#stop?.abort();
    this.#stop = null;
  }

  /** A hidden page lets go of its connection, of which a browser has only six for each server. */
  rest(hidden: boolean) {
    if (hidden) this.end();
    else if (this.#stop === null) this.follow(this.#last);
  }

  async #run(stop: AbortSignal) {
    while (!stop.aborted) {
      try {
        await this.#read(stop);
      } catch {
        // The stream broke off: it is opened again below.
      }
      if (stop.aborted) return;
      this.#failures += 1;
      if (this.#failures > 1) this.connected = false;
      const pause = PATIENCE[Math.min(this.#failures, PATIENCE.length) - 1] ?? 0;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #read(stop: AbortSignal) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE);
    const headers = { ...proof.headers(), "Last-Event-ID": String(this.#last) };
    const signal = AbortSignal.any([stop, silence.signal]);
    try {
      const answer = await fetch(address("/v1/events", {}), { headers, signal });
      if (answer.status === 401) leaving.call();
      if (!answer.ok || answer.body === null) throw new Error(String(answer.status));
      if (!this.connected) this.#tell(null);
      this.connected = true;
      this.#failures = 0;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE);
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop() ?? "";
        blocks.forEach((block) => this.#take(block));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take(block: string) {
    const fields = new Map(block.split("\n").map((line) => [line.split(":", 1)[0] ?? "", line.slice(line.indexOf(":") + 1).trim()]));
    const data = fields.get("data");
    if (data === undefined) return;
    const id = Number(fields.get("id"));
    if (id) this.#last = id;
    const said = JSON.parse(data) as Partial<Change>;
    this.#tell({ kind: fields.get("event") ?? "", project: said.project ?? null, subject: said.subject ?? "", after: said.after ?? null });
  }

  #tell(news: News) {
    for (const listener of [...this.#listeners]) listener(news);
  }
}

export const changes = new Changes();
