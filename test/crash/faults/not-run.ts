import type { FaultId, StepId } from "./matrix.ts";

const STANDING =
  "standing still is made under calls, streams, jobs and leases (`cell-frozen`, `worker-frozen-*`); this step was not what stood still";
const ONE_DISK =
  "a full disk and failing syncs are made under one cell without workers, approvals and receivers; the step writes through the same object host as those that are";
const OTHER_OBJECT =
  "the file of a tenant's object is what was damaged; the step's own object lies in a file of the same layer, which was not";
const OWN_CLOCK = "the clock jumps under a cell without workers; a lease is counted on the cell's clock alone";
const LIMITER = "the limiter of the embedded cell counts in memory; no test moves the clock under Upstash's";
const APPROVALS = "the clock jumps forward behind a killed run (`approved-killed`), not under one that lives";

/** Pairs that no test makes here, each with its reason. */
export const NOT_RUN: Readonly<Partial<Record<`${FaultId}/${StepId}`, string>>> = {
  "freeze/keyed": STANDING,
  "freeze/batch-window": STANDING,
  "freeze/batch-output": STANDING,
  "freeze/seal": STANDING,
  "freeze/policy": STANDING,
  "freeze/approval": STANDING,
  "freeze/keys": STANDING,
  "freeze/callback": STANDING,
  "freeze/file": STANDING,
  "freeze/provisioning": STANDING,
  "freeze/erasure": STANDING,
  "disk-full/flush": ONE_DISK,
  "disk-full/approval": ONE_DISK,
  "disk-full/callback": ONE_DISK,
  "sync-error/flush": ONE_DISK,
  "sync-error/approval": ONE_DISK,
  "sync-error/callback": ONE_DISK,
  "damage/keyed": OTHER_OBJECT,
  "damage/log": OTHER_OBJECT,
  "damage/flush": OTHER_OBJECT,
  "damage/batch-window": OTHER_OBJECT,
  "damage/batch-output": OTHER_OBJECT,
  "damage/approval": OTHER_OBJECT,
  "damage/callback": OTHER_OBJECT,
  "damage/provisioning": OTHER_OBJECT,
  "damage/erasure": OTHER_OBJECT,
  "clock-forward/lease": OWN_CLOCK,
  "clock-back/lease": OWN_CLOCK,
  "clock-forward/approval": APPROVALS,
  "clock-back/approval": APPROVALS,
  "clock-forward/preauth": LIMITER,
  "clock-back/preauth": LIMITER,
};
