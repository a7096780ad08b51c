import { beforeAll, describe, expect, it } from "vitest";
import { commitmentHex } from "../../../shared/crypto/commitment.ts";
import { decodeHex } from "../../../shared/crypto/hex.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { parseCheckpoint } from "../../../shared/crypto/log/checkpoint.ts";
import { decodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { hashesOfTile, tilesOf } from "../../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import { parseKeysFile, type TrustedKey } from "../../../shared/evidence/keys-file.ts";
import { verifyExport } from "../../../shared/evidence/ledger-export.ts";
import { verifyTaskEvidence } from "../../../shared/evidence/task-evidence.ts";
import type { Read } from "../../support/check-evidence.ts";
import { eventually, type Lab, marker, type Tenant, user } from "../../support/lab.ts";
import { controlDbUp, missingFor } from "../../support/operation-rows.ts";

const CHAT = "/v1/chat/completions";

/** The body in pieces, whatever the runtime's types say of its stream. */
async function* bodyOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  for (let read = await reader?.read(); read?.value; read = await reader?.read()) yield read.value;
}

/** What an auditor gets from a running cell, and what proves it. */
export function ledgerLogSuite(lab: Lab): void {
  let keys: TrustedKey[] = [];
  let tenant: Tenant;

  beforeAll(async () => {
    await controlDbUp(lab);
    tenant = await lab.newTenant();
    const published = await lab.ask("/.well-known/bailiwick-keys.json");
    const parsed = parseKeysFile(new Uint8Array(await published.arrayBuffer()));
    if (!parsed.ok) throw new Error(parsed.error.detail);
    keys = parsed.value;
  });

  const settled = (path: string, key: string) =>
    eventually(
      () => lab.ask(path, { key }),
      ({ status }) => status !== 409,
      30_000,
    );
  /** Bytes of the evidence once it is published, and the statement's predicate, verified. */
  async function evidence(task: string, key: string): Promise<{ bytes: Uint8Array; predicate: Read }> {
    const response = await settled(`/v1/tasks/${task}/evidence`, key);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect([response.status, response.ok ? "" : Buffer.from(bytes).toString()]).toEqual([200, ""]);
    const report = verifyTaskEvidence(bytes, { keys, checkpoint: null });
    expect(report.checks.filter(({ verdict }) => verdict === "failed")).toEqual([]);
    expect(report.verified).toBe(true);
    const { payload } = JSON.parse(Buffer.from(bytes).toString());
    return { bytes, predicate: JSON.parse(Buffer.from(payload, "base64").toString()).predicate };
  }
  const opens = ({ digest, salt }: Read, body: string) =>
    commitmentHex(decodeHex(salt) ?? new Uint8Array(), body) === digest;

  describe("the evidence of a call", () => {
    it("verifies under the cell's published keys and opens to the very bytes that went over the wire", async () => {
      const body = JSON.stringify({ model: "small", messages: [user(marker())] });
      const response = await lab.ask(CHAT, { key: tenant.apiKey, body });
      const answer = await response.text();
      const { predicate } = await evidence(response.headers.get("x-bailiwick-task") ?? "", tenant.apiKey);
      expect(opens(predicate.commitments.request, body)).toBe(true);
      expect(opens(predicate.commitments.response, answer)).toBe(true);
      expect(predicate).toMatchObject({
        task: { operation: "chat.completions.create", status: "OK" },
        route: { model_digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
        decision: { outcome: expect.stringMatching(/^(?:ALLOW|ROUTE)$/), layers: [{ layer: "cell" }] },
        transcript: null,
      });
      expect(predicate.residency.stores.length).toBeGreaterThan(0);
    });

    it("commits to the payloads of a stream", async () => {
      const body = JSON.stringify({ model: "small", stream: true, messages: [user(marker())] });
      const response = await lab.ask(CHAT, { key: tenant.apiKey, body });
      const payloads = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(([, payload]) => payload);
      const { predicate } = await evidence(response.headers.get("x-bailiwick-task") ?? "", tenant.apiKey);
      expect(opens(predicate.commitments.response, payloads.join("\n"))).toBe(true);
    });

    it("has a redacted transcript where the tenant stores content, for who may read it", async () => {
      const mark = marker();
      const input = `${mark} write to jo@example.com`;
      const response = await lab.ask("/v1/responses", {
        key: tenant.apiKey,
        body: { model: "small", input, store: true },
      });
      await response.text();
      const task = response.headers.get("x-bailiwick-task") ?? "";
      const { predicate } = await evidence(task, tenant.apiKey);
      const told = JSON.stringify(predicate.transcript);
      expect(told).toContain(mark);
      expect(told).not.toContain("jo@example.com");
      const auditor = (await lab.newKey(tenant, { roles: ["auditor"] })).secret;
      const audited = await evidence(task, auditor);
      expect(audited.predicate).toMatchObject({ transcript: null, commitments: { request: { salt: null } } });
    });

    it("is nobody else's, so that a task's id alone opens nothing", async ({ skip }) => {
      const none = missingFor({ needsControlDb: true }, lab);
      if (none) skip(none);
      const key = tenant.adminKey;
      await lab.json("/v1/workspaces", { key, body: { id: "research", name: "Research" } });
      await lab.json("/v1/projects", { key, body: { id: "default", workspace: "research", name: "Default" } });
      const path = { id: "production", project: "default", workspace: "research", name: "Production" };
      await lab.json("/v1/environments", { key, body: path });
      const other = (await lab.newKey(tenant, { workspace: "research", roles: ["developer"] })).secret;
      const stranger = await lab.newTenant();
      const response = await lab.ask(CHAT, { key: tenant.apiKey, body: { model: "small", messages: [user("x")] } });
      await response.text();
      const task = response.headers.get("x-bailiwick-task") ?? "";
      // Before it is published and after.
      for (let round = 0; round < 2; round++) {
        for (const theirs of [other, stranger.adminKey])
          expect((await lab.ask(`/v1/tasks/${task}/evidence`, { key: theirs })).status).toBe(404);
        await evidence(task, tenant.apiKey);
      }
    });
  });

  describe("the published log", () => {
    const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

    it("has the entries that the API lists under the root that its checkpoint signs", async () => {
      const own = await lab.newTenant();
      await (await lab.ask(CHAT, { key: own.apiKey, body: { model: "small", messages: [user("x")] } })).text();
      await (await settled("/v1/ledger/export", own.adminKey)).body?.cancel();
      const note = await (await lab.ask("/v1/ledger/checkpoint", { key: own.adminKey })).text();
      const { size = 0, root } = parseCheckpoint(`${note.split("\n\n")[0]}\n`) ?? {};
      expect(size).toBeGreaterThan(2);
      const [edge] = tilesOf(size);
      if (edge?.n !== 0) throw new Error("more entries than this test wrote");
      const tile = (path: string) => lab.ask(`/v1/ledger/tile/${path}`, { key: own.adminKey }).then(bytesOf);
      const bundle = decodeBundle(await tile(`entries/000.p/${edge.width}`));
      const entries = bundle.ok ? bundle.value : [];
      const hashes = hashesOfTile(await tile(`0/000.p/${edge.width}`)) ?? [];
      expect(hashes.map(encodeBase64)).toEqual(entries.map((entry) => encodeBase64(leafHash(entry))));
      expect(encodeBase64(rootOfLeaves(hashes))).toBe(encodeBase64(root ?? new Uint8Array()));
      const listed = await lab.json("/v1/ledger/entries?limit=100", { key: own.adminKey });
      expect(listed.data.slice(0, size)).toEqual(entries.map((entry) => JSON.parse(Buffer.from(entry).toString())));
    });

    it("is exported as an archive that verifies, and as events of the same entries", async () => {
      const to = encodeURIComponent(new Date().toISOString());
      const exported = await settled(`/v1/ledger/export?to=${to}`, tenant.adminKey);
      expect(exported.status).toBe(200);
      const report = await verifyExport(bodyOf(exported), { keys, checkpoint: null });
      expect(report.checks.filter(({ verdict }) => verdict === "failed")).toEqual([]);
      expect(report.verified).toBe(true);
      const events = await lab.ask(`/v1/ledger/export?to=${to}&format=ocsf`, { key: tenant.adminKey });
      const lines = (await events.text())
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines.map(({ metadata }) => metadata.sequence)).toEqual(lines.map((_, seq) => seq));
      expect(lines[0]).toMatchObject({ class_uid: 3004, metadata: { event_code: "tenant.provisioned" } });
    });

    it("of the cell is for its operators alone, and verifies too", async () => {
      const path = "/v1/cell/ledger/export";
      const exported = await settled(path, lab.cell.adminKey);
      const report = await verifyExport(bodyOf(exported), { keys, checkpoint: null });
      expect([report.verified, report.failure]).toEqual([true, null]);
      expect((await lab.ask(path, { key: tenant.adminKey })).status).toBe(403);
    });
  });
}
