import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Role } from "../../../shared/contracts/actor.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import { SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { commitmentHex } from "../../../shared/crypto/commitment.ts";
import { commitmentSalts } from "../../../shared/crypto/commitment-salts.ts";
import { decodeHex } from "../../../shared/crypto/hex.ts";
import type { DsseKeys } from "../../../shared/crypto/log/dsse.ts";
import { checkTaskEvidence, type Read, trusted } from "../../../test/support/check-evidence.ts";
import { type Caller, type EvidenceWorld, evidenceCell } from "../../../test/support/evidence-cell.ts";
import { TestClock } from "../../../test/support/objects-home.ts";
import { decisionId } from "../../../test/support/policy-fixtures.ts";
import { policyInput } from "../../../test/support/policy-input.ts";
import { TestLog, testSigner } from "../../../test/support/published-log.ts";
import { fileSystemObjectStore } from "../../adapters/object-store/file-system.ts";
import { sealItems, sealJson } from "../../inference/session-items.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const clock = new TestClock(NOW);
const { signer } = testSigner(3);
const root = mkdtempSync(join(tmpdir(), "bailiwick-evidence-"));
const DATA_KEY = new Uint8Array(32).fill(9);
const REQUEST = '{"model":"small","input":"write to jo@example.com"}';
const ANSWER = '{"output":"done, jo@example.com"}';
const taskId = (n: number) => `task_${String(n).padStart(26, "0")}`;
const DONE = taskId(1);
const KEPT = `resp_${"s".repeat(26)}_${"r".repeat(26)}`;
const salts = commitmentSalts(DATA_KEY, DONE);
const digest = "ab".repeat(32);
const schema = z.fromJSONSchema(JSON.parse(readFileSync("docs/schemas/task-evidence.v1.json", "utf8")));
const OBLIGATION = { id: "disclaimer", outcome: "applied", note: "header" };

let archive: ObjectStore;
let keys: DsseKeys;
let log: TestLog;
let world: EvidenceWorld;

const by = (roles: Role[], more: Partial<Caller> = {}): Caller => ({ tenant: "acme", roles, ...more });
const CALLERS: Record<string, Caller> = {
  developer: by(["developer"], { workspace: "research" }),
  elsewhere: by(["developer"]),
  both: by(["developer", "auditor"]),
  auditor: by(["auditor"]),
  admin: by(["admin"]),
  approver: by(["approver"], { workspace: "research" }),
  stranger: { tenant: "other", roles: ["admin"], workspace: "research" },
};

const opened = (detail: JsonObject = {}) => ({
  kind: "task.opened",
  action: "inference:invoke",
  outcome: "pending",
  workspace: "research",
  decision: decisionId(1),
  detail: {
    operation: "responses.create",
    intent: "chat",
    keyed: true,
    call: { request: commitmentHex(salts.request, REQUEST) },
    ...detail,
  },
});
const closed = (detail: JsonObject = {}) => ({
  kind: "task.closed",
  workspace: "research",
  detail: {
    call: { kept: KEPT, response: commitmentHex(salts.response, ANSWER) },
    cost_nusd: 1_450,
    error: null,
    estimated: false,
    obligations: [OBLIGATION],
    opened: 0,
    result: "none",
    route: {
      chosen_by: "strategy:ordered",
      lane: "direct",
      model: "small-1",
      model_digest: digest,
      provider: "pool",
      reasons: [{ candidate: "pool:small-1", outcome: "chosen", reason: "first_choice" }],
      route: "local",
    },
    status: "OK",
    usage: [{ meter: "tokens_in", quantity: 21 }],
    ...detail,
  },
});

