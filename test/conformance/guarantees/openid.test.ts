import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, startLab, user, WITHOUT_DATABASE } from "../../support/lab.ts";
import { type OpenIdProvider, RESOURCE, startOpenIdProvider } from "../../support/openid-provider.ts";

const CHAT = "/v1/chat/completions";
const OTHER_AUDIENCE = "https://other.example.com";
const ALL = "inference:invoke model:read task:read";

interface Issuers {
  people?: OpenIdProvider;
  partners?: OpenIdProvider;
  /** A tenant that is not there at first. */
  late?: OpenIdProvider;
}

/** Tenant `acme` with an issuer that says workspace and role, and one whose callers are auditors. */
function tenantsFile({ people, partners, late }: Issuers): string {
  const issuer = (op: OpenIdProvider, more: string, audience = RESOURCE) =>
    `\n      - { issuer: "${op.issuer}", audiences: ["${audience}"], network: operator, algorithms: [ES256], ${more} }`;
  const mapped = "claims: { workspace: team, roles: roles }, role_map: { dev: developer }";
  const auditors = "claims: { roles: null, scopes: null }, defaults: { roles: [auditor] }";
  const issuers = [people ? issuer(people, mapped) : "", partners ? issuer(partners, auditors) : ""].join("");
  return `
tenants:
  default: { privacy: allow-api, content: store }
  acme:
    privacy: allow-api
    issuers: ${issuers || "[]"}
${late ? `  beta:\n    issuers: ${issuer(late, mapped, OTHER_AUDIENCE)}\n` : ""}`;
}

