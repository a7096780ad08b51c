import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { type ObjectStore, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import type { DsseKeys } from "../../../shared/crypto/log/dsse.ts";
import { hashesOfTile } from "../../../shared/crypto/log/tiles.ts";
import { checkExport, readTar, trusted } from "../../../test/support/check-evidence.ts";
import { type EvidenceWorld, evidenceCell } from "../../../test/support/evidence-cell.ts";
import { TestClock } from "../../../test/support/objects-home.ts";
import { TestLog, testSigner } from "../../../test/support/published-log.ts";
import { fileSystemObjectStore } from "../../adapters/object-store/file-system.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 20);
const clock = new TestClock(START + 30 * HOUR);
const { signer } = testSigner(1, 2);
const root = mkdtempSync(join(tmpdir(), "bailiwick-log-"));
const callers: EvidenceWorld["callers"] = {
  auditor: { tenant: "acme", roles: ["auditor"] },
  developer: { tenant: "acme", roles: ["developer"] },
  stranger: { tenant: "other", roles: ["admin"] },
  admin: { tenant: "acme", roles: ["admin"] },
  operator: { tenant: "acme", roles: [], cell_operator: true },
};
const schema = z.fromJSONSchema(JSON.parse(readFileSync("docs/schemas/ledger-export.v1.json", "utf8")));
const logged: string[] = [];
let archive: ObjectStore;
let world: EvidenceWorld;
let keys: DsseKeys;
let acme: TestLog;
const iso = (hours: number) => encodeURIComponent(new Date(START + hours * HOUR).toISOString());
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const codeOf = async (response: Response) => [response.status, (await response.json()).error.code];

beforeAll(async () => {
  archive = await fileSystemObjectStore({ root, jurisdiction: "eu", clock });
  keys = trusted(await signer.keys());
  acme = new TestLog("acme", archive, signer);
  const other = new TestLog("other", archive, signer);
  const cell = new TestLog("_cell", archive, signer);
  // 700 entries in the first ten hours, then one at hour 20; published in five steps.
  for (let at = 0; at < 700; at++) {
    acme.append(START + Math.floor((at * 10 * HOUR) / 700), { detail: { n: at } });
    if (at === 3 || at === 255 || at === 256 || at === 600) await acme.publish(START);
  }
  acme.append(START + 20 * HOUR, {
    kind: "key.created",
    detail: { key: { kid: "000000000009", subject: "service:x" } },
  });
  await acme.publish(START);
  other.append(START, {});
  await other.publish(START);
  for (const hour of [1, 2])
    cell.append(START + hour * HOUR, {
      kind: "authentication.failed",
      outcome: "failure",
      detail: { reason: "unauthenticated" },
    });
  await cell.publish(START);
  world = { clock, callers, logs: { acme, other, _cell: cell }, archive, signer, logged };
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a published log as its readers get it", () => {
  it("is the note and the tiles that were published, byte for byte, cacheable for one reader alone", async () => {
    const cell = evidenceCell(world);
    const checkpoint = await cell.get("/v1/ledger/checkpoint", "auditor");
    expect(await checkpoint.text()).toBe(acme.published?.note);
    expect(checkpoint.headers.get("content-type")).toMatch(/^text\/plain/);
    for (const path of ["0/000", "0/002.p/189", "1/000.p/2", "entries/001", "entries/002.p/189"]) {
      const tile = await cell.get(`/v1/ledger/tile/${path}`, "auditor");
      const stored = await archive.get(`acme/tile/${path}`);
      expect([tile.status, tile.headers.get("content-type")], path).toEqual([200, "application/octet-stream"]);
      expect(tile.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
      expect(await bytesOf(tile), path).toEqual(new Uint8Array(stored.ok ? stored.value.bytes : []));
    }
    expect(hashesOfTile(await bytesOf(await cell.get("/v1/ledger/tile/0/002.p/189", "auditor")))).toHaveLength(189);
  });

  it("has one address for a tile and none for what is not published, so that nothing unproven is read as proven", async () => {
    const cell = evidenceCell(world);
    acme.append(START + 21 * HOUR, {});
    await archive.put("acme/tile/0/002.p/190", new Uint8Array(190 * 32));
    const paths = [
      "0/002.p/190",
      "0/003",
      "0/2",
      "0/000.p/256",
      "0/x000/000",
      "7/000",
      "entries/003.p/1",
      "..%2fcheckpoint",
    ];
    for (const path of [...paths, "0/000/", "1/000", "keys", "%30/000.p/0"])
      expect(await codeOf(await cell.get(`/v1/ledger/tile/${path}`, "auditor")), path).toEqual([404, "not_found"]);
    acme.withdraw();
    await archive.delete("acme/tile/0/002.p/190");
  });

  it("is the caller's tenant's and nobody else's", async () => {
    const cell = evidenceCell(world);
    expect(await (await cell.get("/v1/ledger/checkpoint", "stranger")).text()).toBe(world.logs.other?.published?.note);
    expect(await codeOf(await cell.get("/v1/ledger/tile/0/000", "stranger"))).toEqual([404, "not_found"]);
    for (const path of ["checkpoint", "tile/0/000", "entries", "export"])
      expect(await codeOf(await cell.get(`/v1/ledger/${path}`, "developer")), path).toEqual([403, "forbidden"]);
  });

  it("shows the cell's own log to its operators alone, whatever roles a tenant's key has", async () => {
    const cell = evidenceCell(world);
    expect(await (await cell.get("/v1/cell/ledger/checkpoint", "operator")).text()).toBe(
      world.logs._cell?.published?.note,
    );
    expect((await cell.get("/v1/cell/ledger/tile/entries/000.p/2", "operator")).status).toBe(200);
    const exported = await cell.get(`/v1/cell/ledger/export?from=${iso(0)}&to=${iso(3)}`, "operator");
    expect(checkExport(await bytesOf(exported), keys).predicate).toMatchObject({
      count: 2,
      origin: world.logs._cell?.origin,
    });
    for (const path of ["checkpoint", "tile/entries/000.p/2", "entries", "export"])
      expect(await codeOf(await cell.get(`/v1/cell/ledger/${path}`, "admin")), path).toEqual([403, "forbidden"]);
    // A policy that gave the action away would still not open it.
    const generous = evidenceCell({
      ...world,
      decide: () => ({ decision: "ALLOW", reasons: [], obligations: [], approvals: [] }),
    });
    for (const path of ["checkpoint", "tile/entries/000.p/2", "entries", "export"])
      expect(await codeOf(await generous.get(`/v1/cell/ledger/${path}`, "admin")), path).toEqual([403, "forbidden"]);
  });

  it("answers 404 before anything was published, and 503 in a cell without archive", async () => {
    const empty = evidenceCell({ ...world, logs: { ...world.logs, acme: new TestLog("acme", archive, signer) } });
    expect(await codeOf(await empty.get("/v1/ledger/checkpoint", "auditor"))).toEqual([404, "not_found"]);
    const without = evidenceCell({ ...world, archive: null });
    for (const path of ["checkpoint", "tile/0/000", "export"])
      expect(await codeOf(await without.get(`/v1/ledger/${path}`, "auditor")), path).toEqual([
        503,
        "evidence_unavailable",
      ]);
  });
});

describe("an export of a period", () => {
  const fetched = async (query: string) => {
    const response = await evidenceCell(world).get(`/v1/ledger/export?${query}`, "auditor");
    expect(response.status).toBe(200);
    return response;
  };

  it("proves itself: signatures, hashes, tree, chain, borders and silences", async () => {
    const response = await fetched(`from=${iso(3)}&to=${iso(24)}`);
    expect(response.headers.get("content-type")).toBe("application/x-tar");
    const { predicate, entries, names } = checkExport(await bytesOf(response), keys);
    expect(predicate).toMatchObject({
      first: 210,
      count: 491,
      size: 701,
      cell: "local",
      jurisdiction: "eu",
      worm: "not WORM",
    });
    expect(predicate.before).toEqual({ index: 209, at: entries[0].at });
    expect(predicate.after).toBe(null);
    expect(predicate.gaps).toEqual([]);
    expect(schema.parse(predicate)).toEqual(predicate);
    for (const wrong of [{ more: 1 }, { gaps: null }, { first: -1 }])
      expect(schema.safeParse({ ...predicate, ...wrong }).success).toBe(false);
    const said = predicate.spans.map(({ after, before }: { after: number; before: number }) => [after, before]);
    expect(said).toEqual([
      [699, 700],
      [700, null],
    ]);
    expect(names.filter((name) => name.startsWith("entries/"))).toEqual([
      "entries/0000000000000209.jsonl",
      "entries/0000000000000256.jsonl",
      "entries/0000000000000512.jsonl",
    ]);
    const history = names.filter((name) => /history\/\d+$/.test(name)).map((name) => Number(name.slice(-16)));
    expect(history).toEqual([256, 257, 601, 701]);
  });

  it("of hours in which nothing happened says so, between the entries that prove it", async () => {
    const { predicate, entries } = checkExport(await bytesOf(await fetched(`from=${iso(12)}&to=${iso(18)}`)), keys);
    expect(predicate).toMatchObject({ first: 700, count: 0 });
    expect(predicate.spans).toEqual([{ from: predicate.from, to: predicate.to, after: 699, before: 700 }]);
    expect(entries.map(({ seq }) => seq)).toEqual([699, 700]);
  });

  it("of the last day is what is asked for without a period", async () => {
    const { predicate } = checkExport(await bytesOf(await fetched("")), keys);
    expect(Date.parse(predicate.to) - Date.parse(predicate.from)).toBe(24 * HOUR);
    expect(predicate.to).toBe(predicate.generated_at);
  });

  it("is cut out of full tiles where partial ones made room for them", async () => {
    const moved = await archive.get("acme/tile/0/002.p/189");
    const bundle = await archive.get("acme/tile/entries/002.p/189");
    if (!moved.ok || !bundle.ok) throw new Error("the log is not published");
    for (const name of ["0/002", "entries/002"]) await archive.delete(`acme/tile/${name}.p/189`);
    await archive.put("acme/tile/0/002", Buffer.concat([moved.value.bytes, new Uint8Array(67 * 32)]));
    await archive.put("acme/tile/entries/002", bundle.value.bytes);
    const { predicate } = checkExport(await bytesOf(await fetched(`from=${iso(19)}&to=${iso(21)}`)), keys);
    expect(predicate).toMatchObject({ first: 700, count: 1 });
    await archive.put("acme/tile/0/002.p/189", moved.value.bytes);
    await archive.put("acme/tile/entries/002.p/189", bundle.value.bytes);
    for (const name of ["0/002", "entries/002"]) await archive.delete(`acme/tile/${name}`);
  });

  it("holds one bundle at a time and reads no further than it is read, so that a slow reader costs no memory", async () => {
    let reads = 0;
    const get: ObjectStore["get"] = (...of) => {
      reads++;
      return archive.get(...of);
    };
    const cell = evidenceCell({ ...world, archive: { ...archive, get } });
    const response = await cell.get(`/v1/ledger/export?from=${iso(0)}&to=${iso(24)}`, "auditor");
    expect(reads).toBe(0);
    const reader = response.body?.getReader();
    await reader?.read();
    expect(reads).toBe(0);
    for (let pieces = 0; pieces < 12; pieces++) await reader?.read();
    expect(reads).toBeLessThan(8);
    await reader?.cancel();
  });

  it("waits for what is recorded and not published, so that no export is silently incomplete", async () => {
    acme.append(START + 22 * HOUR, {});
    const cell = evidenceCell(world);
    const pending = await cell.get(`/v1/ledger/export?from=${iso(0)}&to=${iso(23)}`, "auditor");
    expect(Number(pending.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    expect(await codeOf(pending)).toEqual([409, "evidence_pending"]);
    // What lies before is published, and later entries do not change it.
    checkExport(await bytesOf(await fetched(`from=${iso(0)}&to=${iso(21)}`)), keys);
    acme.withdraw();
  });

  it.each([
    ["has not ended", `from=${iso(0)}&to=${iso(31)}`],
    ["ends before it begins", `from=${iso(2)}&to=${iso(1)}`],
    ["is longer than a year", `from=2024-01-01T00:00:00Z&to=${iso(1)}`],
    ["is no time at all", "from=yesterday"],
    ["is in a format nobody knows", "format=zip"],
  ])("of a period that %s is refused", async (_title, query) => {
    const response = await evidenceCell(world).get(`/v1/ledger/export?${query}`, "auditor");
    expect(await codeOf(response)).toEqual([400, "invalid_request"]);
  });

  it("of more files than a manifest lists is refused before its first byte", async () => {
    const pages = LIMITS.exportFilesMax / 2 / LIMITS.objectListKeysMax + 1;
    let listed = 0;
    const endless: ObjectStore = {
      ...archive,
      async list(prefix) {
        const keys = Array.from(
          { length: LIMITS.objectListKeysMax },
          () => `${prefix}${String(++listed).padStart(16, "0")}`,
        );
        return { keys, more: listed < pages * LIMITS.objectListKeysMax };
      },
    };
    const big = { ...acme.period({ from_ms: 0, to_ms: 1 }), first: 0, count: 70_000 };
    const cell = evidenceCell({
      ...world,
      archive: endless,
      // safe because: an export asks a log for its state and a period alone
      logs: { acme: { state: () => acme.state(), period: () => big } as unknown as TestLog },
    });
    expect(await codeOf(await cell.get("/v1/ledger/export", "auditor"))).toEqual([422, "limit_reached"]);
  });

  it("is refused while the log is halted, and while the signer is away", async () => {
    acme.halted = { fault: "forked", detail: "another root", since_ms: clock.now() };
    const halted = await evidenceCell(world).get("/v1/ledger/export", "auditor");
    expect([halted.status, (await halted.json()).fault]).toEqual([503, "forked"]);
    acme.halted = null;
    const away: Signer = { ...signer, keys: () => Promise.reject(new SignerUnavailable("no key is in force")) };
    const without = evidenceCell({ ...world, signer: away });
    expect(await codeOf(await without.get("/v1/ledger/export", "auditor"))).toEqual([503, "evidence_unavailable"]);
  });
});

describe("an export that breaks ends in a destroyed connection, never in an archive that looks whole", () => {
  const broken = async (change: Partial<EvidenceWorld>) => {
    const cell = evidenceCell({ ...world, ...change });
    const response = await cell.get(`/v1/ledger/export?from=${iso(0)}&to=${iso(24)}`, "auditor");
    expect(response.status).toBe(200);
    logged.length = 0;
    const pieces: Uint8Array[] = [];
    const reading = (async () => {
      for await (const piece of response.body ?? []) pieces.push(piece);
    })();
    await expect(reading).rejects.toThrow();
    expect(logged.join("\n")).toContain("export.failed");
    expect(() => readTar(Buffer.concat(pieces))).toThrow(/cut off/);
  };

  it("when the signer is lost before the manifest", () =>
    broken({ signer: { ...signer, signStatement: () => Promise.reject(new SignerUnavailable("gone")) } }));

  it("when the archive is lost on the way", () => {
    let reads = 0;
    const get: ObjectStore["get"] = (...of) =>
      ++reads > 9 ? Promise.reject(new ObjectStoreUnavailable("no answer")) : archive.get(...of);
    return broken({ archive: { ...archive, get } });
  });

  it.each([
    ["an entry", "acme/tile/entries/001", 40],
    ["a tile", "acme/tile/0/001", 3],
  ])("when %s in the archive was altered", async (_what, key, at) => {
    const found = await archive.get(key);
    const bytes = found.ok ? found.value.bytes : new Uint8Array();
    const altered = bytes.slice();
    altered[at] = (altered[at] ?? 0) ^ 1;
    await broken({
      archive: {
        ...archive,
        get: async (name, ...more) => {
          const read = await archive.get(name, ...more);
          return name === key && read.ok ? { ok: true, value: { ...read.value, bytes: altered } } : read;
        },
      },
    });
  });

  it("when a tile is not there any more", () =>
    broken({
      archive: {
        ...archive,
        get: (name, ...more) => (name === "acme/tile/0/001" ? archive.get("acme/nothing") : archive.get(name, ...more)),
      },
    }));

  it("when the time for draining is over", async () => {
    const cell = evidenceCell(world);
    const response = await cell.get(`/v1/ledger/export?from=${iso(0)}&to=${iso(24)}`, "auditor");
    const reader = response.body?.getReader();
    await reader?.read();
    cell.expire();
    await expect(reader?.read()).rejects.toThrow("shutting down");
  });
});

describe("an export for a SIEM", () => {
  it("is one OCSF event a line for each entry of the period, with the entry's own text", async () => {
    const response = await evidenceCell(world).get(
      `/v1/ledger/export?from=${iso(9)}&to=${iso(24)}&format=ocsf`,
      "auditor",
    );
    expect(response.headers.get("content-type")).toBe("application/jsonl");
    const lines = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ raw_data }) => raw_data)).toEqual(acme.texts.slice(630));
    expect(lines.at(-1)).toMatchObject({
      class_uid: 3001,
      metadata: { uid: `${acme.origin}#700` },
      user: { uid: "service:x" },
    });
  });

  it("breaks off as an error too when the archive is lost", async () => {
    const get: ObjectStore["get"] = () => Promise.reject(new ObjectStoreUnavailable("no answer"));
    const cell = evidenceCell({ ...world, archive: { ...archive, get } });
    const response = await cell.get("/v1/ledger/export?format=ocsf", "auditor");
    await expect(response.text()).rejects.toThrow();
  });
});