beforeAll(async () => {
  archive = await fileSystemObjectStore({ root, jurisdiction: "eu", clock });
  keys = trusted(await signer.keys());
  log = new TestLog("acme", archive, signer);
  log.append(NOW - 9_000, {});
  log.append(NOW - 8_000, { task: DONE, ...opened() });
  log.append(NOW - 7_000, { kind: "key.created" });
  log.append(NOW - 6_000, { task: DONE, ...closed() });
  log.append(NOW - 5_000, { task: taskId(2), ...opened({ keyed: false, call: {} }) });
  log.append(NOW - 4_000, {
    task: taskId(3),
    kind: "call.refused",
    outcome: "failure",
    workspace: "research",
    detail: { reason: "role" },
  });
  log.append(NOW - 3_500, { task: taskId(4), ...opened() });
  log.append(NOW - 3_400, { task: taskId(4), ...closed({ route: { omitted: "oversize", chars: 9, sha256: digest } }) });
  await log.publish(NOW - 3_000);
  log.append(NOW - 2_000, { task: taskId(5), ...opened() });
  log.append(NOW - 1_000, { task: taskId(6), kind: "approval.requested", workspace: "research", detail: {} });
  log.append(NOW - 1_000, { task: taskId(7), kind: "call.refused", workspace: "research", detail: { reason: "role" } });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(async () => {
  const key = { tenant: "acme", session: "s".repeat(26), dataKey: DATA_KEY };
  const message = {
    id: "msg_1",
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: "write to jo@example.com" }],
  };
  const answer = {
    id: KEPT,
    output: [{ type: "message", content: [{ type: "output_text", text: "to jo@example.com" }] }],
  };
  world = {
    clock,
    callers: CALLERS,
    logs: { acme: log, other: new TestLog("other", archive, signer) },
    archive,
    signer,
    dataKey: DATA_KEY,
    settings: { content: "store" },
    tasks: { [taskId(5)]: { workspace: "research" } },
    // safe because: who asked is all that is read
    approvals: { [taskId(6)]: { requester: { workspace: "research" } } } as unknown as NonNullable<
      EvidenceWorld["approvals"]
    >,
    decisions: {
      [decisionId(1)]: { id: decisionId(1), record: JSON.stringify(RECORD), obligations: null, further: [] },
    },
    responses: {
      [KEPT]: {
        id: KEPT,
        parent: null,
        sealed: await sealJson(key, KEPT, answer),
        input: await sealItems(key, [message]),
        output: [],
      },
    },
  };
});

const RECORD = {
  schema_version: 1,
  id: decisionId(1),
  at_ms: NOW,
  task: DONE,
  snapshot: "sha256:0",
  input: policyInput({}),
  action: "inference:invoke",
  operation: "responses.create",
  input_digest: "0".repeat(64),
  now_ns: "1795000000123456789",
  layers: [
    { layer: "cell", version: 4, revision: 3, digest: "sha256:1", decision: "ROUTE", reasons: ["role_and_scope"] },
  ],
  outcome: {
    ...{ decision: "ROUTE", reasons: ["role_and_scope"], obligations: [], route: null },
    ...{ limits: null, acr: null, approvals: [], throttle: null },
  },
};

const ask = (as: string, task = DONE, change: Partial<EvidenceWorld> = {}) =>
  evidenceCell({ ...world, ...change }).get(`/v1/tasks/${task}/evidence`, as);
async function evidence(as: string, task = DONE, change: Partial<EvidenceWorld> = {}): Promise<Read> {
  const response = await ask(as, task, change);
  const text = await response.text();
  expect([response.status, response.ok ? "" : text]).toEqual([200, ""]);
  expect(response.headers.get("content-type")).toBe("application/vnd.dsse+json");
  const predicate = checkTaskEvidence(text, keys);
  expect(schema.parse(predicate)).toEqual(predicate);
  return predicate;
}
const refusal = async (response: Response) => [response.status, (await response.json()).error.code];

