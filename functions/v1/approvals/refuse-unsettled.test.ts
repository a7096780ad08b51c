import { expect, it } from "vitest";
import { OUTCOME_UNKNOWN } from "../../../shared/contracts/task.ts";
import { refuseUnsettled } from "./refuse-unsettled.ts";

it("an answer that was kept before its call was settled is given to nobody, so that none is had for another price", () => {
  const error = (code: string) => ({ code, message: "" });
  expect(() => refuseUnsettled({ status: null, error: null })).toThrow(
    expect.objectContaining({ slug: "approval-not-done" }),
  );
  expect(() => refuseUnsettled({ status: "ERROR", error: error(OUTCOME_UNKNOWN) })).toThrow(
    expect.objectContaining({ slug: "outcome-unknown" }),
  );
  expect(() => refuseUnsettled({ status: "OK", error: null })).not.toThrow();
  expect(() => refuseUnsettled({ status: "ERROR", error: error("upstream_failed") })).not.toThrow();
});
