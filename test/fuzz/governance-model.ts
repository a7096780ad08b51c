import type { Person } from "../support/approvals-desk.ts";
import type { Asked } from "./steps.ts";

/** What a policy of these sequences does to inference; everything else it allows. */
export type Effect = "allow" | "deny" | "ask";
export interface Bundle {
  revision: number;
  effect: Effect;
  archive: Uint8Array;
  /** What was active when it was put in force. */
  before: number | null;
}
/** Kept by the cell, and never taken back: what callers of one tenant did. */
export interface Approval {
  id: string;
  mark: string;
  digest: string;
  state: "pending" | "approved" | "rejected";
}
export interface Task {
  id: string;
  mark: string;
  /** Of a background response: what deletes it. */
  response: string | null;
  /** As it was first seen to have ended: it never says anything else again. */
  ended: { status: string; cost: number } | null;
  events: string | null;
  deleted: boolean;
}
export interface Model {
  bundles: Bundle[];
  active: number | null;
  canary: { revision: number; percent: number } | null;
  approvals: Approval[];
  tasks: Task[];
}
export interface Real extends Asked {
  requester: Person;
  approver: Person;
  /** The version of the tenant's policy as it was told last. */
  version: number;
}

export const effectOf = ({ bundles, active }: Readonly<Model>): Effect =>
  bundles.find(({ revision }) => revision === active)?.effect ?? "allow";

/** What the layer says of itself, without digests. */
export const inForce = ({ active, canary }: Readonly<Model>) => ({
  active: active === null ? null : { revision: active },
  canary,
});

const bundleAt = (model: Model, revision: number | null) => model.bundles.find((one) => one.revision === revision);

/** What becomes of putting a revision in force for all, as `PUT`, activate and roll back document it. */
export function activated(model: Model, revision: number, rollback: boolean): 200 | 404 | 409 {
  const bundle = bundleAt(model, revision);
  if (!bundle) return 404;
  const newer = model.active === null || revision > model.active;
  if (!newer && revision !== model.active && !rollback) return 409;
  if (newer) bundle.before = model.active;
  model.active = revision;
  model.canary = null;
  return 200;
}

export function canaried(model: Model, revision: number, percent: number): 200 | 404 | 409 {
  if (!bundleAt(model, revision)) return 404;
  if (model.active !== null && revision <= model.active) return 409;
  model.canary = { revision, percent };
  return 200;
}

/** Back to what was active before; 404 where nothing is. */
export function takenBack(model: Model): 200 | 404 {
  if (model.active === null) return 404;
  model.active = bundleAt(model, model.active)?.before ?? null;
  model.canary = null;
  return 200;
}
