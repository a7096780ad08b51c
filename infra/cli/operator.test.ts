import { mkdtempSync, rmSync } from "node:fs";
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

async function run(words: string) {
  const said = { out: "", err: "" };
  const code = await operator(words.split(" ").filter(Boolean), {
    out(text) {
      said.out += text;
    },
    err(text) {
      said.err += text;
    },
    input: async () => "",
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

  it.each(["extra", "--hom a", "--tenant .", "--cell ."])(
    "refuses the words %j, so that a slip makes no key",
    async (words) => {
      await leftHome();
      await expect(run(`--home ${home} ${words}`)).rejects.toThrow(Usage);
    },
  );
});
