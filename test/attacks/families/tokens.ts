import { exportSPKI } from "jose";
import { type Attack, type Family, said } from "../attack.ts";
import { base64url, macToken, signed, token } from "../forge.ts";
import { AUDIENCE, type SigningKey, signingKey } from "../issuer.ts";
import { CHAT, type Range } from "../range.ts";

const REFUSED = "401 invalid_api_key";
const CANONICAL = /^(?<head>[^.]+)\.(?<payload>[^.]+)\.(?<signature>[^.]+)$/;

/** A token, made for a range. */
type Forged = (range: Range) => Promise<string> | string;

const attack = (id: string, words: string, forged: Forged): Attack => ({
  id,
  attack: words,
  expected: REFUSED,
  owasp: ["API2"],
  observe: async (range) => range.chat(await forged(range)),
});
const now = () => Math.floor(Date.now() / 1000);
const claimed = (id: string, words: string, claims: () => object): Attack =>
  attack(id, words, (range) => range.token(claims()));
const headed = (id: string, words: string, header: object): Attack =>
  attack(id, words, (range) => range.token({}, header));
const respelled = (
  id: string,
  words: string,
  change: (parts: { head: string; payload: string; signature: string }) => string,
): Attack =>
  attack(id, words, async (range) => {
    const parts = CANONICAL.exec(await range.token())?.groups;
    return change({ head: parts?.head ?? "", payload: parts?.payload ?? "", signature: parts?.signature ?? "" });
  });

/** The claims' text with one member put in front of those that are there. */
const twice = (range: Range, first: string): string => JSON.stringify(range.claims()).replace("{", `{${first},`);

/** Nobody's but the attacker's. */
const attackersKey = signingKey("es256-1", "ES256");

const algorithms: readonly Attack[] = [
  ...["none", "None", "NONE", "nOnE"].map((alg) =>
    attack(
      `alg-${Buffer.from(alg).toString("hex").slice(0, 8)}`,
      `\`alg: ${alg}\` and no signature`,
      (range) => `${base64url(JSON.stringify({ alg, typ: "at+jwt" }))}.${base64url(JSON.stringify(range.claims()))}.`,
    ),
  ),
  attack("alg-none-signed", "`alg: none` before a good signature", async (range) =>
    token(range.issuer.keys.ES256, range.claims(), { alg: "none" }),
  ),
  attack("hmac-with-public-pem", "HS256 keyed with the issuer's public key as PEM", async (range) =>
    macToken(await exportSPKI(range.issuer.keys.RS256.publicKey), range.claims(), { kid: "rs256-1" }),
  ),
  attack("hmac-with-public-jwk", "HS256 keyed with the published JWK's text", async (range) =>
    macToken(JSON.stringify(range.issuer.keys.RS256.jwk), range.claims(), { kid: "rs256-1" }),
  ),
  attack("hmac-with-modulus", "HS256 keyed with the raw modulus", async (range) =>
    macToken(Buffer.from(range.issuer.keys.RS256.jwk.n ?? "", "base64url"), range.claims(), { kid: "rs256-1" }),
  ),
  attack("hmac-with-empty-secret", "HS256 keyed with nothing", (range) => macToken("", range.claims())),
  attack("hmac-with-null-kid", "HS256 keyed with nothing, `kid: /dev/null`", (range) =>
    macToken("", range.claims(), { kid: "../../../../../../dev/null" }),
  ),
  attack("zero-signature", "an ECDSA signature of zeros", async (range) => {
    const [head, payload] = (await range.token()).split(".");
    return `${head}.${payload}.${base64url(new Uint8Array(64))}`;
  }),
  attack("der-signature", "an ECDSA signature in DER form", async (range) => {
    const [head, payload, signature = ""] = (await range.token()).split(".");
    const raw = Buffer.from(signature, "base64url");
    const whole = (part: Uint8Array) => Buffer.concat([Buffer.from([0x02, part.length + 1, 0]), part]);
    const both = Buffer.concat([whole(raw.subarray(0, 32)), whole(raw.subarray(32))]);
    return `${head}.${payload}.${base64url(Buffer.concat([Buffer.from([0x30, both.length]), both]))}`;
  }),
  attack("key-of-another-kind", "signed with ES256 under the RSA key's id", async (range) =>
    token(range.issuer.keys.ES256, range.claims(), { kid: "rs256-1" }),
  ),
  attack("alg-not-the-keys", "says PS256 over an RS256 signature, under a key that is pinned to RS256", async (range) =>
    token(range.issuer.keys.RS256, range.claims(), { alg: "PS256" }),
  ),
  attack("unsigned-change", "claims changed under a signature that was made for others", async (range) => {
    const [head, , signature] = (await range.token()).split(".");
    return `${head}.${base64url(JSON.stringify(range.claims({ sub: "root" })))}.${signature}`;
  }),
  attack("attackers-key", "signed with a key of the attacker's under the id of a good one", async (range) =>
    token(await attackersKey, range.claims()),
  ),
];

