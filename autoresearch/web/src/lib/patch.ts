// A patch as files, hunks and lines, each line with its place and with what differs within it.

export type Kind = "same" | "added" | "removed";

export interface Line {
  kind: Kind;
  text: string;
  old: number | null;
  new: number | null;
  /** The part that differs from its counterpart, as first and last place. */
  marked: [number, number] | null;
}

export interface Hunk {
  about: string;
  lines: Line[];
}

export interface File {
  path: string;
  /** What happened to the whole file, where that is more than a change: "new", "removed", "from NAME", "binary". */
  fate: string;
  hunks: Hunk[];
  added: number;
  removed: number;
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/;

/** The files of a patch as git writes it, or of the difference of two trees. */
export function files(patch: string): File[] {
  const found: File[] = [];
  let file: File | undefined;
  let hunk: Hunk | undefined;
  let [old, fresh] = [0, 0];
  for (const line of patch.split("\n")) {
    // Within a hunk every line begins with another sign.
    if (line.startsWith("diff ")) {
      file = { path: pathOf(line), fate: "", hunks: [], added: 0, removed: 0 };
      found.push(file);
      hunk = undefined;
      continue;
    }
    if (file === undefined) continue;
    const head = HUNK.exec(line);
    if (head) {
      [old, fresh] = [Number(head[1]), Number(head[2])];
      hunk = { about: head[3] ?? "", lines: [] };
      file.hunks.push(hunk);
    } else if (hunk === undefined) {
      file.fate ||= fateOf(line);
    } else if (line.startsWith("+")) {
      file.added += 1;
      hunk.lines.push({ kind: "added", text: line.slice(1), old: null, new: fresh++, marked: null });
    } else if (line.startsWith("-")) {
      file.removed += 1;
      hunk.lines.push({ kind: "removed", text: line.slice(1), old: old++, new: null, marked: null });
    } else if (line.startsWith(" ")) {
      hunk.lines.push({ kind: "same", text: line.slice(1), old: old++, new: fresh++, marked: null });
    }
  }
  for (const each of found) for (const part of each.hunks) mark(part.lines);
  return found;
}

function pathOf(line: string): string {
  if (!line.startsWith("diff --git ")) return line.slice("diff ".length);
  const names = line.slice("diff --git ".length);
  const half = names.slice((names.length + 1) / 2);
  // Both names are alike but for a rename; one with unusual letters stands in quotes.
  const fresh = /^"?b\//.test(half) ? half : names.slice(Math.max(names.lastIndexOf(" b/"), names.lastIndexOf(' "b/')) + 1);
  return fresh.startsWith('"') ? fresh.slice(3, -1) : fresh.slice(2);
}

function fateOf(line: string): string {
  if (line.startsWith("new file")) return "new";
  if (line.startsWith("deleted file")) return "removed";
  if (line.startsWith("rename from ")) return `from ${line.slice(12)}`;
  if (/^(Binary|Omitted|Large) file differs/.test(line)) return line.toLowerCase();
  if (line.startsWith("Binary files") || line === "GIT binary patch") return "binary";
  return "";
}

/** Blocks of lines that changed, as pairs of what was removed and what stands there now. */
export function pairs(lines: readonly Line[]): [Line | null, Line | null][] {
  const found: [Line | null, Line | null][] = [];
  let index = 0;
  while (index < lines.length) {
    const line = lines[index]!;
    if (line.kind === "same") {
      found.push([line, line]);
      index += 1;
      continue;
    }
    const removed = run(lines, index, "removed");
    const added = run(lines, index + removed.length, "added");
    for (let row = 0; row < Math.max(removed.length, added.length); row += 1) found.push([removed[row] ?? null, added[row] ?? null]);
    index += removed.length + added.length;
  }
  return found;
}

function run(lines: readonly Line[], from: number, kind: Kind): Line[] {
  let to = from;
  while (lines[to]?.kind === kind) to += 1;
  return lines.slice(from, to);
}

function mark(lines: Line[]) {
  for (const [before, after] of pairs(lines)) {
    if (before === null || after === null || before === after) continue;
    const [a, b] = [before.text, after.text];
    let start = 0;
    while (start < a.length && a[start] === b[start]) start += 1;
    let end = 0;
    while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
    // Lines that have little in common are two lines, not a change of one.
    if (start + end < 0.3 * Math.max(a.trim().length, b.trim().length)) continue;
    before.marked = [start, a.length - end];
    after.marked = [start, b.length - end];
  }
}

export interface Piece {
  text: string;
  kind: "" | "comment" | "string" | "number" | "word";
  marked: boolean;
}

const WORDS = "and as async await break case class const continue def del elif else except export extends final finally fn for from function global if impl import in interface is lambda let match mut new nonlocal not or pass pub raise return self static struct switch this throw try type use var while with yield True False None true false null";
const HASHED = /\.(py|pyi|sh|bash|toml|ya?ml|rb|r|jl|mk|cfg|ini|conf)$|(^|\/)(Makefile|Dockerfile)$/i;
const PLAIN = /\.(md|txt|rst|csv|tsv|json|lock|html?)$/i;
const KNOWN = new Set(WORDS.split(" "));
const LONGEST = 400;

/** A line of code in pieces by what they are, split where what differs begins and ends. */
export function pieces(line: Line, path: string): Piece[] {
  const found: Piece[] = [];
  for (const [text, kind] of tokens(line.text, path)) {
    const from = found.reduce((sum, each) => sum + each.text.length, 0);
    const cuts = (line.marked ?? []).map((place) => place - from).filter((place) => place > 0 && place < text.length);
    let last = 0;
    for (const cut of [...new Set(cuts), text.length]) {
      const start = from + last;
      found.push({ text: text.slice(last, cut), kind, marked: line.marked !== null && start >= line.marked[0] && start < line.marked[1] });
      last = cut;
    }
  }
  return found;
}

function tokens(text: string, path: string): [string, Piece["kind"]][] {
  if (PLAIN.test(path) || text.length > LONGEST) return [[text, ""]];
  const comment = HASHED.test(path) ? "#.*" : "//.*|/\\*.*";
  const rule = new RegExp(`(?<comment>${comment})|(?<string>"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*'|\`[^\`]*\`)|(?<number>\\b\\d[\\w.]*)|(?<word>[A-Za-z_]\\w*)`, "g");
  const found: [string, Piece["kind"]][] = [];
  let last = 0;
  for (const each of text.matchAll(rule)) {
    const kind = (Object.entries(each.groups ?? {}).find(([, value]) => value !== undefined)?.[0] ?? "") as Piece["kind"];
    if (kind === "word" && !KNOWN.has(each[0])) continue;
    if (each.index > last) found.push([text.slice(last, each.index), ""]);
    found.push([each[0], kind]);
    last = each.index + each[0].length;
  }
  if (last < text.length) found.push([text.slice(last), ""]);
  return found;
}
