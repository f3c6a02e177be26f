// What an artifact's version was made from, and what was made from it: as a graph in layers, from left to right.

import type { Version } from "../api/generated";

export interface Node {
  id: string;
  /** Of an experiment nothing but its id is known here. */
  version: Version | null;
  /** Before the version that is asked about (negative) or after it. */
  layer: number;
  row: number;
}

export interface Graph {
  nodes: Node[];
  edges: [Node, Node][];
  /** How many stand in no layer any more. */
  left: number;
}

const FAR = 4;
const MOST = 7;

const named = (version: Version) => `${version.artifact}:${version.version}`;
const makers = (version: Version) => (version.producers.length || !version.produced_by ? version.producers : [version.produced_by]);

/** The graph around a version; each layer holds so many, the nearest ones first. */
export function ancestry(version: Version, all: readonly Version[]): Graph {
  const [made, used] = [new Map<string, Version[]>(), new Map<string, Version[]>()];
  for (const each of all) {
    for (const id of makers(each)) made.set(id, [...(made.get(id) ?? []), each]);
    for (const id of each.used_by) used.set(id, [...(used.get(id) ?? []), each]);
  }
  const nodes = new Map<string, Node>();
  const layers = new Map<number, number>();
  const edges = new Map<string, [Node, Node]>();
  const left = new Set<string>();
  const put = (id: string, of: Version | null, layer: number) => {
    const row = layers.get(layer) ?? 0;
    if (row >= MOST || Math.abs(layer) > FAR) return void left.add(id);
    layers.set(layer, row + 1);
    const node = { id, version: of, layer, row };
    nodes.set(id, node);
    left.delete(id);
    return node;
  };
  const walk = (from: Node[], way: 1 | -1) => {
    for (const node of from) {
      const next: [string, Version | null][] = node.version
        ? (way < 0 ? makers(node.version) : node.version.used_by).map((id) => [id, null])
        : ((way < 0 ? used : made).get(node.id) ?? []).map((each) => [named(each), each]);
      for (const [id, of] of next) {
        const known = nodes.get(id);
        const other = known ?? put(id, of, node.layer + way);
        if (!other) continue;
        const [a, b] = way > 0 ? [node, other] : [other, node];
        edges.set(`${a.id} ${b.id}`, [a, b]);
        if (!known) from.push(other);
      }
    }
  };
  const middle = put(named(version), version, 0)!;
  walk([middle], -1);
  walk([middle], 1);
  return { nodes: [...nodes.values()].sort((a, b) => a.layer - b.layer), edges: [...edges.values()], left: left.size };
}
