import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { parseDsse } from "../../../shared/crypto/log/dsse.ts";
import { type FileSigner, fileSigner } from "./file.ts";
import { formatKeyDocument, type KeyPair, parseKeyDocument } from "./key-document.ts";
import { KeyFileChanged, keyFilePairs, SIGNING_KEYS_FILE, writeKeyFile } from "./key-file.ts";
import { pairOf } from "./key-pairs.fixture.ts";
import { firstPair, newPair } from "./new-pair.ts";
import { SigningRefused } from "./signing-rules.ts";

const checkpoint = { origin: "cell.example.com/default", size: 1, root: encodeBase64(new Uint8Array(32)) };
/** Keys of a file that are in force: the thread's clock is the wall clock. */
const text = (...pairs: KeyPair[]) => formatKeyDocument(pairs);

let home = "";
let path = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-keys-"));
  path = join(home, SIGNING_KEYS_FILE);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("the key file", () => {
  const create = () => text(firstPair(Date.now()));
  const modeOf = () => statSync(path).mode & 0o777;

  it("is made by the first call, readable by its owner alone, and then kept", () => {
    const pairs = keyFilePairs({ path, create });
    const [first] = pairs();
    expect(modeOf()).toBe(0o600);
    expect(keyFilePairs({ path, create })()).toEqual([first]);
    expect(readdirSync(home)).toEqual([SIGNING_KEYS_FILE]);
  });

  it("is never made anew while the cell runs: keys that are lost stay lost, and somebody hears of it", () => {
    const pairs = keyFilePairs({ path, create });
    const [first] = pairs();
    const kept = readFileSync(path, "utf8");
    rmSync(path);
    expect(pairs).toThrow(`${path} is missing`);
    expect(readdirSync(home)).toEqual([]);
    writeFileSync(path, kept);
    expect(pairs()).toEqual([first]);
  });

  it.each([
    ["cut off", (whole: string) => whole.slice(0, -20), "document: not JSON"],
    ["empty", () => "", "document: not JSON"],
    [
      "of a later version",
      (whole: string) => whole.replace('_version":1', '_version":9'),
      "schema_version: this version is not known",
    ],
    ["too large", () => "x".repeat(100_000), "cannot be used: it is too large"],
  ])(
    "that is %s stops signing and is left as it is, so that no new key replaces the cell's in silence",
    (_name, broken, says) => {
      const whole = text(pairOf(1));
      writeFileSync(path, broken(whole));
      const pairs = keyFilePairs({ path, create });
      expect(pairs).toThrow(SignerUnavailable);
      expect(pairs).toThrow(says);
      expect(readFileSync(path, "utf8")).toBe(broken(whole));
      writeFileSync(path, whole);
      expect(pairs()).toEqual([pairOf(1)]);
    },
  );

  it("that cannot be read says so by name", () => {
    const pairs = keyFilePairs({ path: join(home, "a-file", "keys"), create: null });
    writeFileSync(join(home, "a-file"), "");
    expect(pairs).toThrow(SignerUnavailable);
    expect(pairs).toThrow(join(home, "a-file"));
  });

  it("is replaced whole, and only by whoever saw what it replaces, so that two changes never lose one", () => {
    writeKeyFile(path, null, "one");
    expect(() => writeKeyFile(path, null, "two")).toThrow(KeyFileChanged);
    expect(() => writeKeyFile(path, "zero", "two")).toThrow(KeyFileChanged);
    chmodSync(path, 0o644);
    writeKeyFile(path, "one", "two");
    expect([readFileSync(path, "utf8"), modeOf()]).toEqual(["two", 0o600]);
    expect(readdirSync(home)).toEqual([SIGNING_KEYS_FILE]);
  });
});