describe("the evidence of a task", () => {
  it("verifies, passes its schema, and says what its entries say", async () => {
    const predicate = await evidence("developer");
    expect(predicate).toMatchObject({
      generated_at: new Date(NOW).toISOString(),
      task: {
        ...{ id: DONE, operation: "responses.create", status: "OK", intent: "chat" },
        ...{ created: new Date(NOW - 8_000).toISOString(), finished: new Date(NOW - 6_000).toISOString() },
      },
      actor: { subject: "service:demo", tenant: "acme", workspace: "research", acr: null },
      decision: {
        id: decisionId(1),
        outcome: "ROUTE",
        layers: [{ layer: "cell", revision: 3, digest: "sha256:1" }],
        obligations: [OBLIGATION],
        reasons: ["role_and_scope"],
      },
      route: { route: "local", lane: "direct", provider: "pool", model: "small-1", model_digest: digest },
      usage: [{ meter: "tokens_in", quantity: 21 }],
      cost_nusd: 1_450,
      estimated: false,
      idempotency: { keyed: true },
      residency: { cell: "local", jurisdiction: "eu", region: "local", pool: "pool" },
      release: { version: "0.1.0", digest: "0123456789abcdef", sbom: "https://example.com/sbom.json", cbom: null },
    });
    expect(predicate.residency.stores).toEqual([
      { purpose: "ledger archive", technology: "file-system", jurisdiction: "eu", worm: "not WORM" },
    ]);
    expect(predicate.log.entries.map(({ index }: Read) => index)).toEqual([1, 3]);
    expect(predicate.route).not.toHaveProperty("chosen_by");
    for (const wrong of [
      { more: 1 },
      { cost_nusd: "1" },
      { commitments: { request: { digest, salt: "x" }, response: null } },
    ])
      expect(schema.safeParse({ ...predicate, ...wrong }).success).toBe(false);
  });

  it("discloses salts that open the commitments, so that a reader proves what was asked and answered", async () => {
    const { commitments } = await evidence("developer");
    const open = (part: Read, body: string) => commitmentHex(decodeHex(part.salt) ?? new Uint8Array(), body);
    expect(open(commitments.request, REQUEST)).toBe(commitments.request.digest);
    expect(open(commitments.response, ANSWER)).toBe(commitments.response.digest);
  });

  it("of a task that still runs has no outcome, and names none", async () => {
    const predicate = await evidence("developer", taskId(2));
    expect(predicate).toMatchObject({
      task: { status: null, finished: null },
      ...{ route: null, usage: [], cost_nusd: 0, estimated: false, idempotency: { keyed: false }, transcript: null },
      commitments: { request: null, response: null },
    });
  });

  it("of a refused call says who was refused, and discloses no salt because nothing was committed to", async () => {
    const predicate = await evidence("admin", taskId(3));
    expect(predicate).toMatchObject({
      task: { operation: null, status: null },
      decision: { id: null, outcome: null, layers: null, reasons: null, obligations: [] },
      commitments: { request: null, response: null },
      route: null,
    });
  });

  it("survives a route that did not fit into its entry, and a decision that is not kept any more", async () => {
    const predicate = await evidence("admin", taskId(4), { decisions: {} });
    expect(predicate).toMatchObject({
      route: null,
      residency: { pool: null },
      decision: { id: decisionId(1), outcome: null, layers: null, reasons: null },
    });
  });
});

describe("who reads what of it", () => {
  it.each(["elsewhere", "stranger"])("hides a task from %s as if it had never been", async (who) => {
    const [there, absent] = [await ask(who), await ask(who, taskId(99))];
    expect(there.status).toBe(404);
    const told = async (response: Response) => (await response.text()).replace(/req_\w+/, "");
    expect(await told(there)).toBe(await told(absent));
  });

  it.each([
    ["a running task", 5],
    ["one that waits for approval", 6],
    ["a refused call", 7],
  ])("does not tell another workspace even that %s is not published yet", async (_what, n) => {
    expect(await refusal(await ask("elsewhere", taskId(n)))).toEqual([404, "not_found"]);
    const pending = await ask("admin", taskId(n));
    expect(pending.headers.get("retry-after-ms")).toBe("750");
    expect(await refusal(pending)).toEqual([409, "evidence_pending"]);
  });

  it("tells its own workspace that it is not published yet", async () => {
    expect(await refusal(await ask("developer", taskId(5)))).toEqual([409, "evidence_pending"]);
  });

  it("is refused to roles that read no evidence", async () => {
    expect(await refusal(await ask("approver"))).toEqual([403, "forbidden"]);
  });

  it("tells nobody the salts of a subject that was erased since, and says that they are", async () => {
    const erased = (await evidence("developer", DONE, { erasedMs: NOW })).commitments;
    expect(erased).toEqual({
      request: { digest: commitmentHex(salts.request, REQUEST), salt: null },
      response: { digest: erased.response.digest, salt: null },
      erased: true,
    });
    expect((await evidence("developer", DONE, { erasedMs: NOW })).transcript).toBe(null);
    const later = (await evidence("developer", DONE, { erasedMs: NOW - 60_000 })).commitments;
    expect([typeof later.request.salt, "erased" in later]).toEqual(["string", false]);
  });

  it.each(["auditor", "both"])("gives %s of another workspace no salts and no transcript", async (who) => {
    const { commitments, transcript } = await evidence(who);
    expect(commitments.request).toEqual({ digest: commitmentHex(salts.request, REQUEST), salt: null });
    expect(commitments.response.salt).toBe(null);
    expect(transcript).toBe(null);
  });

  it("gives an auditor salts where policy grants them", async () => {
    const decide: EvidenceWorld["decide"] = ({ action }) =>
      action === "evidence:salts" ? { decision: "ALLOW", reasons: [], obligations: [], approvals: [] } : null;
    expect((await evidence("auditor", DONE, { decide })).commitments.request.salt).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    [
      "asks for more than the read itself",
      { obligations: [{ id: "audit_level" as const, params: { level: "full" as const } }] },
    ],
    ["wants an approval first", { decision: "REQUIRE_HITL" as const }],
    ["wants a stronger sign-in", { decision: "REQUIRE_STEP_UP" as const }],
  ])("keeps the salts where policy %s", async (_what, demand) => {
    const decide: EvidenceWorld["decide"] = ({ action }) =>
      action === "evidence:salts"
        ? { decision: "ALLOW", reasons: [], obligations: [], approvals: [], ...demand }
        : null;
    expect((await evidence("developer", DONE, { decide })).commitments.request.salt).toBe(null);
  });
});

