import { describe, expect, it } from "vitest";
import { ObjectOverloaded, ObjectUnavailable } from "../../durable/runtime/object-class.ts";
import { ObjectStoreUnavailable } from "../../shared/contracts/ports/object-store.ts";
import { ProblemError } from "../problem.ts";
import { asProblem } from "./problem-response.ts";

describe("what was thrown, as a problem", () => {
  it.each([new ObjectUnavailable("gone"), new ObjectOverloaded("full"), new ObjectStoreUnavailable("away")])(
    "tells a store that is away as such, so that nobody takes an outage for a defect: $name",
    (thrown) => {
      const problem = asProblem(thrown);
      expect(problem.slug).toBe("store-unavailable");
      expect(problem.cause).toBe(thrown);
    },
  );

  it("keeps a defect a bare 500, and a problem what it is", () => {
    expect(asProblem(new TypeError("x")).slug).toBe("internal");
    const problem = new ProblemError("draining");
    expect(asProblem(problem)).toBe(problem);
  });
});
