import { ROOT } from "../../../infra/local/command.mjs";
import type { Profile, ProfileNode } from "./inspector.ts";

/** A function under one caller, with the time of it and of all that it called, in microseconds. */
export interface Stack {
  name: string;
  area: string;
  us: number;
  selfUs: number;
  callees: Map<string, Stack>;
}

/** V8's names for what is no function. */
const NATIVE: Readonly<Record<string, string>> = {
  "(garbage collector)": "garbage collector",
  "(program)": "native code",
};
const NOT_WORK = new Set(["(idle)", "(root)"]);
/** What Deno tells its inspector of each request; without a profiler it does not run. */
const OF_THE_INSPECTOR = /inspector_network_bridge/;
const AREA_SEGMENTS = 2;
/** Between two samples that lie further apart the system ran something else; that is nobody's work. */
const GAP_US = 2_000;

/** Whose code a script is: two folders of the project, a package, or the runtime. */
export function areaOf(url: string): string {
  const path = url.replace(/^file:\/\//, "");
  const packaged = path.lastIndexOf("node_modules/");
  if (packaged >= 0) {
    const [scope = "", name = ""] = path.slice(packaged + "node_modules/".length).split("/");
    return scope.startsWith("@") ? `${scope}/${name}` : scope;
  }
  const own = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : path;
  if (/^(functions|durable|shared|policies|infra)\//.test(own)) return own.split("/").slice(0, AREA_SEGMENTS).join("/");
  return "runtime";
}

/** Which source a line of a bundle came from: the bundler writes each module's path above it. */
export function bundleSources(bundle: string): (line: number) => string {
  const sources: string[] = [];
  let current = "";
  for (const text of bundle.split("\n")) {
    current = /^\s*\/\/ ((?:functions|durable|shared|policies|infra|node_modules)\/\S+)$/.exec(text)?.[1] ?? current;
    sources.push(current);
  }
  return (line) => sources[line] ?? "";
}

/**
 * Merges a profile's samples into one tree of callers and callees, without the time in which nothing ran. Native time
 * belongs to whoever called it.
 */
export function stacksOf(
  profile: Profile,
  sourceOf: (node: ProfileNode) => string = (node) => node.callFrame.url,
): Stack {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const callers = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const root: Stack = { name: "all", area: "", us: 0, selfUs: 0, callees: new Map() };
  profile.samples.forEach((sample, i) => {
    const us = Math.min(profile.timeDeltas[i] ?? 0, GAP_US);
    const path: ProfileNode[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = callers.get(id)) {
      const node = nodes.get(id);
      if (node) path.unshift(node);
    }
    const last = path.at(-1)?.callFrame.functionName ?? "(idle)";
    if (NOT_WORK.has(last) || path.some(({ callFrame }) => OF_THE_INSPECTOR.test(callFrame.url))) return;
    let at = root;
    root.us += us;
    for (const node of path) {
      const { functionName } = node.callFrame;
      if (NOT_WORK.has(functionName)) continue;
      const source = sourceOf(node);
      const area = NATIVE[functionName] ?? (source === "" ? at.area || "runtime" : areaOf(source));
      const name = functionName || "(anonymous)";
      const key = `${name} ${source}`;
      const next = at.callees.get(key) ?? { name, area, us: 0, selfUs: 0, callees: new Map() };
      at.callees.set(key, next);
      next.us += us;
      at = next;
    }
    at.selfUs += us;
  });
  return root;
}

/** Share of each area in all work, largest first. */
export function sharesOf(root: Stack): { area: string; share: number }[] {
  const byArea = new Map<string, number>();
  const add = (stack: Stack): void => {
    if (stack.selfUs > 0) byArea.set(stack.area, (byArea.get(stack.area) ?? 0) + stack.selfUs);
    for (const callee of stack.callees.values()) add(callee);
  };
  add(root);
  return [...byArea].map(([area, us]) => ({ area, share: us / root.us })).sort((a, b) => b.share - a.share);
}
