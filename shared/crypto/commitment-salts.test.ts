import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { commitmentSalts } from "./commitment-salts.ts";
import { encodeHex } from "./hex.ts";

const key = new Uint8Array(32).fill(7);
const task = "task_0000000000000000000001";

describe("commitment salts", () => {
  it("are the halves of SHA-256(00000001 ‖ key ‖ purpose ‖ 00 ‖ task), so that evidence verifies anywhere", () => {
    const whole = createHash("sha256")
      .update(Uint8Array.of(0, 0, 0, 1))
      .update(key)
      .update("bailiwick/commitment-salts/v2\0")
      .update(task)
      .digest("hex");
    const { request, response } = commitmentSalts(key, task);
    expect(encodeHex(request) + encodeHex(response)).toBe(whole);
    expect(whole).toBe("a1662af18eddf5589d9d784a2b5cd78467d87f1895bd4d3ea243c1412eb31634");
  });

  it("differ by part, task and key, so that disclosing one opens no other commitment", () => {
    const other = new Uint8Array(32).fill(8);
    const salts = [commitmentSalts(key, task), commitmentSalts(key, `${task}0`), commitmentSalts(other, task)];
    const seen = new Set(salts.flatMap(({ request, response }) => [encodeHex(request), encodeHex(response)]));
    expect(seen.size).toBe(6);
  });
});
