import { inspect } from "node:util";
import { expect, it } from "vitest";
import { Redacted } from "./redacted.ts";

const canary = "canary-3f9a";

it("prints itself as [redacted] however it is printed, so a logged configuration never shows a key", () => {
  const secret = new Redacted(canary);
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
    new Error(`with ${secret}`).message,
  ];
  for (const text of printed) expect(text).not.toContain(canary);
  expect(String(secret)).toBe("[redacted]");
  expect(JSON.parse(JSON.stringify({ secret }))).toEqual({ secret: "[redacted]" });
  expect(secret.reveal()).toBe(canary);
});
