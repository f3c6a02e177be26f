// One request to the API, and the one shape that its refusals have.

/** A refusal: what was wrong, what to do, and a stable code. Status 0: nobody answered. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const SMALL = 10_000;

type Given = Record<string, unknown>;

const KEY = "autoresearch-key";

/** How this page shows who it is: by the key of a local link, or by a cookie and the token of its session. */
export const proof = {
  key: localStorage.getItem(KEY),
  csrf: "",
  keep(key: string | null) {
    this.key = key;
    if (key === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, key);
  },
  headers(): Record<string, string> {
    return this.key === null ? {} : { Authorization: `Bearer ${this.key}` };
  },
};

/** Told when a request was refused because nobody is signed in any more. */
export const leaving: { call: () => void } = { call: () => undefined };

/** The address of an operation: names in braces are filled, the rest becomes the query. */
export function address(path: string, given: Given): string {
  const rest = new Map(Object.entries(given));
  const filled = path.replace(/\{(\w+)(?::path)?\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value));
  });
  const query = new URLSearchParams();
  for (const [name, value] of rest) {
    if (Array.isArray(value)) for (const each of value) query.append(name, String(each));
    else if (value !== undefined && value !== null) query.set(name, String(value));
  }
  const shown = query.toString();
  return shown ? `${filled}?${shown}` : filled;
}

async function send(method: string, path: string, given: Given, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = proof.headers();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && proof.csrf) headers["X-CSRF-Token"] = proof.csrf;
  let answer: Response;
  try {
    const sent = body === undefined ? null : JSON.stringify(body);
    // A change that was asked for arrives also when the page is left at once; browsers do that for small bodies alone.
    const keepalive = method !== "GET" && (sent?.length ?? 0) < SMALL;
    answer = await fetch(address(path, given), { method, headers, body: sent, keepalive });
  } catch {
    throw new Refusal(0, "unreachable", "The server does not answer.", "It is asked again by itself.");
  }
  if (answer.ok) return answer;
  const said = (await answer.json().catch(() => ({}))) as { error?: { code: string; message: string; hint: string } };
  if (answer.status === 401 && !path.startsWith("/v1/auth/")) leaving.call();
  const error = said.error ?? { code: "unknown", message: `The server answered ${answer.status}.`, hint: "" };
  throw new Refusal(answer.status, error.code, error.message, error.hint);
}

/** One request whose answer is JSON. */
export async function ask<T>(method: string, path: string, given: Given, body?: unknown): Promise<T> {
  const answer = await send(method, path, given, body);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

/** One request whose answer is text. */
export async function text(path: string, given: Given): Promise<string> {
  return (await send("GET", path, given)).text();
}

/** One request whose answer is bytes. */
export async function bytes(path: string, given: Given): Promise<Blob> {
  return (await send("GET", path, given)).blob();
}
