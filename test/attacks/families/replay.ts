import { randomBytes } from "node:crypto";
import { exampleOf } from "../../../shared/contracts/http/fields.ts";
import { WorkerTokenRequest } from "../../../shared/contracts/worker-protocol.ts";
import { FORWARDING_HEADER, type ForwardedCall, signForwarding } from "../../../shared/crypto/forwarding.ts";
import { demandApprovals } from "../../support/approvals-bundle.ts";
import { approvalsDesk } from "../../support/approvals-desk.ts";
import { marker } from "../../support/lab.ts";
import { OPERATION_ROWS } from "../../support/operation-rows.ts";
import { plainAsk } from "../../support/plain-ask.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";
import { type Attack, type Family, said } from "../attack.ts";
import { CHAT, FORWARDING_KEY, type Range } from "../range.ts";

const chat = (content: string) => ({ model: "echo", messages: [{ role: "user", content }] });

/** A header as the global entry signs it, with what an attack changes. */
function forwarded(range: Range, call: Partial<ForwardedCall> = {}, ageMs = 0): string {
  const whole = { cell: "local", method: "POST", target: CHAT, credential: range.traveller.apiKey, traceparent: null };
  const facts = { client: "203.0.113.5", host: "api.example.com" };
  const when = { nonce: randomBytes(16).toString("base64url"), nowMs: Date.now() - ageMs };
  return signForwarding({ ...whole, ...call }, facts, FORWARDING_KEY, when);
}
/** Asked once: `fetch` asks again by itself after a 421. */
const forwards = async ({ lab, traveller }: Range, proof: string): Promise<string> =>
  said(
    await plainAsk(`${lab.cell.url}${CHAT}`, {
      key: traveller.apiKey,
      headers: { [FORWARDING_HEADER]: proof },
      body: chat("x"),
    }),
  );
const forwarding = (id: string, attack: string, proof: (range: Range) => string): Attack => ({
  id,
  attack,
  expected: "403 forwarding_refused",
  owasp: ["API2", "API8"],
  observe: (range) => forwards(range, proof(range)),
});

const forwardings: readonly Attack[] = [
  {
    id: "forwarded-good",
    attack: "none: a call that the global entry forwarded",
    expected: "200",
    owasp: [],
    observe: (range) => forwards(range, forwarded(range)),
  },
  {
    id: "forwarded-twice",
    attack: "a forwarding header, sent again",
    expected: "200; then 403 forwarding_refused",
    owasp: ["API2", "API8"],
    async observe(range) {
      const proof = forwarded(range);
      return `${await forwards(range, proof)}; then ${await forwards(range, proof)}`;
    },
  },
  forwarding("forwarded-elsewhere", "a forwarding header of another path", (range) =>
    forwarded(range, { target: "/v1/models" }),
  ),
  forwarding("forwarded-method", "a forwarding header of another method", (range) =>
    forwarded(range, { method: "GET" }),
  ),
  forwarding("forwarded-for-other", "a forwarding header of another caller's credential", (range) =>
    forwarded(range, { credential: range.victim.apiKey }),
  ),
  forwarding("forwarded-other-cell", "a forwarding header for another cell", (range) =>
    forwarded(range, { cell: "us1" }),
  ),
  forwarding("forwarded-old", "a forwarding header of two minutes ago", (range) => forwarded(range, {}, 120_000)),
  forwarding("forwarded-future", "a forwarding header of the next hour", (range) => forwarded(range, {}, -3_600_000)),
  forwarding(
    "forwarded-forged",
    "a forwarding header with another client address under the same signature",
    (range) => {
      const [payload = "", mac] = forwarded(range).split(".");
      const claims = Buffer.from(payload, "base64url").toString().replace("203.0.113.5", "203.0.113.6");
      return `${Buffer.from(claims).toString("base64url")}.${mac}`;
    },
  ),
  forwarding(
    "forwarded-unsigned",
    "a forwarding header without a signature",
    (range) => `${forwarded(range).split(".")[0]}.`,
  ),
];

const keyed = (range: Range, key: string, idempotency: string, body: object): Promise<Response> =>
  range.lab.ask(CHAT, { key, headers: { "idempotency-key": idempotency }, body });
const idempotency: readonly Attack[] = [
  {
    id: "key-other-body",
    attack: "an idempotency key with another body, to be given the first one's answer or run under its admission",
    expected: "422 idempotency_key_reused, engine asked once",
    owasp: ["API6"],
    async observe(range) {
      const [key, mark] = [marker(), marker()];
      await (await keyed(range, range.mallory.apiKey, key, chat(mark))).text();
      const outcome = await said(await keyed(range, range.mallory.apiKey, key, chat(`${mark} other`)));
      return `${outcome}, engine asked ${range.lab.upstream.about(mark).length === 1 ? "once" : "again"}`;
    },
  },
  {
    id: "key-after-revocation",
    attack: "a revoked key that asks for the answer that it was given before",
    expected: "200, then 401 invalid_api_key",
    owasp: ["API2", "API6"],
    async observe(range) {
      const key = marker();
      const { id, secret } = await range.lab.newKey(range.mallory);
      const first = await said(await keyed(range, secret, key, chat("x")));
      await range.lab.ask(`/v1/keys/${id}`, { key: range.mallory.adminKey, method: "DELETE" });
      return `${first}, then ${await said(await keyed(range, secret, key, chat("x")))}`;
    },
  },
  {
    id: "key-of-a-colleague",
    attack: "a colleague's idempotency key with the same body, to read their answer",
    expected: "an answer of its own, or refused",
    owasp: ["API1", "API6"],
    async observe(range) {
      const [key, mark] = [marker(), marker()];
      const other = await range.lab.newKey(range.mallory, { subject: `colleague-${mark}` });
      const first = await keyed(range, range.mallory.apiKey, key, chat(mark));
      const second = await keyed(range, other.secret, key, chat(mark));
      await Promise.all([first.text(), second.text()]);
      return second.headers.get("idempotent-replayed") === "true"
        ? "the colleague's answer"
        : "an answer of its own, or refused";
    },
  },
  {
    id: "key-at-once",
    attack: "one idempotency key fifty times at once",
    expected: "engine asked once",
    owasp: ["API6", "LLM10"],
    async observe(range) {
      const [key, mark] = [marker(), marker()];
      const all = Array.from({ length: 50 }, () => keyed(range, range.mallory.apiKey, key, chat(mark)));
      for (const response of await Promise.all(all)) await response.text();
      return `engine asked ${range.lab.upstream.about(mark).length === 1 ? "once" : `${range.lab.upstream.about(mark).length} times`}`;
    },
  },
];