/** Where the header would have a verifier look for keys. */
const ledAway = (id: string, words: string, header: (range: Range, own: SigningKey) => object): Attack => ({
  id,
  attack: words,
  expected: `${REFUSED}; nobody was asked for keys`,
  owasp: ["API2", "API7"],
  async observe(range) {
    const own = await attackersKey;
    const before = range.sink.touched;
    const answer = await range.chat(await token(own, range.claims(), header(range, own)));
    return `${answer}; ${range.sink.touched === before ? "nobody was asked for keys" : "the attacker was asked"}`;
  },
});
const keySources: readonly Attack[] = [
  ledAway("jku", "`jku` to the attacker's key set", (range) => ({ jku: `http://127.0.0.1:${range.sink.port}/jwks` })),
  ledAway("x5u", "`x5u` to the attacker's certificate", (range) => ({ x5u: `http://127.0.0.1:${range.sink.port}/c` })),
  ledAway("jwk", "the attacker's key inside the header", (_, own) => ({ jwk: own.jwk, kid: undefined })),
  ledAway("x5c", "a certificate chain inside the header", () => ({ x5c: ["MIIB"], kid: undefined })),
  ledAway("kid-url", "`kid` as a URL of the attacker", (range) => ({ kid: `http://127.0.0.1:${range.sink.port}/k` })),
  headed("kid-path", "`kid` as a path out of a folder of keys", { kid: "../../../../etc/passwd" }),
  headed("kid-sql", "`kid` as an SQL injection", { kid: "x' UNION SELECT 'secret' -- " }),
  headed("kid-shell", "`kid` as a shell command", { kid: "x|/usr/bin/id" }),
  headed("kid-proto", "`kid: __proto__`", { kid: "__proto__" }),
  headed("kid-long", "`kid` of 4,000 characters", { kid: "k".repeat(4_000) }),
  headed("kid-number", "`kid` as a number", { kid: 1 }),
  headed("kid-null", "`kid: null`", { kid: null }),
  headed("kid-array", "`kid` as a list that holds a good one", { kid: ["es256-1"] }),
];

const headers: readonly Attack[] = [
  headed("typ-jwt", "an ID token (`typ: JWT`)", { typ: "JWT" }),
  headed("typ-missing", "no `typ`", { typ: undefined }),
  headed("typ-logout", "a logout token", { typ: "logout+jwt" }),
  headed("typ-dpop", "a proof of possession as if it were a token", { typ: "dpop+jwt" }),
  headed("cty-jwt", "`cty: JWT`: the payload is said to be another token", { cty: "JWT" }),
  attack("nested", "a token as the payload of a token", async (range) =>
    signed(
      base64url(JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: "es256-1", cty: "JWT" })),
      base64url(await range.token()),
      range.issuer.keys.ES256,
    ),
  ),
  headed("crit", "an extension that must be understood", { crit: ["exp"], exp: 1 }),
  headed("b64-false", "an unencoded payload (`b64: false`)", { crit: ["b64"], b64: false }),
  headed("zip", "an algorithm that is another member's (`enc`, `zip`)", { alg: "dir", enc: "A128GCM", zip: "DEF" }),
  attack("duplicate-alg", "`alg` twice in the header", async (range) =>
    token(range.issuer.keys.ES256, range.claims(), '{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"es256-1"}'),
  ),
  attack("escaped-duplicate-alg", "`alg` twice, once as `\\u0061lg`", async (range) =>
    token(range.issuer.keys.ES256, range.claims(), '{"\\u0061lg":"none","alg":"ES256","typ":"at+jwt","kid":"es256-1"}'),
  ),
  attack("header-array", "a header that is no object", async (range) =>
    token(range.issuer.keys.ES256, range.claims(), '[{"alg":"ES256"}]'),
  ),
];

const times: readonly Attack[] = [
  claimed("expired", "expired a minute ago", () => ({ iat: now() - 600, exp: now() - 60 })),
  claimed("exp-missing", "no `exp`", () => ({ exp: undefined })),
  claimed("exp-text", "`exp` as text", () => ({ exp: String(now() + 600) })),
  claimed("exp-null", "`exp: null`", () => ({ exp: null })),
  claimed("exp-negative", "`exp: -1`", () => ({ exp: -1 })),
  attack("exp-infinite", "`exp: 1e400`", async (range) =>
    token(range.issuer.keys.ES256, JSON.stringify(range.claims({ exp: 0 })).replace('"exp":0', '"exp":1e400')),
  ),
  claimed("exp-milliseconds", "`exp` in milliseconds", () => ({ exp: Date.now() + 600_000 })),
  claimed("long-lived", "a life of a day", () => ({ exp: now() + 86_400 })),
  claimed("nbf-future", "valid in an hour", () => ({ nbf: now() + 3_600 })),
  claimed("iat-future", "issued in an hour", () => ({ iat: now() + 3_600, exp: now() + 3_900 })),
  claimed("iat-missing", "no `iat`", () => ({ iat: undefined })),
];