describe("the signer of a home", () => {
  const changes: unknown[] = [];
  let signer: FileSigner;
  let now = 0;
  beforeEach(() => {
    changes.length = 0;
    now = 1_000;
    signer = fileSigner({
      path,
      sinceMs: Date.parse("2026-11-18T09:30:00Z"),
      clock: { now: () => now as UnixMs }, // safe because: a time in ms
      onChange: (change) => changes.push(change),
    });
  });
  afterEach(() => signer.close());
  const kids = async () =>
    parseDsse((await signer.signCheckpoint(checkpoint)).dsse)?.signatures.map(({ keyid }) => keyid);
  const listed = async () => (await signer.keys()).filter(({ alg }) => alg === "ML-DSA-65").map(({ kid }) => kid);

  it("makes its keys on the first call, in force for all that the home already holds", async () => {
    const keys = await signer.keys();
    expect(keys.map(({ alg, not_before_ms }) => [alg, new Date(not_before_ms).toISOString()])).toEqual([
      ["Ed25519", "2026-11-18T00:00:00.000Z"],
      ["ML-DSA-65", "2026-11-18T00:00:00.000Z"],
    ]);
    expect(await kids()).toEqual(await listed());
  });

  it("signs with a rotated file's keys at once, and lists them within seconds", async () => {
    const before = await kids();
    const old = readFileSync(path, "utf8");
    const parsed = parseKeyDocument(old);
    if (!parsed.ok) throw new Error(parsed.error.problem);
    const fresh = newPair(Date.now() as UnixMs); // safe because: the wall clock
    writeKeyFile(path, old, text(fresh, ...parsed.value));
    const after = await kids();
    expect(after).toHaveLength(2);
    expect(after?.at(-1)).toBe(before?.[0]);
    now += 5_000;
    expect(new Set(await listed())).toEqual(new Set(after));
  });

  it("tells the operator once when the file breaks and once when it is mended, and names the field", async () => {
    await kids();
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, whole.replace(/"ed25519_seed": "./, '"ed25519_seed": "*'));
    for (let time = 0; time < 3; time++)
      await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(SignerUnavailable);
    writeFileSync(path, whole);
    await kids();
    const reason = `${path}: pairs[0].ed25519_seed: not 32 bytes in base64url`;
    expect(changes).toEqual([{ available: false, reason }, { available: true }]);
  });

  it("keeps the class of a refusal across the thread, so that what can never be signed is not tried for ever", async () => {
    await expect(signer.signStatement("{}")).rejects.toThrow(SigningRefused);
    await expect(signer.signCheckpoint({ ...checkpoint, size: -1 })).rejects.toThrow(SigningRefused);
  });

  it("answers many at once in their order, and sheds what would wait too long", async () => {
    await kids();
    const many = await Promise.all(
      Array.from({ length: 10 }, (_, size) => signer.signCheckpoint({ ...checkpoint, size })),
    );
    expect(many.map(({ note }) => note.split("\n")[1])).toEqual(Array.from({ length: 10 }, (_, size) => String(size)));
    const burst = await Promise.allSettled(Array.from({ length: 300 }, () => signer.signStatement("{}")));
    const shed = burst.filter(
      ({ status, ...rest }) => status === "rejected" && "reason" in rest && rest.reason instanceof SignerUnavailable,
    );
    expect(shed).toHaveLength(300 - 256);
  });

  it("asks the thread once for all who read the keys at once, so that strangers never keep it from signing", async () => {
    const all = await Promise.all(Array.from({ length: 2_000 }, () => signer.keys()));
    expect(new Set(all.map((keys) => keys.map(({ kid }) => kid).join())).size).toBe(1);
  });

  describe("whose thread starts", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    it("for longer than an answer may take is waited for, so that a cell starts on a busy machine", async () => {
      const keys = signer.keys();
      await vi.advanceTimersByTimeAsync(LIMITS.signerAnswerMsMax);
      expect(await keys).toHaveLength(2);
    });

    it("for ever is given up, so that nobody waits for ever", async () => {
      const refused = expect(signer.keys()).rejects.toThrow(SignerUnavailable);
      await vi.advanceTimersByTimeAsync(LIMITS.signerStartMsMax);
      await refused;
    });
  });

  it("is unavailable once it is closed", async () => {
    await kids();
    await signer.close();
    await expect(signer.signCheckpoint(checkpoint)).rejects.toThrow(SignerUnavailable);
  });
});
