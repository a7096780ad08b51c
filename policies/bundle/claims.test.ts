import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { opaMade, refusal, trust } from "../../test/support/opa-made-bundle.ts";
import { toJsonText } from "../engine/json.ts";
import { listed, pack, sign, textIn, unpack } from "./archive.fixture.ts";
import { type BundleTrust, openBundle } from "./open-bundle.ts";

const CLAIMS = { tenant: "t1", revision: 3, contract: "1.0.0" };
let signer: { alg: "ES256"; key: CryptoKey; kid: string };
let signedBy: Partial<BundleTrust>;
beforeAll(async () => {
  const { privateKey, publicKey: verifying } = await generateKeyPair("ES256", { extractable: true });
  signer = { alg: "ES256", key: privateKey, kid: "own" };
  const jwk = await exportJWK(verifying);
  signedBy = { keys: [{ id: "own", algorithm: "ES256", key: JSON.parse(JSON.stringify(jwk)) }] };
});

/** A bundle made of opa's, changed and signed again with a trusted key. */
async function resigned(
  change: (files: Map<string, string | Uint8Array>) => void,
  claims: Record<string, unknown> = {},
): Promise<Uint8Array> {
  const files = await unpack(opaMade());
  change(files);
  await sign(files, { ...CLAIMS, ...claims }, signer);
  return pack(files);
}
const none = () => undefined;
const manifest =
  (roots: unknown, revision: unknown = "3") =>
  (files: Map<string, string | Uint8Array>) =>
    void files.set(".manifest", JSON.stringify({ revision, roots }));

