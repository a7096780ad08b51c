import { describe, expect, it } from "vitest";
import {
  declared,
  OutsideJurisdiction,
  PLACES,
  type Place,
  parseResidency,
  requireRegion,
  requireResidency,
} from "./residency.ts";

const eu1 = { id: "eu1", jurisdiction: "eu" };
const places = Object.keys(PLACES) as Place[]; // safe because: it is the table's own list
const check = (said: string, inUse: Place[] = places, cell = eu1) =>
  requireResidency(cell, declared(cell.jurisdiction, parseResidency(said) ?? {}, inUse));
const all = (jurisdiction: string) => places.map((place) => `${place}=${jurisdiction}`).join(" ");

describe("residency of a cell's parts", () => {
  it.each(places)("refuses a cell of the EU whose %s lies elsewhere, so that nothing is kept outside it", (place) => {
    expect(() => check(all("eu"))).not.toThrow();
    const elsewhere = all("eu").replace(`${place}=eu`, `${place}=us`);
    expect(() => check(elsewhere)).toThrow(OutsideJurisdiction);
    expect(() => check(elsewhere)).toThrow(`eu1 is of eu: it places ${place} (${PLACES[place]}) in us`);
  });

  it.each(places)("refuses a cell of the EU of whose %s nobody said where it lies", (place) => {
    expect(() => check(all("eu").replace(`${place}=eu`, ""))).toThrow(`does not place ${place} `);
  });

  it("asks only for what is in use", () => {
    expect(() => check("disk=eu", ["disk"])).not.toThrow();
  });

  it("takes a local cell as it is, unless something is said to lie elsewhere", () => {
    const local = { id: "local", jurisdiction: "local" };
    expect(() => check("", places, local)).not.toThrow();
    expect(() => check("database=us", places, local)).toThrow("places database (the control database) in us");
  });

  it("reads no statement in part: a mistyped place would leave its part unchecked", () => {
    for (const text of ["disc=eu", "disk=europe", "disk", "disk=eu=us", "disk=eu disk=us"])
      expect(parseResidency(text)).toBeNull();
    expect(parseResidency("disk=eu, database=us")).toEqual({ disk: "eu", database: "us" });
  });

  it("believes no statement that a region of AWS denies, and knows nothing of other servers' regions", () => {
    const denied = [
      ["eu", "us-east-1"],
      ["us", "eu-central-1"],
      ["fedramp", "eu-west-1"],
    ] as const;
    for (const [jurisdiction, region] of denied)
      expect(() => requireRegion("bucket", jurisdiction, region)).toThrow(OutsideJurisdiction);
    const good = [
      ["eu", "eu-central-1"],
      ["us", "us-east-1"],
      ["fedramp-high", "us-gov-west-1"],
      ["eu", null],
      ["eu", "auto"],
      ["local", "us-east-1"],
    ] as const;
    for (const [jurisdiction, region] of good)
      expect(() => requireRegion("bucket", jurisdiction, region)).not.toThrow();
  });
});
