import { describe, expect, it } from "vitest";
import { DETECTORS } from "./detectors.ts";
import { DETECTOR_CLASSES, selectDetectors } from "./select-detectors.ts";

const idsOf = (names: readonly string[] | null) => {
  const selected = selectDetectors(names);
  if (!selected.ok) throw new Error(selected.error.name);
  return new Set(selected.value.map(({ id }) => id));
};

describe("selectDetectors", () => {
  it("knows each detector by its name and in a class, so that none can be forgotten by an obligation", () => {
    const all = new Set(DETECTORS.map(({ id }) => id));
    expect(idsOf(null)).toEqual(all);
    for (const id of all) expect(idsOf([id])).toEqual(new Set([id]));
    expect(idsOf(Object.keys(DETECTOR_CLASSES))).toEqual(all);
  });

  it("refuses a list with a name that nobody knows, so that a typo never lets data through", () => {
    for (const name of ["e-mail", "toString", "__proto__", "PII", "unscanned"])
      expect(selectDetectors(["email", name])).toEqual({ ok: false, error: { reason: "unknown_detector", name } });
  });

  it("keeps the order in which detectors run, so that a card's digits are not taken for a phone number", () => {
    const selected = selectDetectors(["phone", "card"]);
    if (!selected.ok) throw new Error("refused");
    const order = selected.value.map((detector) => DETECTORS.indexOf(detector));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});
