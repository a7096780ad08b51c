import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { configOf, keyOf, MAC_KEY, NOW, tenantState, tenantsWith } from "../../../test/support/identity.ts";
import { issuerEgress } from "../../../test/support/issuer.ts";
import { createAuthenticator } from "./authenticator.ts";

function world() {
  const keys = {
    a: keyOf("a"),
    b: keyOf("b"),
    operator: keyOf("a", { cell_operator: true, roles: ["admin"] }),
    expired: keyOf("a", { expires_ms: NOW }),
    revoked: keyOf("a", { revoked_ms: NOW }),
    foreign: keyOf("a", {}, new Uint8Array(32).fill(8)),
    nowhere: keyOf("ghost"),
    unknown: keyOf("a"),
  };
  const { unknown: _unknown, nowhere: _nowhere, ...stored } = keys;
  const owners = new Map(
    Object.entries(stored).map(([name, { record }]) => [record.kid as string, name === "b" ? "b" : "a"]),
  );
  const states = [tenantState("a"), tenantState("b")];
  const tenants = tenantsWith(states, Object.values(stored), owners);
  const authenticator = createAuthenticator({
    cell: { id: "local", endpoint: "https://cell.example.com" },
    config: configOf(),
    tenants,
    keyring: { macKeys: () => [MAC_KEY] },
    egress: issuerEgress([]).egress,
  });
  const call = (
    headers: Record<string, string>,
    context: { now?: number; fresh?: boolean; host?: string | null } = {},
  ) =>
    authenticator.authenticate(new Headers(headers), {
      host: "cell.example.com",
      source: "192.0.2.1",
      ...context,
      now: (context.now ?? NOW) as UnixMs, // safe because: test moments are milliseconds
    });
  return { keys, tenants, states, call };
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const slug = (outcome: { ok: true } | { ok: false; error: { slug: string } }) =>
  outcome.ok ? "accepted" : outcome.error.slug;

describe("API keys", () => {
  it("make the actor that the tenant's object says", async () => {
    const { keys, call } = world();
    const outcome = await call(bearer(keys.a.text));
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        actor: {
          scopes: { tenant: "a", workspace: "default" },
          credential: `key:${keys.a.record.kid}`,
          cell_operator: false,
        },
        access: { kid: keys.a.record.kid, versions: { credential: 1, state: 1, policy: 1 } },
        state: { id: "a" },
      },
    });
  });

  it.each([
    ["authorization", (text: string) => `bearer  ${text}`],
    ["api-key", (text: string) => text],
    ["x-api-key", (text: string) => text],
  ])("are read from %s, so that stock clients need no change", async (name, value) => {
    const { keys, call } = world();
    expect(slug(await call({ [name]: value(keys.a.text) }))).toBe("accepted");
  });

  it("cost one durable call when cold and none when warm", async () => {
    const { keys, tenants, call } = world();
    for (let times = 0; times < 3; times++) await call(bearer(keys.a.text));
    expect(tenants.seen).toEqual([`a/${keys.a.record.kid}`]);
  });

  it("are read anew when the caller asks or the entry is old, so that the retry after `stale` sees current versions", async () => {
    const { keys, tenants, states, call } = world();
    await call(bearer(keys.a.text));
    Object.assign(states[0] ?? {}, { versions: { state: 2, policy: 3 } });
    const again = await call(bearer(keys.a.text), { fresh: true });
    expect(again).toMatchObject({ ok: true, value: { access: { versions: { state: 2, policy: 3 } } } });
    const cached = await call(bearer(keys.a.text));
    expect(cached).toMatchObject({ ok: true, value: { access: { versions: { state: 2 } } } });
    await call(bearer(keys.a.text), { now: NOW + 300_001 });
    expect(tenants.seen).toHaveLength(3);
  });

  it("stop working when they expire, even from the cache", async () => {
    const { keys, call } = world();
    keys.a.record.expires_ms = (NOW + 1_000) as UnixMs; // safe because: a moment
    expect(slug(await call(bearer(keys.a.text)))).toBe("accepted");
    expect(slug(await call(bearer(keys.a.text), { now: NOW + 1_000 }))).toBe("unauthenticated");
  });

  it("get one and the same refusal whatever is wrong with them, so that guesses learn nothing", async () => {
    const { keys, call } = world();
    const wrong = {
      expired: keys.expired.text,
      revoked: keys.revoked.text,
      "of another cell": keys.foreign.text,
      "of an unknown tenant": keys.nowhere.text,
      "with an unknown kid": keys.unknown.text,
      "with a typo": `${keys.a.text.slice(0, -1)}${keys.a.text.endsWith("Z") ? "Y" : "Z"}`,
      "no key at all": "sk-something",
      "of an odd shape": "bw_a_b_c",
    };
    const refusals = new Set<string>();
    for (const [what, text] of Object.entries(wrong)) {
      const outcome = await call(bearer(text));
      expect(slug(outcome), what).toBe("unauthenticated");
      if (!outcome.ok) refusals.add(JSON.stringify([outcome.error.message, outcome.error.extensions]));
    }
    expect(refusals.size).toBe(1);
  });

  it("touch no object unless this cell minted them, so that strangers create none by guessing names", async () => {
    const { keys, tenants, call } = world();
    for (const text of [keys.foreign.text, "bw_local_a_abcdefghijkl_x", `${keys.a.text}0`]) await call(bearer(text));
    expect(tenants.seen).toEqual([]);
  });
});

