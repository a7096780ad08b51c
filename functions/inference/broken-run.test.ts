import { describe, expect, it } from "vitest";
import { ObjectStoreUnavailable } from "../../shared/contracts/ports/object-store.ts";
import type { Call, RunHold } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { brokenRun, leavesOpen } from "./broken-run.ts";

const key = "k" as NonNullable<Call["idempotencyKey"]>; // safe because: any text is one
const run = (pool: string | null) => ({ pool }) as RunHold; // safe because: nothing else of it is read
type Asked = Parameters<typeof brokenRun>[0];
const asked = (over: Partial<Asked>, point = "request"): Asked => ({
  idempotencyKey: null,
  policyInput: { point } as Call["policyInput"], // safe because: nothing else of it is read
  ...over,
});
const away = new ObjectStoreUnavailable("no answer");

describe("a store that is away behind an engine's work", () => {
  it.each<[string, Asked]>([
    ["a call with a key, which would be told the same for a day", asked({ idempotencyKey: key })],
    ["a detached run, whose batch would ask again", asked({ run: run(null) })],
    ["an approved run, which is begun once", asked({}, "approved")],
  ])("is an unknown outcome of %s, so that no engine is asked twice", (_what, call) => {
    expect(brokenRun(call, away)).toMatchObject({ slug: "outcome-unknown", cause: away });
  });

  it("may be asked again by whoever asked without a key", () => {
    const problem = brokenRun(asked({}), away);
    expect([problem.slug, problem.extensions.retryAfterMs]).toEqual(["store-unavailable", 1_000]);
  });

  it("leaves a worker's run open, and no other", () => {
    expect([run("gpu"), run(null), undefined].map((hold) => leavesOpen({ run: hold }, away))).toEqual([
      true,
      false,
      false,
    ]);
    expect(leavesOpen({ run: run("gpu") }, new Error("a defect"))).toBe(false);
  });
});

it("keeps what a problem says, and a defect a defect", () => {
  const told = new ProblemError("upstream-failed");
  expect(brokenRun(asked({ idempotencyKey: key }), told)).toBe(told);
  expect(brokenRun(asked({}), new TypeError("x")).slug).toBe("internal");
});