const claims: readonly Attack[] = [
  claimed("aud-other", "for another audience", () => ({ aud: "https://other.example.com" })),
  claimed("aud-missing", "no `aud`", () => ({ aud: undefined })),
  claimed("aud-prefix", "an audience that begins as ours does", () => ({ aud: `${AUDIENCE}.attacker.example.com` })),
  claimed("aud-slash", "an audience with a slash more", () => ({ aud: `${AUDIENCE}/` })),
  claimed("aud-case", "an audience in capitals", () => ({ aud: AUDIENCE.toUpperCase() })),
  claimed("aud-object", "`aud` as an object", () => ({ aud: { [AUDIENCE]: true } })),
  attack("iss-slash", "an issuer with a slash more", (range) => range.token({ iss: `${range.issuer.issuer}/` })),
  attack("iss-array", "`iss` as a list", (range) => range.token({ iss: [range.issuer.issuer] })),
  claimed("iss-other", "an issuer that nobody registered", () => ({ iss: "https://attacker.example.com" })),
  claimed("iss-proto", "`iss: __proto__`", () => ({ iss: "__proto__" })),
  attack("iss-of-others", "our issuer's name under another tenant's issuer's key", async (range) =>
    token(range.foreign.keys.ES256, range.claims()),
  ),
  attack("aud-of-others", "another tenant's issuer, with this tenant's audience", async (range) =>
    token(range.foreign.keys.ES256, range.claims({ iss: range.foreign.issuer })),
  ),
  claimed("sub-missing", "no `sub`", () => ({ sub: undefined })),
  claimed("sub-empty", "an empty `sub`", () => ({ sub: "" })),
  claimed("sub-object", "`sub` as an object", () => ({ sub: { id: "user-1" } })),
  attack("duplicate-iss", "`iss` twice", (range) =>
    token(range.issuer.keys.ES256, twice(range, '"iss":"https://attacker.example.com"')),
  ),
  attack("duplicate-sub", "`sub` twice", (range) => token(range.issuer.keys.ES256, twice(range, '"sub":"root"'))),
  attack("escaped-duplicate-sub", "`sub` twice, once as `s\\u0075b`", (range) =>
    token(range.issuer.keys.ES256, twice(range, '"s\\u0075b":"root"')),
  ),
  attack("proto-claim", "a claim named `__proto__`", (range) =>
    token(range.issuer.keys.ES256, twice(range, '"__proto__":{"roles":["admin"]}')),
  ),
  attack("claims-deep", "claims 200 levels deep", (range) =>
    token(range.issuer.keys.ES256, twice(range, `"x":${"[".repeat(200)}${"]".repeat(200)}`)),
  ),
  attack("claims-bom", "claims behind a byte order mark", (range) =>
    token(range.issuer.keys.ES256, `\ufeff${JSON.stringify(range.claims())}`),
  ),
];

const spellings: readonly Attack[] = [
  respelled("padded", "padding behind each part", ({ head, payload, signature }) =>
    [head, payload, signature].map((part) => part.padEnd(Math.ceil(part.length / 4) * 4, "=")).join("."),
  ),
  respelled(
    "trailing-bits",
    "another last character that decodes to the same signature",
    ({ head, payload, signature }) => {
      // 64 bytes are 86 characters: the last one has four bits that nobody reads.
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const last = alphabet.indexOf(signature.at(-1) ?? "A");
      return `${head}.${payload}.${signature.slice(0, -1)}${alphabet[(last & 0x30) | ((last + 1) & 0x0f)]}`;
    },
  ),
  respelled("five-parts", "five parts, as an encrypted token has", ({ head, payload, signature }) =>
    [head, "", payload, signature, signature].join("."),
  ),
  respelled("extra-dot", "a dot more", ({ head, payload, signature }) => `${head}.${payload}.${signature}.`),
  respelled("two-parts", "no signature part", ({ head, payload }) => `${head}.${payload}`),
  respelled("json-form", "the JSON form of a signature", ({ head, payload, signature }) =>
    Buffer.from(JSON.stringify({ protected: head, payload, signature })).toString("base64url"),
  ),
  attack("oversized", "12 KiB of claims", (range) => range.token({ pad: "x".repeat(9 * 1024) })),
  {
    id: "far-oversized",
    attack: "64 KiB of claims, which Deno's own parser refuses",
    expected: "400",
    on: { workerd: { expected: "431 headers_too_large", because: "its parser takes them, and the cell refuses" } },
    owasp: ["API2", "API4"],
    observe: async (range) => range.chat(await range.token({ pad: "x".repeat(48 * 1024) })),
  },
];

