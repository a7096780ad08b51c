import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { formatKeyDocument, inForceAt, parseKeyDocument } from "./key-document.ts";
import { ms, pairOf } from "./key-pairs.fixture.ts";

const SECRET = encodeBase64url(new Uint8Array(32).fill(1));
const wire = (changes: object = {}) => ({
  id: "first",
  ed25519_seed: SECRET,
  ml_dsa_65_seed: encodeBase64url(new Uint8Array(32).fill(2)),
  not_before: "2026-11-01T00:00:00.000Z",
  not_after: null,
  revoked: null,
  ...changes,
});
const other = (changes: object = {}) =>
  wire({
    id: "second",
    ed25519_seed: encodeBase64url(new Uint8Array(32).fill(3)),
    ml_dsa_65_seed: encodeBase64url(new Uint8Array(32).fill(4)),
    ...changes,
  });
const parse = (...pairs: object[]) => parseKeyDocument(JSON.stringify({ schema_version: 1, pairs }));

describe("a key document", () => {
  it("says the same after it was written and read, so that a rotation loses no key", () => {
    const pairs = [
      pairOf(1, { notAfterMs: ms("2026-12-01T00:00:00Z") }),
      pairOf(2, { revoked: { at_ms: ms("2026-11-05T00:00:00Z"), reason: "compromised" } }),
    ];
    for (const indent of [undefined, 2])
      expect(parseKeyDocument(formatKeyDocument(pairs, indent))).toEqual({ ok: true, value: pairs });
  });

  it.each([
    ["document", "not JSON", () => parseKeyDocument(`{"pairs": "${SECRET}`)],
    ["document", "too large", () => parseKeyDocument(" ".repeat(LIMITS.signingKeysBytesMax + 1))],
    ["document", "not an object of schema_version and pairs", () => parseKeyDocument("[]")],
    [
      "document",
      "a member that is not known",
      () => parseKeyDocument(JSON.stringify({ schema_version: 1, pairs: [wire()], x: 1 })),
    ],
    ["schema_version", "this version is not known", () => parseKeyDocument('{"schema_version":2,"pairs":[]}')],
    ["pairs", "at least one pair", () => parse()],
    ["pairs[0]", "a member that is not known", () => parse(wire({ [SECRET]: 1 }))],
    ["pairs[0].id", "1 to 64 letters, digits, _ and -", () => parse(wire({ id: "a b" }))],
    ["pairs[0].ed25519_seed", "not 32 bytes in base64url", () => parse(wire({ ed25519_seed: SECRET.slice(1) }))],
    ["pairs[0].ed25519_seed", "not 32 bytes in base64url", () => parse(wire({ ed25519_seed: `${SECRET}=` }))],
    ["pairs[1].ml_dsa_65_seed", "a seed is text", () => parse(wire(), other({ ml_dsa_65_seed: null }))],
    ["pairs[0].not_before", "not an RFC 3339 time in UTC", () => parse(wire({ not_before: "2026-02-31T00:00:00Z" }))],
    ["pairs[0].not_before", "not an RFC 3339 time in UTC", () => parse(wire({ not_before: "2026-11-01" }))],
    ["pairs[0].not_after", "not later than not_before", () => parse(wire({ not_after: "2026-11-01T00:00:00Z" }))],
    [
      "pairs[0].revoked.reason",
      "one of superseded, retired, compromised",
      () => parse(wire({ revoked: { at: "2026-11-02T00:00:00Z", reason: SECRET } })),
    ],
    ["pairs[1].id", "another pair has it", () => parse(wire(), other({ id: "first" }))],
    ["pairs[1].ed25519_seed", "used twice", () => parse(wire(), other({ ed25519_seed: SECRET }))],
    ["pairs[0].ml_dsa_65_seed", "used twice", () => parse(wire({ ml_dsa_65_seed: SECRET }))],
  ])("names the field %s (%s) and no secret, so that an operator can mend it from a log", (field, problem, act) => {
    const parsed = act();
    expect(parsed).toEqual({ ok: false, error: { field, problem } });
    expect(JSON.stringify(parsed)).not.toContain(SECRET.slice(1));
  });

  it("has at most as many pairs in force as an envelope has room for", () => {
    const pairs = Array.from({ length: LIMITS.signingPairsInForceMax + 1 }, (_, n) => pairOf(n + 1));
    const crowded = parseKeyDocument(formatKeyDocument(pairs));
    expect(crowded).toMatchObject({ ok: false, error: { field: "pairs[0].not_before" } });
    const ended = pairs.map((pair, n) => (n === 0 ? { ...pair, notAfterMs: ms("2026-11-01T00:00:01Z") } : pair));
    expect(parseKeyDocument(formatKeyDocument(ended))).toMatchObject({ ok: false });
    const apart = pairs.map((pair, n) =>
      n === 0 ? { ...pair, revoked: { at_ms: pair.notBeforeMs, reason: "retired" as const } } : pair,
    );
    expect(parseKeyDocument(formatKeyDocument(apart))).toMatchObject({ ok: true });
  });

  it("fits a Workers secret of 5 KB with all pairs it may hold", () => {
    const pairs = Array.from({ length: LIMITS.signingPairsMax }, (_, n) =>
      pairOf(n + 1, {
        id: "0123456789a",
        notAfterMs: ms("2026-12-01T00:00:00Z"),
        revoked: { at_ms: ms("2026-12-01T00:00:00Z"), reason: "compromised" },
      }),
    );
    expect(formatKeyDocument(pairs).length).toBeLessThanOrEqual(5_000);
  });
});

describe("a pair is in force", () => {
  const [from, to] = [ms("2026-11-10T00:00:00Z"), ms("2026-11-20T00:00:00Z")];
  const pair = pairOf(1, { notBeforeMs: from, notAfterMs: to });
  it.each([
    [-1, 0],
    [0, 1],
    [to - from - 1, 1],
    [to - from, 0],
  ])(
    "%i ms after its beginning: %i of one, so that no signature lies outside of what verifiers accept",
    (after, count) => {
      expect(inForceAt([pair], from + after)).toHaveLength(count);
    },
  );

  it("never once it is revoked, also before the time that the revocation names", () => {
    const revoked = { at_ms: (to + 1) as UnixMs, reason: "superseded" } as const; // safe because: a time in ms
    expect(inForceAt([{ ...pair, revoked }], from)).toEqual([]);
  });

  it("beside others, the newest first", () => {
    const older = pairOf(2);
    expect(inForceAt([older, pair], from).map(({ id }) => id)).toEqual(["pair-1", "pair-2"]);
  });
});