describe("what is signed must be right too", () => {
  const signedRefusal = async (
    change: (files: Map<string, string | Uint8Array>) => void,
    claims: Record<string, unknown> = {},
    more: Partial<BundleTrust> = {},
  ) => refusal(await resigned(change, claims), { ...signedBy, ...more });

  it("opens when it is", async () => {
    expect(await signedRefusal(none)).toBe("opened");
    expect(await signedRefusal(none, { layer: "tenant" })).toBe("opened");
  });

  it.each<[string, Record<string, unknown>, object]>([
    ["no revision", { revision: undefined }, { reason: "claims_malformed" }],
    ["revision zero", { revision: 0 }, { reason: "claims_malformed" }],
    ["a revision as text", { revision: "3" }, { reason: "claims_malformed" }],
    [
      "another revision than the manifest's",
      { revision: 4 },
      { reason: "revision_mismatch", signed: 4, manifest: "3" },
    ],
    ["no contract", { contract: undefined }, { reason: "claims_malformed" }],
    ["a contract that is no version", { contract: "1" }, { reason: "claims_malformed" }],
    ["a contract before this one", { contract: "0.9.0" }, { reason: "contract_unsupported" }],
    ["a contract after this one", { contract: "2.0.0" }, { reason: "contract_unsupported" }],
    ["a contract with members that nobody gives yet", { contract: "1.999.0" }, { reason: "contract_unsupported" }],
    ["no tenant", { tenant: undefined }, { reason: "tenant_mismatch" }],
    ["the cell's layer", { layer: "cell" }, { reason: "layer_mismatch" }],
    ["an unknown layer", { layer: "global" }, { reason: "claims_malformed" }],
    ["a scope that nobody asked for", { scope: "write" }, { reason: "claims_malformed" }],
    ["no files", { files: undefined }, { reason: "claims_malformed" }],
    ["an empty list of files", { files: [] }, { reason: "file_unlisted" }],
  ])("refuses %s", async (_, claims, expected) => {
    expect(await signedRefusal(none, claims)).toMatchObject(expected);
  });

  it("refuses the cell's layer with a tenant", async () => {
    const cell = { layer: "cell" as const, tenant: null };
    expect(await signedRefusal(none, { layer: "cell" }, cell)).toEqual({ reason: "tenant_mismatch" });
    expect(await signedRefusal(none, { layer: "cell", tenant: null }, cell)).toBe("opened");
  });

  it("refuses weak digests and a path that is listed twice", async () => {
    const list = async (change: (entry: { name: string; hash: string; algorithm: string }) => object[]) => {
      const files = await unpack(opaMade());
      await sign(files, { ...CLAIMS, files: listed(files).flatMap(change) }, signer);
      return refusal(await pack(files), signedBy);
    };
    expect(await list((entry) => [{ ...entry, algorithm: "MD5" }])).toMatchObject({ reason: "hash_algorithm" });
    expect(await list((entry) => [entry, { ...entry, name: `/${entry.name}` }])).toMatchObject({
      reason: "claims_malformed",
    });
    expect(await list((entry) => [entry])).toBe("opened");
  });

  it("keeps to the instants that are signed, where it is told the time", async () => {
    const times = { nbf: 1_000, exp: 2_000 };
    expect(await signedRefusal(none, times, { now_s: 900 })).toEqual({ reason: "not_yet_valid" });
    expect(await signedRefusal(none, times, { now_s: 1_000 })).toBe("opened");
    expect(await signedRefusal(none, times, { now_s: 1_999 })).toBe("opened");
    expect(await signedRefusal(none, times, { now_s: 2_000 })).toEqual({ reason: "expired" });
    expect(await signedRefusal(none, times)).toBe("opened");
  });

  it.each<[string, unknown, object]>([
    [
      "roots that overlap",
      ["bailiwick", "limits", "limits/a"],
      { reason: "roots_overlap", roots: ["limits", "limits/a"] },
    ],
    ["a root twice", ["bailiwick", "limits", "/limits/"], { reason: "roots_overlap", roots: ["limits", "limits"] }],
    ["the root of everything", [""], { reason: "root_reserved", root: "" }],
    ["the cell's facts", ["bailiwick", "limits", "facts"], { reason: "root_reserved", root: "facts" }],
    ["a part of the cell's facts", ["bailiwick", "limits", "facts/x"], { reason: "root_reserved", root: "facts/x" }],
    ["no roots", undefined, { reason: "file_malformed", file: ".manifest" }],
    ["a root with an empty part", ["bailiwick", "limits//a"], { reason: "file_malformed", file: ".manifest" }],
    ["data outside of them", ["bailiwick"], { reason: "outside_roots", path: "limits" }],
    [
      "a part of its data outside of them",
      ["bailiwick", "limits/actions"],
      { reason: "outside_roots", path: "limits/empty" },
    ],
    ["its rules outside of them", ["limits"], { reason: "outside_roots", path: "bailiwick/decision" }],
  ])("refuses a manifest with %s", async (_, roots, expected) => {
    expect(await signedRefusal(manifest(roots))).toMatchObject(expected);
  });

  it("refuses a name that only reads like an owned path", async () => {
    const data = (files: Map<string, string | Uint8Array>) => void files.set("data.json", '{"limits/actions": []}');
    expect(await signedRefusal(data)).toEqual({ reason: "outside_roots", path: "limits/actions" });
  });

  it.each<[string, [string, string], object]>([
    ["a second manifest", ["x/.manifest", "{}"], { reason: "unsupported_file", file: "x/.manifest" }],
    ["a second plan", ["x/plan.json", "{}"], { reason: "unsupported_file", file: "x/plan.json" }],
    ["WebAssembly", ["policy.wasm", "\0asm"], { reason: "unsupported_file", file: "policy.wasm" }],
    ["YAML data", ["data.yaml", "a: 1"], { reason: "unsupported_file", file: "data.yaml" }],
    [
      "a member of data in two files",
      ["limits/data.json", '{"actions": []}'],
      { reason: "data_conflict", file: "limits/data.json" },
    ],
    ["data below what is no object", ["limits/actions/data.json", "1"], { reason: "data_conflict" }],
    [
      "data that is no JSON",
      ["limits/more/data.json", "{"],
      { reason: "file_malformed", file: "limits/more/data.json" },
    ],
    [
      "data that is too deep",
      ["limits/more/data.json", `${"[".repeat(600)}${"]".repeat(600)}`],
      { reason: "file_malformed" },
    ],
  ])("refuses %s", async (_, [path, content], expected) => {
    expect(await signedRefusal((files) => files.set(path, content))).toMatchObject(expected);
  });

  it("refuses data that is no UTF-8", async () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    expect(await signedRefusal((files) => files.set("limits/more/data.json", bytes))).toEqual({
      reason: "file_malformed",
      file: "limits/more/data.json",
      detail: "not UTF-8",
    });
  });

  it("takes data of several files as one document", async () => {
    const opened = await openBundle(
      await resigned((files) => files.set("limits/more/data.json", '{"x": 1}')),
      trust(signedBy),
    );
    expect(opened.ok && toJsonText(opened.value.data)).toContain('"more":{"x":1}');
  });

  const plan = (change: (plan: Record<string, unknown>) => unknown) => (files: Map<string, string | Uint8Array>) =>
    void files.set("plan.json", JSON.stringify(change(JSON.parse(textIn(files, "plan.json")))));

  it("refuses plans that this engine does not run or that do not decide", async () => {
    expect(await signedRefusal((files) => files.set("plan.json", "plan"))).toMatchObject({ reason: "file_malformed" });
    expect(await signedRefusal(plan((known) => ({ ...known, plans: { plans: [] } })))).toEqual({
      reason: "entrypoint_missing",
    });
    expect(await signedRefusal(plan((known) => ({ ...known, funcs: null })))).toMatchObject({
      reason: "plan_refused",
      refusal: { reason: "unknown_function" },
    });
    const fetching = { strings: [], builtin_funcs: [{ name: "http.send" }] };
    expect(await signedRefusal(plan((known) => ({ ...known, static: fetching })))).toMatchObject({
      reason: "plan_refused",
    });
  });

  it("refuses rules below the cell's facts, so that a policy cannot answer for the configuration", async () => {
    const foreign = plan((known) =>
      JSON.parse(JSON.stringify(known).replace('["g0","bailiwick","decision"]', '["g0","facts","decision"]')),
    );
    expect(await signedRefusal(foreign)).toEqual({ reason: "outside_roots", path: "facts/decision" });
  });
});
