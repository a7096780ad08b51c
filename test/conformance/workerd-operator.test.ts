import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { operator } from "../../infra/cli/operator.ts";
import { type Cell, startCell } from "../support/cell.ts";

let home = "";
let cell: Cell | null = null;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-operator-"));
});
afterEach(async () => {
  await cell?.stop();
  rmSync(home, { recursive: true, force: true });
});

/** Deploys the cell anew: the same objects, and the bindings that are given. */
async function deployed(env: Record<string, string> = {}): Promise<Cell> {
  await cell?.drain();
  cell = await startCell({ runtime: "workerd", home, env });
  return cell;
}

/** A key, and the binding that names it, as whoever has the cell's root secret makes them. */
async function made({ tenant = "default" } = {}): Promise<{ key: string; kid: string; binding: string }> {
  const { root } = JSON.parse(readFileSync(join(home, "secrets.json"), "utf8"));
  const [file, secret] = [join(home, "operator.json"), join(home, "root")];
  writeFileSync(secret, root, { mode: 0o600 });
  let key = "";
  await operator(["--root", secret, "--cell", "local", "--tenant", tenant, "--binding", file], {
    out(text) {
      key += text;
    },
    err: () => {},
    input: async () => "",
    variable: () => undefined,
  });
  const binding = readFileSync(file, "utf8");
  return { key: key.trim(), kid: JSON.parse(binding).kid, binding };
}

const ask = (at: Cell, key: string, path: string, method = "GET") =>
  fetch(`${at.url}${path}`, { method, headers: { authorization: `Bearer ${key}` } });
/** The answer to what operators of the cell alone may ask. */
async function operates(at: Cell, key: string): Promise<number> {
  const response = await ask(at, key, "/v1/pools");
  await response.arrayBuffer();
  return response.status;
}
async function granted(at: Cell, key: string) {
  const response = await ask(at, key, "/v1/ledger?limit=100");
  const { data } = await response.json();
  return data.filter(({ credential }: { credential: string }) => credential === "operator-key");
}

it("lets whoever deploys a cell on workerd back in when every operator's key is lost, once and on the record", async () => {
  const first = await deployed();
  const { adminKey: lost } = first;
  const { key, kid, binding } = await made();
  expect([await operates(first, lost), await operates(first, key)]).toEqual([200, 401]);

  const again = await deployed({ BAILIWICK_OPERATOR_KEY: binding });
  expect(await operates(again, key)).toBe(200);
  const entry = { kind: "key.created", subject: "cell:local", outcome: "success", detail: { key: { kid } } };
  expect(await granted(again, key)).toMatchObject([entry]);
  // What was lost may have been found by somebody else.
  const [, , , rest = ""] = lost.split("_");
  expect((await ask(again, key, `/v1/keys/${rest.slice(0, 12)}`, "DELETE")).status).toBe(200);
  expect(await operates(again, lost)).toBe(401);

  const later = await deployed({ BAILIWICK_OPERATOR_KEY: binding });
  expect(await operates(later, key)).toBe(200);
  expect(await granted(later, key)).toHaveLength(1);
});

it("brings back no key that was revoked, however often the same binding is deployed", async () => {
  const first = await deployed();
  const { key, kid, binding } = await made();
  const again = await deployed({ BAILIWICK_OPERATOR_KEY: binding });
  expect(await operates(again, key)).toBe(200);
  expect((await ask(again, first.adminKey, `/v1/keys/${kid}`, "DELETE")).status).toBe(200);
  await deployed();
  const replayed = await deployed({ BAILIWICK_OPERATOR_KEY: binding });
  expect([await operates(replayed, key), await operates(replayed, first.adminKey)]).toEqual([401, 200]);
  expect(await granted(replayed, first.adminKey)).toHaveLength(1);
});

it("serves as before where the binding names a tenant that the cell does not have, and says so", async () => {
  await deployed();
  const { key, binding } = await made({ tenant: "nobody" });
  const again = await deployed({ BAILIWICK_OPERATOR_KEY: binding });
  expect([await operates(again, again.adminKey), await operates(again, key)]).toEqual([200, 401]);
  expect(again.logs()).toMatch(/operator_key.refused.*unknown_tenant/);
  expect(again.logs()).not.toContain(key);
});