describe("access tokens of a real OpenID provider against a running cell", () => {
  let people: OpenIdProvider;
  let partners: OpenIdProvider;
  let stranger: OpenIdProvider;
  let lab: Awaited<ReturnType<typeof startLab>>;

  beforeAll(async () => {
    people = await startOpenIdProvider({ roles: ["dev", "unheard-of"], team: "research" });
    partners = await startOpenIdProvider({ roles: ["admin"], team: "research" });
    stranger = await startOpenIdProvider();
    lab = await startLab({
      runtime: "deno",
      env: WITHOUT_DATABASE,
      config: (files) => ({ ...files, "tenants.yml": tenantsFile({ people, partners }) }),
    });
  });
  afterAll(async () => {
    await lab?.stop();
    await Promise.all([people?.stop(), partners?.stop(), stranger?.stop()]);
  });

  const chat = (token: string) => lab.ask(CHAT, { key: token, body: { model: "echo", messages: [user("hello")] } });
  const status = async (token: string): Promise<number> => {
    const response = await chat(token);
    await response.arrayBuffer();
    return response.status;
  };
  const configure = (issuers: Issuers) => {
    const path = join(lab.cell.home, "test-config/tenants.yml");
    writeFileSync(`${path}.new`, tenantsFile(issuers));
    renameSync(`${path}.new`, path);
  };
  const becomes = (token: string, wanted: number) =>
    eventually(
      () => status(token),
      (seen) => seen === wanted,
    );
  const asAdmin = (body: object) => lab.json("/v1/tenants/acme", { key: lab.cell.adminKey, method: "PATCH", body });

  it("let an application in, in the workspace and with the role that its claims say, and the ledger names it", async () => {
    const token = await people.clientToken(ALL);
    const response = await chat(token);
    expect(response.status).toBe(200);
    const id = response.headers.get("x-bailiwick-task") ?? "";
    await response.arrayBuffer();
    const task = await lab.json(`/v1/tasks/${id}`, { key: token });
    expect(task).toMatchObject({ workspace: "research", status: "OK" });
    const auditor = await partners.clientToken(ALL);
    const { data } = await lab.json("/v1/ledger?limit=100", { key: auditor });
    const opened = data.find((entry: { task: string; kind: string }) => entry.task === id);
    expect(opened).toMatchObject({ tenant: "acme", subject: "app", workspace: "research" });
    expect(opened.credential).toMatch(/^oidc:[0-9a-f]{32}$/);
    const stock = await lab.openai(token).chat.completions.create({ model: "echo", messages: [user("hi")] });
    expect(stock.choices[0]?.message.content).toBe("echo: hi");
  });

  it("let a user in as themselves and never by the ID token of the same sign-in", async () => {
    const { access_token, id_token } = await people.userTokens("user-1", ALL);
    const response = await chat(access_token);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    const refused = await chat(id_token);
    expect([refused.status, (await refused.json()).error.code]).toEqual([401, "invalid_api_key"]);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer resource_metadata="/);
    const { data } = await lab.json("/v1/ledger?limit=100", { key: await partners.clientToken(ALL) });
    expect(data.map(({ subject }: { subject: string }) => subject)).toContain("user-1");
  });

  it("give no more than role and scope allow: a developer makes no keys, a token to read models runs none", async () => {
    const token = await people.clientToken(ALL);
    expect((await lab.ask("/v1/keys", { key: token, body: { name: "x", roles: ["developer"] } })).status).toBe(403);
    const { access_token } = await people.userTokens("user-2", "model:read");
    expect((await lab.ask("/v1/models", { key: access_token })).status).toBe(200);
    const refused = await chat(access_token);
    expect([refused.status, (await refused.json()).error.code]).toEqual([403, "insufficient_scope"]);
  });

  it("of two issuers of one tenant each have their own mapping: what one calls admin is nothing to the other", async () => {
    const token = await partners.clientToken(ALL);
    expect((await lab.ask("/v1/ledger", { key: token })).status).toBe(200);
    expect(await status(token)).toBe(403);
    expect((await lab.ask("/v1/keys", { key: token, body: { name: "x", roles: ["developer"] } })).status).toBe(403);
  });

  it("for another audience, of another issuer, or changed in one character get the same 401", async () => {
    const good = await people.clientToken(ALL);
    const [header = "", payload = "", signature = ""] = good.split(".");
    const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    const bad = [
      await people.clientToken(ALL, OTHER_AUDIENCE),
      await stranger.clientToken(ALL),
      [header, payload, flipped].join("."),
      [header, payload, ""].join("."),
    ];
    const answers = await Promise.all(
      bad.map(async (token) => {
        const response = await chat(token);
        const { instance, ...document } = await response.json();
        return {
          status: response.status,
          document,
          challenge: response.headers.get("www-authenticate"),
          instance: typeof instance,
        };
      }),
    );
    expect(answers[0]?.status).toBe(401);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await status(good)).toBe(200);
  });

  it("of a suspended tenant are refused at once, and go on at once when it is resumed", async () => {
    const token = await people.clientToken(ALL);
    expect(await status(token)).toBe(200);
    await asAdmin({ suspended: true });
    const refused = await chat(token);
    expect([refused.status, (await refused.json()).error.code]).toEqual([403, "tenant_suspended"]);
    await asAdmin({ suspended: false });
    expect(await status(token)).toBe(200);
  });

  it("end with their issuer: taken out of the configuration, its tokens are worth nothing, the other's still are", async () => {
    const [mine, theirs] = [await people.clientToken(ALL), await partners.clientToken(ALL)];
    expect(await status(mine)).toBe(200);
    configure({ partners });
    expect(await becomes(mine, 401)).toBe(401);
    expect((await lab.ask("/v1/ledger", { key: theirs })).status).toBe(200);
    configure({ people, partners });
    expect(await becomes(mine, 200)).toBe(200);
  });

  it("of a tenant that the configuration has just named work without a restart, and only there", async () => {
    const token = await people.clientToken(ALL, OTHER_AUDIENCE);
    expect(await status(token)).toBe(401);
    configure({ people, partners, late: people });
    expect(await becomes(token, 200)).toBe(200);
    const other = await lab.ask("/v1/models", { key: token, headers: { "x-tenant": "acme" } });
    expect(other.status).toBe(403);
    await other.arrayBuffer();
    const response = await chat(token);
    const task = response.headers.get("x-bailiwick-task") ?? "";
    await response.arrayBuffer();
    expect((await lab.ask(`/v1/tasks/${task}`, { key: await people.clientToken(ALL) })).status).toBe(404);
    expect((await lab.ask(`/v1/tasks/${task}`, { key: token })).status).toBe(200);
  });

  it("stand in no log", async () => {
    const token = await people.clientToken(ALL);
    expect(await status(token)).toBe(200);
    for (const part of token.split(".").slice(1)) expect(lab.cell.logs()).not.toContain(part);
  });
});
