import { hostname } from "node:os";
import { type ForwardingKey, forwardingKey } from "../../shared/crypto/forwarding.ts";
import { marker, startLab, startSurroundings, type Tenant, user } from "../support/lab.ts";
import { said } from "./attack.ts";
import { token } from "./forge.ts";
import { HostileEngine } from "./hostile-engine.ts";
import { AttackedIssuer, AUDIENCE } from "./issuer.ts";
import { Sink } from "./sink.ts";

const FORWARDING_TEXT = `${"B".repeat(42)}A`;
/** Of the global entry, whose part an attacker plays who has seen its headers. */
export const FORWARDING_KEY: ForwardingKey = keyOf(FORWARDING_TEXT);
export const CHAT = "/v1/chat/completions";
function keyOf(text: string): ForwardingKey {
  const key = forwardingKey(text);
  if (key === null) throw new Error("no key");
  return key;
}
const TENANT_ISSUERS = ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", hostname()];

/** A cell, what surrounds it, and the people of three tenants: all that attacks need. */
export interface Range {
  readonly lab: Awaited<ReturnType<typeof startLab>>;
  /** Whose ids and answers others try to get. */
  readonly victim: Tenant;
  /** An administrator and a developer of a tenant of their own. */
  readonly mallory: Tenant;
  /** A tenant whose calls may come through the global entry. */
  readonly traveller: Tenant;
  /** Identity provider of tenant `acme`, and one that no tenant of this cell trusts for it. */
  readonly issuer: AttackedIssuer;
  readonly foreign: AttackedIssuer;
  /** A server in the cell's own network that nobody may be led to. */
  readonly sink: Sink;
  readonly engine: HostileEngine;
  /** Issuers that a tenant named, which lie in the cell's own network. */
  readonly inward: readonly string[];
  /** Claims of a good token of tenant `acme`. */
  claims(changed?: object): Record<string, unknown>;
  /** A good token, with what an attack changes in it. */
  token(changed?: object, header?: object): Promise<string>;
  /** Asks a model with that credential, and says what came of it and whether an engine was asked. */
  chat(credential: string | Record<string, string>, body?: object): Promise<string>;
}

const issuerLine = (issuer: string, network: string, audience = AUDIENCE): string =>
  `\n      - { issuer: "${issuer}", audiences: ["${audience}"], network: ${network}, algorithms: [ES256, RS256, EdDSA], claims: { workspace: null, roles: roles, scopes: scope }, role_map: { dev: developer } }`;

/** `sinkPort`: where the issuers lie that a tenant named. */
const tenants = (issuer: string, foreign: string, inward: readonly string[]): string => `
  acme:
    privacy: allow-api
    issuers: ${issuerLine(issuer, "operator")}
  outlanders:
    privacy: allow-api
    issuers: ${issuerLine(foreign, "operator", "https://outlanders.example.com")}
  inward:
    privacy: allow-api
    issuers: ${inward.map((url) => issuerLine(url, "tenant")).join("")}
`;

/** The runtimes that are attacked. */
export const RUNTIMES = ["deno", "workerd"] as const;
export type AttackedRuntime = (typeof RUNTIMES)[number];

export async function startRange(runtime: AttackedRuntime): Promise<Range & { stop(): Promise<void> }> {
  const surroundings = await startSurroundings(runtime);
  const [issuer, foreign] = [await new AttackedIssuer().start(), await new AttackedIssuer().start()];
  const [sink, engine] = [await new Sink().start("0.0.0.0"), await new HostileEngine().start()];
  const inward = TENANT_ISSUERS.map((host) => `https://${host}:${sink.port}`);
  const parts = [issuer, foreign, sink, engine, surroundings];
  const rest = async () => void (await Promise.all(parts.map((part) => part.stop())));
  const lab = await startLab({
    runtime,
    env: { ...surroundings.env, BAILIWICK_FORWARDING_KEYS: FORWARDING_TEXT },
    config: (files) => ({
      ...files,
      "tenants.yml": `${files["tenants.yml"]}${tenants(issuer.issuer, foreign.issuer, inward)}`,
      "providers.yml": `${files["providers.yml"]}  hostile: { kind: openai, base_url: "${engine.url}", locality: local, dialects: [openai.chat, openai.completions], secret: "env:TEST_UPSTREAM_KEY", breaker: { failures: 1000 } }\n`,
      "models.yml": `${files["models.yml"]}\n  hostile: { provider: hostile, model: hostile, prices: { input: "1", output: "2" }, capabilities: [chat, completions, tools, vision, structured_output] }\n`,
    }),
  }).catch(async (cause: unknown) => {
    await rest();
    throw cause;
  });
  const [victim, mallory, traveller] = [await lab.newTenant(), await lab.newTenant(), await lab.newTenant()];
  const transit = { key: lab.cell.adminKey, method: "PATCH", body: { transit: "allowed" } };
  await lab.json(`/v1/tenants/${traveller.id}`, transit);
  const claims = (changed: object = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const good = { iss: issuer.issuer, aud: AUDIENCE, sub: "user-1", iat: now, exp: now + 600 };
    return { ...good, scope: "inference:invoke model:read task:read", roles: ["dev"], ...changed };
  };
  return {
    ...{ lab, victim, mallory, traveller, issuer, foreign, sink, engine, inward, claims },
    token: (changed, header) => token(issuer.keys.ES256, claims(changed), header),
    async chat(credential, body = {}) {
      const mark = marker();
      const response = await lab.ask(CHAT, {
        ...(typeof credential === "string" ? { key: credential } : { headers: credential }),
        body: { model: "echo", messages: [user(mark)], ...body },
      });
      const outcome = await said(response);
      const asked = lab.upstream.about(mark).length;
      return asked === 0 ? outcome : `${outcome}, engine asked`;
    },
    async stop() {
      await lab.stop();
      await rest();
    },
  };
}
