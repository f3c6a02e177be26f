// What runs raised alarm about: events of the ledger, found without reading those from before the run began.

import * as api from "../api/generated";

export interface Alert {
  seq: number;
  title: string;
  text: string;
  level: "info" | "warn" | "error";
  at: string;
}

const PAGE = 1000;
const MOST = 20;

/** The number of an event of the project before which nothing happened since a time. */
async function since(project: string, at: string, newest: number): Promise<number> {
  const time = Date.parse(at);
  let [low, high] = [0, newest];
  while (high - low > PAGE) {
    const middle = Math.floor((low + high) / 2);
    const [event] = (await api.listChanges({ project, limit: 1, cursor: String(middle) })).items;
    if (event === undefined || Date.parse(event.recorded_at) >= time) high = middle;
    else low = event.seq;
  }
  return low;
}

/** Alerts of a run, the newest first. */
export async function alertsOf(run: api.Run): Promise<Alert[]> {
  const { seq } = await api.getBootstrap({ limit: 1 });
  let cursor: string | null = String(await since(run.project, run.started_at, seq));
  const found: Alert[] = [];
  for (let page = 0; page < MOST && cursor !== null; page += 1) {
    const events: api.PageEvent = await api.listChanges({ project: run.project, limit: PAGE, cursor });
    for (const { kind, subject, seq: number, after, recorded_at } of events.items) {
      if (kind === "run.alert" && subject === run.id && after) found.push({ seq: number, at: recorded_at, title: String(after["title"]), text: String(after["text"] ?? ""), level: (after["level"] as Alert["level"]) ?? "info" });
    }
    cursor = events.next_cursor;
    if (run.ended_at && Date.parse(events.items.at(-1)?.recorded_at ?? run.ended_at) > Date.parse(run.ended_at) + 600_000) break;
  }
  return found.reverse();
}
