import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { LEDGER_KINDS } from "../../shared/contracts/ledger.ts";
import { ocsfEvent } from "./ocsf.ts";
import { OCSF_ACTIVITIES, OCSF_CLASSES, OCSF_KINDS } from "./ocsf-kinds.ts";

const user = z.object({ uid: z.string().min(1), name: z.string().min(1) });
const endpoint = z.union([z.object({ ip: z.union([z.ipv4(), z.ipv6()]) }), z.object({ svc_name: z.string().min(1) })]);
const actor = z.object({ user });
const service = z.object({ name: z.string() });
/** What OCSF 1.5 demands of every event. */
const base = z.object({
  activity_id: z.int(),
  category_uid: z.int(),
  class_uid: z.int(),
  type_uid: z.int(),
  severity_id: z.int().min(1).max(6),
  time: z.int().min(0),
  metadata: z.object({ version: z.literal("1.5.0"), product: z.object({ vendor_name: z.string() }) }),
});
/** And of each class: required attributes, and the constraints of "at least one of". */
const CLASSES: Record<number, z.ZodType> = {
  3001: base.extend({ category_uid: z.literal(3), user }),
  3002: base.extend({ category_uid: z.literal(3), user, service }),
  3004: base.extend({ category_uid: z.literal(3), entity: z.object({ name: z.string().min(1) }) }),
  6003: base.extend({
    category_uid: z.literal(6),
    actor,
    api: z.object({ operation: z.string().min(1) }),
    src_endpoint: endpoint,
  }),
};

const ENTRY = {
  ...{ schema_version: 1, tenant: "acme", seq: 7, at: "2026-11-21T07:30:00.123Z", outcome: "success", task: null },
  ...{ action: "x:write", request: "req_1", subject: "service:demo", credential: "key:1", acr: null, workspace: "w" },
  ...{ project: "p", environment: "e", cell: "local", region: "local", source: "192.0.2.7", release: "0.1.0+0" },
  ...{ snapshot: "s", decision: null, policy: null, prev: "0".repeat(64), detail: {} },
};
const event = (members: object) => ocsfEvent("bailiwick.example.com/acme", JSON.stringify({ ...ENTRY, ...members }));

describe("an entry as OCSF", () => {
  it.each([...new Set([...LEDGER_KINDS, ...Object.keys(OCSF_KINDS), "a.kind.of.tomorrow"])])(
    "of kind %s has what its class demands, so that a SIEM takes it in",
    (kind) => {
      for (const outcome of ["success", "failure", "pending"])
        for (const members of [{}, { source: null, subject: "", credential: "", request: "" }]) {
          const made = event({ kind, outcome, ...members });
          const schema = CLASSES[Number(made.class_uid)];
          expect(schema?.safeParse(made).error?.issues ?? []).toEqual([]);
          expect(schema).toBeDefined();
          expect(made.type_uid).toBe(Number(made.class_uid) * 100 + Number(made.activity_id));
        }
    },
  );

  it("has every kind of the ledger in its table, so that none is sent as something unknown", () => {
    expect(LEDGER_KINDS.filter((kind) => OCSF_KINDS[kind] === undefined)).toEqual([]);
  });

  it("uses numbers that its class has, and words for the rest", () => {
    for (const [kind, { class: of, activity }] of Object.entries(OCSF_KINDS))
      if (typeof activity === "number") expect(OCSF_ACTIVITIES[of][activity], kind).toBeDefined();
  });

  it("says when, who, from where, with which outcome and why", () => {
    const refused = event({ kind: "call.refused", outcome: "failure", detail: { reason: "role" }, task: "task_1" });
    expect(refused).toMatchObject({
      ...{ class_uid: 6003, activity_id: 99, activity_name: "Refuse", time: Date.UTC(2026, 10, 21, 7, 30, 0, 123) },
      ...{ status_id: 2, status_code: "role", severity_id: 2, severity: "Low" },
      metadata: { uid: "bailiwick.example.com/acme#7", correlation_uid: "req_1", tenant_uid: "acme" },
      actor: { user: { uid: "service:demo", credential_uid: "key:1" } },
      src_endpoint: { ip: "192.0.2.7" },
      resources: [
        { type: "workspace", uid: "w/p/e" },
        { type: "task", uid: "task_1" },
      ],
    });
    expect(JSON.parse(String(refused.raw_data)).seq).toBe(7);
  });

  it("names the account of a key, and the thing of a change", () => {
    const key = { kid: "000000000009", subject: "service:x" };
    expect(event({ kind: "key.revoked", detail: { key } })).toMatchObject({
      activity_id: 5,
      user: { uid: "service:x" },
    });
    expect(event({ kind: "budget.changed", detail: { budget: { id: "bud_1" } } })).toMatchObject({
      entity: { name: "bud_1", type: "budget" },
    });
    expect(event({ kind: "credential.deleted", detail: { credential: { ref: "cred_1" } } })).toMatchObject({
      entity: { name: "cred_1" },
    });
  });

  it("is what the documentation's table says", () => {
    const rows = Object.entries(OCSF_KINDS).map(([kind, { class: of, activity }]) => {
      const { class_name, class_uid } = OCSF_CLASSES[of];
      const named =
        typeof activity === "number" ? `${OCSF_ACTIVITIES[of][activity]} (${activity})` : `${activity} (99)`;
      return `| \`${kind}\` | ${class_name} ${class_uid} | ${named} |`;
    });
    const table = readFileSync("docs/ocsf.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `") && / \d{4} \| /.test(line));
    expect(table).toEqual(rows);
  });
});
