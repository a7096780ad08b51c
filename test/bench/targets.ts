import { startBareDeno, startBareWorkerd } from "./bare/bare.ts";
import { startCellTarget, startEdgesTarget } from "./cell-target.ts";
import { startGlobalTarget } from "./global-target.ts";
import { startBifrost } from "./peers/bifrost.ts";
import { startLitellm } from "./peers/litellm.ts";
import { startPortkey } from "./peers/portkey.ts";
import type { Skipped, Target } from "./process-target.ts";

type Start = (upstream: string, tenants: number) => Promise<Target | Skipped>;

/** All that a run can drive beside the upstream itself, in the order in which a full run does. */
export const TARGETS: Readonly<Record<string, Start>> = {
  "bare-deno": startBareDeno,
  "bare-workerd": startBareWorkerd,
  portkey: startPortkey,
  litellm: startLitellm,
  bifrost: startBifrost,
  deno: (upstream, tenants) => startCellTarget("deno", upstream, tenants),
  "deno-edges": startEdgesTarget,
  workerd: (upstream, tenants) => startCellTarget("workerd", upstream, tenants),
  global: startGlobalTarget,
  node: (upstream, tenants) => startCellTarget("node", upstream, tenants),
};

/** The cell's own targets: those which get as many tenants as are asked for, and which hold sums, records and rules. */
export const CELLS: readonly string[] = ["deno", "deno-edges", "workerd", "node"];