const places: readonly Attack[] = [
  {
    id: "in-query",
    attack: "a good token as `?access_token=`, where logs keep it",
    expected: REFUSED,
    owasp: ["API2"],
    observe: async (range) => said(await range.lab.ask(`/v1/models?access_token=${await range.token()}`)),
  },
  {
    id: "in-cookie",
    attack: "a good token as a cookie, which a browser sends for anybody's page",
    expected: REFUSED,
    owasp: ["API2"],
    observe: async (range) =>
      said(await range.lab.ask("/v1/models", { headers: { cookie: `access_token=${await range.token()}` } })),
  },
  {
    id: "two-credentials",
    attack: "a good token beside another tenant's key",
    expected: "400 credential_conflict",
    owasp: ["API2"],
    observe: async (range) =>
      range.chat({ authorization: `Bearer ${await range.token()}`, "x-api-key": range.mallory.apiKey }),
  },
  {
    id: "as-api-key",
    attack: "a good token in the header of API keys",
    expected: REFUSED,
    owasp: ["API2"],
    observe: async (range) => range.chat({ "x-api-key": await range.token() }),
  },
  {
    id: "basic-scheme",
    attack: "a good token as a Basic password",
    expected: REFUSED,
    owasp: ["API2"],
    observe: async (range) =>
      range.chat({ authorization: `Basic ${Buffer.from(`x:${await range.token()}`).toString("base64")}` }),
  },
];

const reach: readonly Attack[] = [
  {
    id: "good",
    attack: "none: a good token, so that refusing everything does not pass for safety",
    expected: "200, engine asked",
    owasp: [],
    observe: async (range) => range.chat(await range.token()),
  },
  {
    id: "good-rs256",
    attack: "none: a good token under the issuer's RSA key",
    expected: "200, engine asked",
    owasp: [],
    observe: async (range) => range.chat(await token(range.issuer.keys.RS256, range.claims())),
  },
  {
    id: "tenant-claim",
    attack: "a good token with claims that name another tenant",
    expected: "the task is acme's; 404 not_found for the other tenant",
    owasp: ["API1", "API2"],
    async observe(range) {
      const mine = await range.token({ tenant: range.victim.id, tenant_id: range.victim.id, tid: range.victim.id });
      const response = await range.lab.ask(CHAT, {
        key: mine,
        body: { model: "echo", messages: [{ role: "user", content: "x" }] },
      });
      await response.text();
      const path = `/v1/tasks/${response.headers.get("x-bailiwick-task")}`;
      const own = (await range.lab.ask(path, { key: mine })).status === 200;
      const theirs = await said(await range.lab.ask(path, { key: range.victim.adminKey }));
      return `the task is ${own ? "acme's" : "lost"}; ${theirs} for the other tenant`;
    },
  },
  {
    id: "tenant-header",
    attack: "a good token with `x-tenant` of another tenant",
    expected: "403 forbidden",
    owasp: ["API1", "API5"],
    observe: async (range) =>
      range.chat({ authorization: `Bearer ${await range.token()}`, "x-tenant": range.victim.id }),
  },
  {
    id: "roles-unmapped",
    attack: "roles that the tenant's mapping does not name: `admin`, `operator`, `cell_operator`",
    expected: "403 forbidden",
    owasp: ["API5"],
    observe: async (range) => range.chat(await range.token({ roles: ["admin", "operator", "cell_operator"] })),
  },
  {
    id: "scopes-widened",
    attack: "a scope of `*` with a developer's role, to make a key",
    expected: "403 forbidden",
    owasp: ["API5"],
    observe: async (range) =>
      said(
        await range.lab.ask("/v1/keys", {
          key: await range.token({ scope: "* keys:*" }),
          body: { name: "x", roles: ["admin"] },
        }),
      ),
  },
];

export const TOKENS: Family = {
  id: "tokens",
  title: "Access tokens",
  about:
    "Tokens of a tenant's identity provider, forged, respelled, carried to other places, or good and used for more than they say. Each is sent to `POST /v1/chat/completions`; an engine that was asked would be named.",
  attacks: [...reach, ...algorithms, ...keySources, ...headers, ...times, ...claims, ...spellings, ...places],
};
