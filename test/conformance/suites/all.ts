import { describe } from "vitest";
import type { CellRuntime } from "../../support/cell.ts";
import { createLab, type Lab } from "../../support/lab.ts";
import { approvalShapesSuite } from "./approval-shapes.ts";
import { approvalsSuite } from "./approvals.ts";
import { backgroundSuite } from "./background.ts";
import { badInputSuite } from "./bad-input.ts";
import { batchesSuite } from "./batches.ts";
import { chatSuite } from "./chat.ts";
import { cutStreamsSuite } from "./cut-streams.ts";
import { documented } from "./documented.ts";
import { erasuresSuite } from "./erasures.ts";
import { examplesSuite } from "./examples.ts";
import { filesSuite } from "./files.ts";
import { idempotencySuite } from "./idempotency.ts";
import { identitySuite } from "./identity.ts";
import { keepAlive } from "./keep-alive.ts";
import { keysDocumentSuite } from "./keys-document.ts";
import { ledgerLogSuite } from "./ledger-log.ts";
import { listedObjects } from "./listed-objects.ts";
import { metricsSuite } from "./metrics.ts";
import { moneySuite } from "./money.ts";
import { obligationsSuite } from "./obligations.ts";
import { policiesSuite } from "./policies.ts";
import { policyExpirySuite } from "./policy-expiry.ts";
import { policyKeysSuite } from "./policy-keys.ts";
import { poolsSuite } from "./pools.ts";
import { predictSuite } from "./predict.ts";
import { queueLaneSuite } from "./queue-lane.ts";
import { responsesSuite } from "./responses.ts";
import { routingSuite } from "./routing.ts";
import { smokeSuite } from "./smoke.ts";
import { socketsSuite } from "./sockets.ts";
import { streamsSuite } from "./streams.ts";
import { surfacesSuite } from "./surfaces.ts";
import { tasksSuite } from "./tasks.ts";
import { unauthorisedSuite } from "./unauthorised.ts";
import { usageSuite } from "./usage.ts";

export type Suite = (lab: Lab) => void;

/** What every runtime must do alike. */
export const ALL_SUITES: readonly Suite[] = [
  chatSuite,
  surfacesSuite,
  responsesSuite,
  erasuresSuite,
  streamsSuite,
  cutStreamsSuite,
  idempotencySuite,
  moneySuite,
  obligationsSuite,
  usageSuite,
  ledgerLogSuite,
  routingSuite,
  tasksSuite,
  backgroundSuite,
  socketsSuite,
  queueLaneSuite,
  poolsSuite,
  predictSuite,
  identitySuite,
  keysDocumentSuite,
  policiesSuite,
  policyKeysSuite,
  policyExpirySuite,
  approvalsSuite,
  approvalShapesSuite,
  badInputSuite,
  metricsSuite,
  smokeSuite,
  examplesSuite,
  filesSuite,
  batchesSuite,
  unauthorisedSuite,
];

/** The same in two halves of about one length, for cells that stand beside each other. */
export const FIRST_HALF = ALL_SUITES.slice(0, ALL_SUITES.indexOf(predictSuite) + 1);
export const SECOND_HALF = ALL_SUITES.slice(FIRST_HALF.length);

/** Runs suites against one cell of the given runtime; with `edges`, so many of them before objects in another process. */
export function conform(runtime: CellRuntime, suites: readonly Suite[] = ALL_SUITES, edges?: number): void {
  const split = edges === undefined ? "" : `, with ${edges} edges and its objects in processes of their own`;
  describe(`the cell on ${runtime}${split}`, () => {
    const lab = createLab(runtime, edges);
    const documents = documented(lab);
    const silence = keepAlive(lab);
    for (const suite of suites) suite(lab);
    silence.check();
    if (runtime !== "workerd") listedObjects(lab).check();
    documents.check();
  });
}
