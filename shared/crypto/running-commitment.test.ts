import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commitment } from "./commitment.ts";
import { commitmentSalts } from "./commitment-salts.ts";
import { encodeHex } from "./hex.ts";
import { runningCommitment } from "./running-commitment.ts";

describe("a running commitment", () => {
  it("is the commitment of the parts joined by LF, however large they are, so that evidence of a stream verifies", () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 16_000, max: 17_000 }),
      fc.constant(40_000),
    );
    fc.assert(
      fc.property(fc.array(size, { maxLength: 12 }), (sizes) => {
        const salt = commitmentSalts(new Uint8Array(32).fill(7), "task_x").response;
        const parts = sizes.map((length, index) => new Uint8Array(length).fill(index + 1));
        const running = runningCommitment(salt);
        for (const part of parts) running.add(part);
        const joined = parts.flatMap((part, index) => (index === 0 ? [...part] : [0x0a, ...part]));
        expect(running.end()).toBe(encodeHex(commitment(salt, Uint8Array.from(joined))));
      }),
      { numRuns: 60 },
    );
  });
});
