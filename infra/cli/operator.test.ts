import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { systemClock } from "../../functions/adapters/clock/system.ts";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { bootstrapAttribution, firstKeys } from "../../functions/entry/bootstrap.ts";
import { rootSecret, writeKeys } from "../../functions/entry/home.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { apiKeyDigest, parseApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { Refused, Usage } from "./command.ts";
import { operator } from "./operator.ts";

const TENANT = TenantId.parse("default");
const CELL = {
  id: "eu9",
  jurisdiction: "eu",
  region: "eu",
  endpoint: "http://127.0.0.1:1",
  release: "r",
  loopback: true,
};
const ids = randomIds(systemClock);

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-operator-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function run(words: string, input = "") {
  const said = { out: "", err: "" };
  const code = await operator(words.split(" ").filter(Boolean), {
    out(text) {
      said.out += text;
    },
    err(text) {
      said.err += text;
    },
    input: async () => input,
    variable: () => undefined,
  });
  return { code, ...said };
}

function opened() {
  const of = tenantObjectClass(null);
  const host = openEmbeddedHost({
    home,
    clock: systemClock,
    ids,
    classes: [of],
    onError: (cause) => expect(cause).toBe(null),
  });
  return { host, tenants: embeddedTenantStore(host, of) };
}

/** A home as a cell leaves it that ran in it; answers its only operator's key. */
async function leftHome(): Promise<string> {
  const keyring = await secretKeyring([rootSecret(home, ids.bytes)], systemClock);
  const [api, admin] = [mint({ ids, keyring, cell: CELL }, TENANT), mint({ ids, keyring, cell: CELL }, TENANT)];
  writeKeys(home, { endpoint: CELL.endpoint, tenant: TENANT, api_key: api.text, admin_key: admin.text });
  const { host, tenants } = opened();
  await tenants.provision(TENANT, {
    settings: { name: "default", privacy: "allow-api", content: "none", transit: "refused" },
    data_key: await keyring.createDataKey(TENANT),
    keys: firstKeys(api, admin),
    budgets: [],
    by: bootstrapAttribution(CELL, "sha256:0"),
  });
  await host.close();
  return admin.text;
}

describe("npx bailiwick operator", () => {
  it("makes a key in the home of a cell that stands still, so that whoever has its disk gets back in", async () => {
    await leftHome();
    const { code, out, err } = await run(`--home ${home}`);
    expect([code, out, err]).toEqual([
      0,
      expect.stringMatching(/^bw_eu9_default_\w+\n$/),
      expect.not.stringContaining("bw_"),
    ]);
    const key = parseApiKey(out.trim());
    if (!key.ok) throw new Error("no key");
    const { host, tenants } = opened();
    const found = await tenants.lookup(TENANT, key.value.kid);
    expect(found).toMatchObject({
      value: {
        key: { digest: apiKeyDigest(out.trim()), cell_operator: true, roles: ["admin", "operator", "approver"] },
      },
    });
    const versions = { credential: 0, state: 1, policy: 1 };
    const page = await tenants.listKeys(TENANT, { kid: null, versions }, { after: null, limit: 10 });
    expect(page).toMatchObject({ value: { keys: [{}, {}, { name: "operator, made at the machine" }] } });
    await host.close();
  });

  it("records it in the tenant's ledger, as every key is", async () => {
    await leftHome();
    const { out } = await run(`--home ${home}`);
    const { host, tenants } = opened();
    const versions = { credential: 0, state: 1, policy: 1 };
    const entries = await tenants.ledger(TENANT, { kid: null, versions }, { from: 0, limit: 100 });
    if (!entries.ok) throw new Error("refused");
    expect(entries.value.entries.at(-1)).toMatchObject({
      ...{ kind: "key.created", subject: "cell:eu9", credential: "operator-key", outcome: "success" },
      detail: { key: { kid: out.split("_")[3]?.slice(0, 12), cell_operator: true } },
    });
    await host.close();
  });

  it("refuses while the cell runs, whose file two processes would write", async () => {
    await leftHome();
    const { host } = opened();
    await expect(run(`--home ${home}`)).rejects.toThrow(/in use .*; stop the cell first/);
    await host.close();
    expect((await run(`--home ${home}`)).code).toBe(0);
  });

  it("makes nothing in a home without a cell, and no tenant", async () => {
    await expect(run(`--home ${home}`)).rejects.toThrow("no cell was ever started");
    await leftHome();
    await expect(run(`--home ${home} --tenant other`)).rejects.toThrow(Refused);
    await expect(run(`--home ${join(home, "nowhere")}`)).rejects.toThrow("there is no home");
  });

  it("makes a key for a Workers cell under its root secret, and a binding that tells no more than its digest", async () => {
    const secret = encodeBase64url(ids.bytes(32));
    const [root, binding] = [join(home, "root"), join(home, "operator.json")];
    writeFileSync(root, `${secret}\n`);
    const { code, out, err } = await run(`--root ${root} --cell eu9 --tenant ops --binding ${binding}`);
    const text = out.trim();
    const key = parseApiKey(text);
    if (!key.ok) throw new Error("no key");
    expect([code, out, err]).toEqual([
      0,
      expect.stringMatching(/^bw_eu9_ops_\w+\n$/),
      expect.stringContaining("BAILIWICK_OPERATOR_KEY"),
    ]);
    const told = { tenant: "ops", kid: key.value.kid, digest: apiKeyDigest(text) };
    expect(JSON.parse(readFileSync(binding, "utf8"))).toEqual(told);
    const given = await run(`--root - --cell eu9 --tenant ops --binding ${binding}`, secret);
    expect(given.out).toMatch(/^bw_eu9_ops_/);
    expect(given.out).not.toBe(out);
    await expect(run(`--root - --cell eu9 --tenant ops --binding ${binding}`, "short")).rejects.toThrow("32 bytes");
    await expect(run("--root - --cell eu9 --tenant ops", secret)).rejects.toThrow(Usage);
    await expect(run(`--root ${home}/none --cell eu9 --tenant ops --binding ${binding}`)).rejects.toThrow(Refused);
  });

  it.each([
    "extra",
    "--hom a",
    "--tenant .",
    "--cell .",
    "--root -",
    "--binding b",
    "--root - --cell a --tenant b --binding c",
  ])("refuses the words %j, so that a slip makes no key", async (words) => {
    await leftHome();
    await expect(run(`--home ${home} ${words}`)).rejects.toThrow(Usage);
  });
});
