import { spend } from "../meter.ts";
import { type OObject, OSet, type Value } from "../value.ts";
import { builtin, type Family, list, object } from "./operands.ts";

const neighbours = (graph: OObject, node: Value): readonly Value[] | undefined => {
  const edges = graph.get(node);
  if (edges === undefined) return undefined;
  if (Array.isArray(edges)) return edges;
  return edges instanceof OSet ? edges.sorted() : [];
};

function reachable(args: readonly Value[]): OSet {
  const graph = object(args, 0);
  const queue = [...list(args, 1)];
  const reached = new OSet();
  for (const node of queue) {
    spend(1);
    const next = neighbours(graph, node);
    if (next === undefined || reached.has(node)) continue;
    reached.add(node);
    for (const neighbour of next) if (!reached.has(neighbour)) queue.push(neighbour);
  }
  return reached;
}

/** Adds every path that goes on from `path` to `node` until it ends, leaves the graph or closes a cycle. */
function extend(graph: OObject, node: Value, path: readonly Value[], seen: OSet, found: OSet): void {
  spend(1 + path.length);
  const next = neighbours(graph, node);
  const longer = next === undefined ? [...path] : [...path, node];
  if (next === undefined || next.length === 0) {
    found.add(longer);
    return;
  }
  const visited = OSet.of([...seen.sorted(), node]);
  for (const neighbour of next) {
    if (visited.has(neighbour)) found.add(longer);
    else extend(graph, neighbour, longer, visited, found);
  }
}

function reachablePaths(args: readonly Value[]): OSet {
  const graph = object(args, 0);
  const found = new OSet();
  for (const node of list(args, 1)) {
    const next = neighbours(graph, node);
    if (next === undefined) continue;
    if (next.length === 0) found.add([node]);
    for (const neighbour of next) extend(graph, neighbour, [node], OSet.of([node]), found);
  }
  return found;
}

export const GRAPH: Family = {
  "graph.reachable": builtin(2, reachable),
  "graph.reachable_paths": builtin(2, reachablePaths),
};