describe("the transcript in it", () => {
  it("is redacted, so that evidence which travels carries no personal data", async () => {
    const { transcript } = await evidence("developer");
    expect(JSON.stringify(transcript)).not.toContain("jo@example.com");
    expect(transcript.request.input[0].content[0].text).toBe("write to [email-1]");
    expect(transcript.response.output[0].content[0].text).toBe("to [email-1]");
  });

  it("is left out where the tenant keeps no content, or the response is gone", async () => {
    expect((await evidence("developer", DONE, { settings: { content: "none" } })).transcript).toBe(null);
    expect((await evidence("developer", DONE, { responses: {} })).transcript).toBe(null);
  });

  it("is left out where it holds what cannot be redacted", async () => {
    const key = { tenant: "acme", session: "s".repeat(26), dataKey: DATA_KEY };
    const image = {
      id: "msg_1",
      type: "message",
      role: "user",
      content: [{ type: "input_image", image_url: "data:," }],
    };
    const stored = world.responses?.[KEPT] ?? expect.fail("a stored response");
    const responses = { [KEPT]: { ...stored, input: await sealItems(key, [image]) } };
    expect((await evidence("developer", DONE, { responses })).transcript).toBe(null);
  });
});

describe("what is never signed", () => {
  it("a proof that does not hold, whoever broke it on the way", async () => {
    const proof = log.proof(DONE);
    if (proof === null || proof === "pending") throw new Error("not published");
    const [first, ...rest] = proof.entries;
    if (first === undefined) throw new Error("no entries");
    const entries = [{ ...first, text: first.text.replace("service:demo", "service:else") }, ...rest];
    // safe because: evidence asks a log for its state and a proof alone
    const forged = { state: () => log.state(), proof: () => ({ ...proof, entries }) } as unknown as TestLog;
    expect(await refusal(await ask("admin", DONE, { logs: { acme: forged } }))).toEqual([500, "internal_error"]);
  });

  it("anything of a halted log", async () => {
    log.halted = { fault: "database_rewound", detail: "701 > 12", since_ms: clock.now() };
    const response = await ask("admin");
    log.halted = null;
    expect([response.status, (await response.json()).fault]).toEqual([503, "database_rewound"]);
  });

  it("anything while no key is in force, and nothing in a cell without keys or archive", async () => {
    const away = { ...signer, signStatement: () => Promise.reject(new SignerUnavailable("no key is in force")) };
    for (const change of [{ signer: away }, { signer: null }, { archive: null }])
      expect(await refusal(await ask("admin", DONE, change))).toEqual([503, "evidence_unavailable"]);
  });
});