const verdicts: readonly Attack[] = [
  {
    id: "approve-oneself",
    attack: "an approval by whoever asked for it",
    expected: "403 own_request, and nothing ran",
    owasp: ["API6", "LLM6"],
    async observe(range) {
      const tenant = await range.lab.configuredTenant(POLICY_TENANTS.results);
      await demandApprovals(range.lab, tenant, { models: { small: { role: "admin" } } });
      const desk = approvalsDesk(range.lab);
      const mark = marker();
      const id = await desk.ask(tenant.adminKey, "small", mark);
      const { status, reasons } = await desk.decide(tenant.adminKey, id, "approve");
      return `${status} ${reasons}, and ${range.lab.upstream.about(mark).length === 0 ? "nothing ran" : "it ran"}`;
    },
  },
  {
    id: "approve-other-digest",
    attack: "an approval of another request than the one that waits",
    expected: "409 approval_digest_mismatch",
    owasp: ["API6", "LLM6"],
    async observe(range) {
      const tenant = await range.lab.configuredTenant(POLICY_TENANTS.results);
      await demandApprovals(range.lab, tenant, { models: { small: { role: "admin" } } });
      const desk = approvalsDesk(range.lab);
      const id = await desk.ask(tenant.apiKey, "small", marker());
      const { status, code } = await desk.decide(tenant.adminKey, id, "approve", { digest: "0".repeat(64) });
      return `${status} ${code}`;
    },
  },
  {
    id: "old-policy",
    attack: "a policy bundle that was in force before, put again to undo a newer one",
    expected: "refused: 409",
    owasp: ["API6", "API8"],
    async observe({ lab }) {
      const tenant = await lab.configuredTenant(POLICY_TENANTS.rows);
      const make = OPERATION_ROWS["policies.bundles.put"]?.bytes?.make;
      if (!make) return "no bundle";
      const [older, newer] = [await make({ lab, tenant }), await make({ lab, tenant })];
      const put = (body: Uint8Array) =>
        lab.ask("/v1/policies/bundles", {
          key: tenant.adminKey,
          method: "PUT",
          body,
          headers: { "content-type": "application/gzip" },
        });
      await (await put(newer)).text();
      const response = await put(older);
      await response.text();
      return response.ok ? "accepted" : `refused: ${response.status}`;
    },
  },
  {
    id: "policy-of-others",
    attack: "another tenant's signed policy bundle",
    expected: "refused: 422",
    owasp: ["API1", "API8", "LLM3"],
    async observe({ lab }) {
      const make = OPERATION_ROWS["policies.bundles.put"]?.bytes?.make;
      const tenant = await lab.configuredTenant(POLICY_TENANTS.rows);
      const other = await lab.configuredTenant(POLICY_TENANTS.first);
      if (!make) return "no bundle";
      const body = await make({ lab, tenant });
      const headers = { "content-type": "application/gzip" };
      const response = await lab.ask("/v1/policies/bundles", { key: other.adminKey, method: "PUT", body, headers });
      await response.text();
      return response.ok ? "accepted" : `refused: ${response.status}`;
    },
  },
  {
    id: "rotated-key",
    attack: "a key that was rotated without an overlap, used again",
    expected: "401 invalid_api_key",
    owasp: ["API2"],
    async observe(range) {
      const { id, secret } = await range.lab.newKey(range.mallory);
      await range.lab.json(`/v1/keys/${id}/rotate`, { key: range.mallory.adminKey, body: { overlap_s: 0 } });
      return range.chat(secret);
    },
  },
  {
    id: "worker-ticket",
    attack: "a tenant's key and a tenant's token as a worker's proof and ticket",
    expected: "401 invalid_api_key, 401 invalid_api_key",
    owasp: ["API2", "API5"],
    async observe(range) {
      const proofs = [range.mallory.adminKey, await range.token()];
      const outcomes: string[] = [];
      for (const key of proofs)
        outcomes.push(
          await said(await range.lab.ask("/v1/workers/token", { key, body: exampleOf(WorkerTokenRequest) })),
        );
      return outcomes.join(", ");
    },
  },
];

export const REPLAY: Family = {
  id: "replay",
  title: "Replay",
  about:
    "What was good once, for somebody or for something, used again. Signed callbacks, leases of workers and freshness of policies are replayed in suites of their own (`test/contract/callbacks.test.ts`, `worker-gate.ts`, `policy-expiry.test.ts`), because their clocks and parts do not lie on the wire.",
  attacks: [...forwardings, ...idempotency, ...verdicts],
};
