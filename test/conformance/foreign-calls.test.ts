import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { directoryDocument, signedDirectory } from "../../infra/cli/cells.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { FORWARDING_HEADER, forwardingKey, signForwarding } from "../../shared/crypto/forwarding.ts";
import type { CellRuntime } from "../support/cell.ts";
import { eventually, type Lab, startLab, user, WITHOUT_DATABASE } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { plainAsk } from "../support/plain-ask.ts";

const CHAT = "/v1/chat/completions";
const SECRET = encodeBase64url(new Uint8Array(32).fill(5));
const KEY = forwardingKey(SECRET);
if (KEY === null) throw new Error("no key");
const body = { model: "echo", messages: [user("Hello")] };

/** A directory of the cell under test and of `us1`, in force now. */
function directory(): Record<string, string> {
  const nowMs = Date.now();
  const pair = newPair((nowMs - 60_000) as UnixMs); // safe because: a time in ms
  const cell = (id: string, jurisdiction: "local" | "us") => ({
    ...{ id: CellId.parse(id), jurisdiction, base_url: `https://${id}.example.com` },
  });
  const document = directoryDocument(
    { cells: [cell("local", "local"), cell("us1", "us")] },
    { version: 1, nowMs, hours: 1 },
  );
  return {
    BAILIWICK_DIRECTORY: signedDirectory(document, [pair], nowMs),
    BAILIWICK_DIRECTORY_KEYS: JSON.stringify(keysDocument("directory", "cells", verifierKeys(pair, publicPair(pair)))),
    BAILIWICK_FORWARDING_KEYS: SECRET,
  };
}

describe.each<CellRuntime>(["deno", "workerd"])("a cell among others, on %s", (runtime) => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  beforeAll(async () => {
    lab = await startLab({ runtime, env: { ...directory(), ...(runtime === "deno" ? WITHOUT_DATABASE : {}) } });
  });
  afterAll(() => lab?.stop());
  const ask = (key: string, headers: Record<string, string> = {}) =>
    plainAsk(lab.cell.url + CHAT, { key, body, headers });
  let nonces = 0;
  const proof = (credential: string, client = "203.0.113.5") =>
    signForwarding(
      { cell: "local", method: "POST", target: CHAT, credential, traceparent: null },
      { client, host: "api.example.com" },
      KEY,
      { nonce: String(++nonces).padStart(22, "0"), nowMs: Date.now() },
    );

  it("tells a key of another cell its home, and refuses one of a cell that it does not know", async () => {
    const foreign = (cell: string) =>
      mintApiKey(
        { cell: CellId.parse(cell), tenant: TenantId.parse("somebody"), kid: KeyId.parse("0123456789ab") },
        randomBytes(32),
        randomBytes(32),
      ).text;
    // On Workers the first calls may come before the directory was read.
    const response = await eventually(
      () => ask(foreign("us1")),
      ({ status }) => status === 421,
    );
    expect(await response.json()).toMatchObject({
      ...{ status: 421, cell: "us1", jurisdiction: "us", base_url: "https://us1.example.com/v1" },
      error: { code: "data_residency_mismatch" },
    });
    expect((await ask(foreign("ap1"))).status).toBe(401);
  });

  it("takes a forwarded call with the caller's address, once, and of tenants that allow transit alone", async () => {
    const tenant = await lab.newTenant();
    const transit = { key: lab.cell.adminKey, method: "PATCH", body: { transit: "allowed" } };
    const refused = await ask(tenant.apiKey, { [FORWARDING_HEADER]: proof(tenant.apiKey) });
    expect([refused.status, (await refused.json()).base_url]).toEqual([421, "https://local.example.com/v1"]);
    await lab.json(`/v1/tenants/${tenant.id}`, transit);
    const header = { [FORWARDING_HEADER]: proof(tenant.apiKey), "x-forwarded-for": "198.51.100.1" };
    const response = await ask(tenant.apiKey, header);
    expect(response.status).toBe(200);
    const again = await ask(tenant.apiKey, header);
    expect([again.status, (await again.json()).error.code]).toEqual([403, "forwarding_refused"]);
    const { entries } = await readLedger(lab, tenant.adminKey);
    const task = response.headers.get("x-bailiwick-task");
    expect(new Set(entries.filter((entry) => entry.task === task).map(({ source }) => source))).toEqual(
      new Set(["203.0.113.5"]),
    );
  });

  it("refuses a forwarding header of somebody else, and one of another call", async () => {
    const { apiKey, other } = { apiKey: lab.cell.apiKey, other: proof("bw_local_another") };
    for (const header of [other, `${proof(apiKey).slice(0, -2)}AA`, "x"]) {
      const response = await ask(apiKey, { [FORWARDING_HEADER]: header });
      expect([response.status, (await response.json()).error.code]).toEqual([403, "forwarding_refused"]);
    }
  });

  it("believes no address that a caller claims", async () => {
    const tenant = await lab.newTenant();
    const response = await ask(tenant.apiKey, { "x-forwarded-for": "198.51.100.1", forwarded: "for=198.51.100.1" });
    expect(response.status).toBe(200);
    const { entries } = await readLedger(lab as Lab, tenant.adminKey);
    expect(JSON.stringify(entries)).not.toContain("198.51.100.1");
  });
});
