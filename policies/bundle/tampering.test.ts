import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { opaMade, refusal, trust } from "../../test/support/opa-made-bundle.ts";
import { toJsonText } from "../engine/json.ts";
import { gzip, pack, textIn, unpack } from "./archive.fixture.ts";
import { inflate } from "./inflate.ts";
import { SIGNATURES } from "./layout.ts";
import { openBundle } from "./open-bundle.ts";

describe("tampering with a signed bundle", () => {
  const tampered = async (change: (files: Map<string, string | Uint8Array>) => void) => {
    const files = await unpack(opaMade());
    change(files);
    return refusal(await pack(files));
  };
  const source = "source/decision.rego";
  const onlySource = (files: Map<string, unknown>) =>
    [...files.keys()].find((path) => path.endsWith(".rego")) ?? source;

  it("opens unchanged, so that the refusals below are of what was changed", async () => {
    expect(await tampered(() => undefined)).toBe("opened");
  });

  it("refuses a stripped signature", async () => {
    expect(await tampered((files) => files.delete(SIGNATURES))).toEqual({ reason: "signature_missing" });
  });

  it.each<[string, string]>([
    ["no signature in it", '{"signatures": []}'],
    ["two of them", '{"signatures": ["a.b.c", "a.b.c"]}'],
    ["another signer's plugin", '{"signatures": ["a.b.c"], "plugin": "custom"}'],
    ["no JSON", "signatures"],
    ["no JWS", '{"signatures": ["e30"]}'],
  ])("refuses a signature file with %s", async (_, content) => {
    expect(await tampered((files) => files.set(SIGNATURES, content))).toMatchObject({ reason: "signature_malformed" });
  });

  it("refuses a changed claim, so that a tenant cannot rename itself", async () => {
    const changed = await tampered((files) => {
      const text = textIn(files, SIGNATURES);
      const token: string = JSON.parse(text).signatures[0];
      const [header, payload = "", signature] = token.split(".");
      const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
      const forged = encodeBase64url(utf8(JSON.stringify({ ...claims, tenant: "t2" })));
      files.set(SIGNATURES, JSON.stringify({ signatures: [`${header}.${forged}.${signature}`] }));
    });
    expect(changed).toEqual({ reason: "signature_invalid", key: "test-RS256" });
  });

  it("refuses one more file", async () => {
    expect(await tampered((files) => files.set("extra.rego", "package extra"))).toEqual({
      reason: "file_unlisted",
      file: "extra.rego",
    });
  });

  it("refuses one file fewer", async () => {
    expect(await tampered((files) => files.delete(onlySource(files)))).toMatchObject({ reason: "listed_file_missing" });
    expect(await tampered((files) => files.delete("plan.json"))).toEqual({ reason: "file_missing", file: "plan.json" });
    expect(await tampered((files) => files.delete(".manifest"))).toEqual({ reason: "file_missing", file: ".manifest" });
  });

  it.each(["plan.json", "data.json", ".manifest", "rego"])("refuses a changed %s", async (name) => {
    const result = await tampered((files) => {
      const path = [...files.keys()].find((key) => key.endsWith(name)) ?? "";
      const text = textIn(files, path);
      files.set(path, name === "rego" ? `${text}\n` : text.replace(/"(?:actions|revision|static)"/, '"chang3d"'));
    });
    expect(result).toMatchObject({ reason: "hash_mismatch" });
  });

  it("takes data for the same that is only written differently, as OPA does", async () => {
    const rewritten = await tampered((files) => {
      const text = textIn(files, "data.json");
      files.set("data.json", `\n ${text.replaceAll(",", " , ")} `);
    });
    expect(rewritten).toBe("opened");
  });

  it("refuses a number that is only nearly the same", async () => {
    const rounded = await tampered((files) => {
      const text = textIn(files, "data.json");
      files.set("data.json", text.replace("12345678901234567890123.25", "12345678901234567890123.26"));
    });
    expect(rounded).toEqual({ reason: "hash_mismatch", file: "data.json" });
  });

  it("opens as nothing else when any one byte is changed, so that no part of the archive is outside of the signature", async () => {
    const tar = await inflate(opaMade());
    const whole = await openBundle(opaMade(), trust());
    if (!whole.ok) throw new Error(JSON.stringify(whole.error));
    await fc.assert(
      fc.asyncProperty(fc.nat(tar.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = tar.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        const opened = await openBundle(await gzip(changed), trust());
        if (!opened.ok) return;
        // Only what is written in another way and means the same.
        expect(toJsonText(opened.value.data)).toBe(toJsonText(whole.value.data));
        expect(opened.value.sources).toEqual(whole.value.sources);
      }),
      { numRuns: 300 },
    );
  });
});
