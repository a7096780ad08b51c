import { stat } from "node:fs";
import { expect, it } from "vitest";
import { lastFrameOut } from "./last-frame.ts";

it("lets what was written be sent even where the process was busy, so that no stream breaks off without its reason", async () => {
  // The event loop looks at its timers next, and at what was sent and read behind them.
  await new Promise((resolve) => setImmediate(resolve));
  let done = false;
  stat(".", () => {
    done = true;
  });
  const out = lastFrameOut();
  const until = performance.now() + 200;
  while (performance.now() < until);
  await out;
  expect(done).toBe(true);
});
