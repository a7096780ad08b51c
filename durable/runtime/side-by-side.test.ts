import { describe, expect, it } from "vitest";
import { EffectPostponed } from "./object-class.ts";
import { sideBySide } from "./side-by-side.ts";

const gate = () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

describe("effects side by side", () => {
  it("go on while another one hangs, so that a receiver that is slow holds up nobody else", async () => {
    const hanging = gate();
    let runs = 0;
    const repeated = gate();
    const done = sideBySide(
      [
        () => hanging.opened,
        async () => {
          if (++runs === 3) repeated.open();
        },
      ],
      1,
    );
    await repeated.opened;
    hanging.open();
    await done;
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  it("end as soon as all are done, and run once where nobody waits", async () => {
    let runs = 0;
    const count = async () => void runs++;
    await sideBySide([count, count], 1_000_000);
    expect(runs).toBe(2);
    await sideBySide([], 1);
  });

  it("let the other one end when one fails, and tell every cause", async () => {
    const later = gate();
    let finished = false;
    const done = sideBySide(
      [
        async () => {
          throw new EffectPostponed([new Error("a is away")]);
        },
        async () => {
          await later.opened;
          finished = true;
          throw new EffectPostponed([new Error("b is away")]);
        },
      ],
      1,
    );
    later.open();
    await expect(done).rejects.toThrow("a is away; b is away");
    await expect(done).rejects.toBeInstanceOf(EffectPostponed);
    expect(finished).toBe(true);
  });

  it("fail as a whole when one did not keep its own next try, so that the host waits for it", async () => {
    const broken = new TypeError("a defect");
    const defect = () => Promise.reject(broken);
    await expect(sideBySide([defect], 1)).rejects.toBe(broken);
    await expect(
      sideBySide([defect, () => Promise.reject(new EffectPostponed([new Error("away")]))], 1),
    ).rejects.toBeInstanceOf(AggregateError);
  });
});