describe("two credentials", () => {
  it("are a conflict, even when they are the same, so that no component judges another one than we did", async () => {
    const { keys, call } = world();
    const text = keys.a.text;
    const pairs: Record<string, string>[] = [
      { ...bearer(text), "api-key": text },
      { ...bearer(text), "x-api-key": keys.b.text },
      { "api-key": text, "x-api-key": text },
      { authorization: `Bearer ${text}, Bearer ${text}` },
      { "x-api-key": `${text}, ${text}` },
    ];
    for (const headers of pairs) expect(slug(await call(headers)), JSON.stringify(headers)).toBe("credential-conflict");
    const repeated = new Headers(bearer(text));
    repeated.append("authorization", `Bearer ${text}`);
    expect(slug(await call(Object.fromEntries(repeated)))).toBe("credential-conflict");
  });
});

describe("the challenge", () => {
  it("names the metadata of the host that was asked (RFC 9728), and an error only when a credential was sent", async () => {
    const { call } = world();
    const challenge = async (headers: Record<string, string>, host: string | null) => {
      const outcome = await call(headers, { host });
      return outcome.ok ? null : outcome.error.extensions.headers?.["www-authenticate"];
    };
    const metadata = (host: string) =>
      `Bearer resource_metadata="https://${host}/.well-known/oauth-protected-resource"`;
    expect(await challenge({}, "api.example.com:8443")).toBe(metadata("api.example.com:8443"));
    expect(await challenge(bearer("nonsense"), "[2001:db8::1]")).toBe(
      `${metadata("[2001:db8::1]")}, error="invalid_token"`,
    );
    for (const hostile of [null, "", 'x", error="y', "a b", "evil.example.com/path"])
      expect(await challenge({}, hostile)).toBe(metadata("cell.example.com"));
  });

  it("refuses other schemes and oversized or odd credentials alike", async () => {
    const { call } = world();
    for (const value of [
      "Basic dXNlcjpwYXNz",
      "Bearer",
      "Bearer ",
      "bw_x",
      "Bearer a b",
      `Bearer ${"a".repeat(9_000)}`,
      "Bearer é",
    ])
      expect(slug(await call({ authorization: value })), value.slice(0, 20)).toBe("unauthenticated");
  });
});

describe("X-Tenant", () => {
  it("selects only among the tenants of the credential", async () => {
    const { keys, call } = world();
    expect(slug(await call({ ...bearer(keys.a.text), "x-tenant": "a" }))).toBe("accepted");
    for (const name of ["b", "ghost", "", "A", "a,b", "../b"]) {
      const outcome = await call({ ...bearer(keys.a.text), "x-tenant": name });
      expect(slug(outcome), name).toBe("forbidden");
      if (!outcome.ok) expect(outcome.error.who?.actor.credential).toBe(`key:${keys.a.record.kid}`);
    }
  });

  it("lets operators of the cell act in any tenant, with access to that tenant's versions", async () => {
    const { keys, call, tenants } = world();
    const outcome = await call({ ...bearer(keys.operator.text), "x-tenant": "b" });
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        actor: { scopes: { tenant: "b" }, kid: null, cell_operator: true },
        access: { kid: null, versions: { credential: 0 } },
        state: { id: "b" },
      },
    });
    expect(tenants.seen).toContain("b/");
    expect(slug(await call({ ...bearer(keys.operator.text), "x-tenant": "ghost" }))).toBe("forbidden");
  });

  it("compares an operator's key in its own tenant on every such call, because the other tenant cannot", async () => {
    const { keys, call } = world();
    const headers = { ...bearer(keys.operator.text), "x-tenant": "b" };
    expect(slug(await call(headers))).toBe("accepted");
    keys.operator.record = Object.assign(keys.operator.record, { revoked_ms: NOW, version: 2 });
    expect(slug(await call(headers))).toBe("unauthenticated");
  });
});
