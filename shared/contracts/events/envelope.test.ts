import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../ids.ts";
import { CloudEvent, dataSchema, EVENTS, type EventType, isEventType, toCloudEvent } from "./envelope.ts";

const folder = new URL("./schemas/", import.meta.url);
// safe because: the keys of a const object
const types = Object.keys(EVENTS) as EventType[];
const row = {
  seq: 7,
  type: "bailiwick.tasks.lifecycle.v1",
  subject: "task_1",
  // safe because: a fixed instant in milliseconds
  at_ms: 1_700_000_000_000 as UnixMs,
  data: { schema_version: 1 },
};

describe("events", () => {
  it.each(types)(
    "publishes the JSON Schema of %s that the code checks, so no consumer builds on another contract",
    (type) => {
      expect(JSON.parse(readFileSync(new URL(`${type}.json`, folder), "utf8"))).toEqual(
        JSON.parse(JSON.stringify(dataSchema(type))),
      );
    },
  );

  it("publishes a schema for no type that the code does not know, so nobody sends what would be parked", () => {
    expect(readdirSync(folder).sort()).toEqual(types.map((type) => `${type}.json`).sort());
  });

  it("wraps a redelivered row into the identical CloudEvent, so receivers recognise duplicates by id", () => {
    const first = toCloudEvent("eu1", "acme", row);
    expect(toCloudEvent("eu1", "acme", structuredClone(row))).toEqual(first);
    expect(CloudEvent.parse(first)).toEqual(first);
    expect([first.id, first.source, first.sequence]).toEqual(["acme:7", "/cells/eu1/tenants/acme", "0000000000000007"]);
  });

  it("gives rows of two tenants different ids, so one tenant's event never shadows another's", () => {
    expect(toCloudEvent("eu1", "acme", row).id).not.toBe(toCloudEvent("eu1", "beta", row).id);
  });

  it("does not take inherited member names for event types, so a hostile type is parked, not executed", () => {
    expect(["toString", "__proto__", "constructor"].filter(isEventType)).toEqual([]);
  });
});
