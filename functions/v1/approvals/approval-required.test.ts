import { describe, expect, it, vi } from "vitest";
import { Actor } from "../../../shared/contracts/actor.ts";
import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { tenantState } from "../../../test/support/identity.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Operation } from "../operation.ts";
import { approvalRequired } from "./approval-required.ts";

const actor = Actor.parse({
  scopes: { tenant: "acme", workspace: "default", project: "default", environment: "production" },
  subject: "user:dana",
  kind: "user",
  roles: ["developer"],
  granted: ["*"],
  acr: null,
  amr: [],
  credential: "key:000000000000",
  kid: "000000000000",
  cell_operator: false,
  act: [],
});
const FINISHED_MS = 1_800_000_000_000;
const ASKED_ANEW = new Error("a new approval is asked for");

/** The same request under the same key, when its approved run ended some time ago. */
async function again(
  agoMs: number,
  { admitted = true, finished_ms = FINISHED_MS as UnixMs | null } = {}, // safe because: milliseconds
) {
  const run = { state: "done", task: "task_1", verdicts: [], subject: { kind: "operation", digest: "d" }, finished_ms };
  const deps = {
    clock: { now: () => FINISHED_MS + agoMs },
    keyring: { openDataKey: async () => new Uint8Array(32) },
    tenants: {
      findApproval: async () => ok(run as unknown as ApprovalRecord), // safe because: nothing else of it is read
      task: async () => (admitted ? ok({}) : err({ reason: "not_found" })),
    },
    tasks: {
      putPayload: async () => {
        throw ASKED_ANEW;
      },
    },
  } as unknown as Deps; // safe because: nothing else is touched before an approval is asked for
  const operation = { id: "chat.completions.create", gate: "governed", media: "application/json" } as Operation; // safe because: nothing else of it is read
  const call = {
    tenant: tenantState("acme"),
    snapshot: { tenants: {} },
    actor,
    idempotencyKey: "k",
    body: {},
    rawBody: utf8("{}"),
    headers: new Headers(),
    task: "task_2",
  } as unknown as Call; // safe because: nothing else of it is read
  const proceed = vi.fn(async () => ({ kind: "value" as const, value: null }));
  const outcome = await approvalRequired(deps, operation, call, { record: async () => {}, proceed }).catch(
    (thrown: unknown) => thrown,
  );
  return { outcome, proceeded: proceed.mock.calls.length > 0 };
}

describe("an approval whose run is over", () => {
  it("gives its requester the run's answer while there is one", async () => {
    expect((await again(LIMITS.idempotentResultMsMax - 1)).proceeded).toBe(true);
  });

  it("is told to be over when its answer is forgotten, so that nothing runs under it again", async () => {
    const { outcome, proceeded } = await again(LIMITS.idempotentResultMsMax);
    expect(proceeded).toBe(false);
    expect(outcome).toBeInstanceOf(ProblemError);
    expect(outcome).toMatchObject({ slug: "idempotency-result-expired" });
  });

  it("is no approval of a second run once its key is free: somebody is asked again", async () => {
    expect(await again(LIMITS.idempotencyRowMsMax)).toEqual({ outcome: ASKED_ANEW, proceeded: false });
  });

  it("and never admitted is no approval of another run", async () => {
    expect(await again(0, { admitted: false })).toEqual({ outcome: ASKED_ANEW, proceeded: false });
  });
});
