import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { toFile } from "openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { objectFolder, objectPath } from "../../durable/runtime/object-path.ts";
import { expectBooksBalance, type FaultCell, startFaultCell } from "../support/fault-cell.ts";
import { eventually, type Tenant, user } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { observed } from "./faults/observed.ts";

const CHAT = "/v1/chat/completions";
const TEST_MS = 180_000;
const PAGE_BYTES = 4_096;
/** Refused with a reason to come back: nothing is answered out of what is damaged. */
const REFUSED = 503;

describe("a home whose files were damaged while its cell was away", () => {
  let at: FaultCell;
  let tenant: Tenant;
  let other: Tenant;
  beforeEach(async () => {
    at = await startFaultCell();
    [tenant, other] = [await at.tenant(), await at.tenant()];
    for (const each of [tenant, other]) for (let n = 0; n < 12; n++) expect(await chat(each)).toBe(200);
  });
  afterEach(() => at?.stop(), 60_000);

  const chat = async ({ apiKey }: Tenant) => {
    // What a cut log took the end of is closed by its alarm soon.
    const headers = { "x-bailiwick-deadline-ms": "5000" };
    const response = await at.lab.ask(CHAT, { key: apiKey, headers, body: { model: "echo", messages: [user("hi")] } });
    await response.arrayBuffer();
    return response.status;
  };
  const database = () => objectPath(objectFolder(at.cell.home, "tenant"), tenant.id);
  /** Copies the log into the database, as a cell does that ends in order. */
  const drained = async () => {
    expect(await at.cell.drain()).toBe(0);
    return database();
  };
  const otherIsWell = async () => {
    expect(await chat(other)).toBe(200);
    return expectBooksBalance(at.lab, other);
  };
  const published = async () => {
    const response = await eventually(
      () => at.lab.ask("/v1/ledger/export", { key: tenant.adminKey }),
      ({ status }) => status === 200,
      60_000,
    );
    await response.arrayBuffer();
    expect(response.status).toBe(200);
  };

  it(
    "in a tenant's pages refuses that tenant's calls and keys alone, and serves them again from a good copy",
    async () => {
      const path = await drained();
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      // Every page but the first, which says what the file is.
      for (let page = PAGE_BYTES; page < bad.length; page += PAGE_BYTES) bad.fill(0xa5, page, page + PAGE_BYTES);
      writeFileSync(path, bad);
      await at.cell.start();
      const statuses = [await chat(tenant), await chat(tenant)];
      const change = await at.lab.ask("/v1/keys", { key: tenant.adminKey, body: { name: "x", roles: ["developer"] } });
      await change.arrayBuffer();
      const read = await at.lab.ask("/v1/ledger?limit=1", { key: tenant.adminKey });
      await read.arrayBuffer();
      expect([...statuses, change.status, read.status]).toEqual([REFUSED, REFUSED, REFUSED, REFUSED]);
      const whole = await otherIsWell();
      expect((await at.lab.ask("/healthz")).status).toBe(200);
      await at.cell.drain();
      for (const end of ["-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
      writeFileSync(path, good);
      await at.cell.start();
      expect(await chat(tenant)).toBe(200);
      const back = await expectBooksBalance(at.lab, tenant);
      observed(
        "page-damaged",
        "deno",
        `${bad.length / PAGE_BYTES - 1} pages overwritten: calls ${statuses.join(", ")}, a new key ${change.status}, the ledger ${read.status}; the other tenant goes on (${whole.tasks} tasks); with a good copy ${back.tasks} tasks balance`,
      );
    },
    TEST_MS,
  );

  it(
    "in a write-ahead log that was cut anywhere gives a whole, earlier state",
    async () => {
      await at.cell.kill9();
      const log = `${database()}-wal`;
      expect(existsSync(log)).toBe(true);
      const size = statSync(log).size;
      const cut = Math.floor(size * 0.6) + 13;
      truncateSync(log, cut);
      await at.cell.start();
      const books = await eventually(
        async () => ({ status: await chat(tenant) }),
        ({ status }) => status === 200,
      );
      expect(books.status).toBe(200);
      const after = await expectBooksBalance(at.lab, tenant);
      expect(after.tasks).toBeLessThan(13);
      expect(after.tasks).toBeGreaterThan(0);
      const whole = await otherIsWell();
      observed(
        "log-cut",
        "deno",
        `${cut} of ${size} bytes of the log left: ${after.tasks - 1} of 12 tasks are there, chained, one sum; the rest is as if never asked (no disk that keeps its word does this); the other tenant has all ${whole.tasks}`,
      );
    },
    TEST_MS,
  );

  it(
    "by an older copy of a tenant whose checkpoint is signed halts that tenant, so that no second history is signed",
    async () => {
      const path = await drained();
      const old = `${path}.old`;
      copyFileSync(path, old);
      await at.cell.start();
      for (let n = 0; n < 5; n++) await chat(tenant);
      await published();
      const signed = await (await at.lab.ask("/v1/ledger/checkpoint", { key: tenant.adminKey })).text();
      await at.cell.drain();
      for (const end of ["-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
      copyFileSync(old, path);
      rmSync(old);
      await at.cell.start();
      // Entries beyond what was signed would be a fork: the first publication of them finds it.
      await chat(tenant);
      const asked = await at.lab.ask("/v1/ledger/export", { key: tenant.adminKey });
      await asked.arrayBuffer();
      const halted = await eventually(
        () => chat(tenant),
        (status) => status === REFUSED,
        90_000,
      );
      expect(halted).toBe(REFUSED);
      const refusal = await at.lab.ask(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("hi")] } });
      const { error } = await refusal.json();
      const now = await (await at.lab.ask("/v1/ledger/checkpoint", { key: tenant.adminKey })).text();
      // What was signed stays what is served, or nothing is.
      if (now.startsWith(signed.split("\n")[0] ?? ""))
        expect(now.split("\n").slice(0, 3)).toEqual(signed.split("\n").slice(0, 3));
      const whole = await otherIsWell();
      observed(
        "home-rewound",
        "deno",
        `signed at size ${signed.split("\n")[1]}, then the older database: calls ${halted} (${error.code}), no other checkpoint; the other tenant goes on (${whole.tasks} tasks)`,
      );
    },
    TEST_MS,
  );

  it(
    "in the object store is found: an altered file is never given out as if it were whole",
    async () => {
      const client = at.lab.openai(tenant.apiKey);
      const { id } = await client.files.create({
        file: await toFile(Buffer.alloc(300_000, 5), "in"),
        purpose: "user_data",
      });
      await published();
      await drained();
      const store = join(at.cell.home, "object-store");
      const names = readdirSync(store, { recursive: true, encoding: "utf8" }).map((name) => join(store, name));
      const files = names.filter((name) => statSync(name).isFile());
      const content = files.filter((name) => name.includes(id) && statSync(name).size > 200_000);
      const archived = files.filter((name) => name.includes(tenant.id) && /tile/.test(name));
      expect([content.length, archived.length > 0]).toEqual([1, true]);
      for (const name of [...content, ...archived]) {
        const bytes = readFileSync(name);
        const middle = Math.floor(bytes.length / 2);
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        writeFileSync(name, bytes);
      }
      await at.cell.start();
      const answer = await at.lab
        .ask(`/v1/files/${id}/content`, { key: tenant.apiKey })
        .then(async (response) => ({ status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }))
        .catch(() => ({ status: 0, bytes: Buffer.alloc(0) }));
      expect(answer.status === 200 && answer.bytes.length === 300_000).toBe(false);
      // An export reads what is archived: it ends in a refusal or a cut, or has what verifies.
      const exported = await at.lab.ask("/v1/ledger/export", { key: tenant.adminKey });
      const end = await exported.arrayBuffer().then(
        () => String(exported.status),
        () => "cut",
      );
      expect(end).not.toBe("200");
      const status = await chat(tenant);
      expect([200, REFUSED]).toContain(status);
      const whole = await otherIsWell();
      const { size } = await readLedger(at.lab, other.adminKey);
      observed(
        "archive-damaged",
        "deno",
        `one bit of a file and of ${archived.length} tiles: the download ${answer.status === 0 ? "is cut" : answer.status}, the export ${end}, a call of that tenant ${status}; the other tenant's ${whole.tasks} tasks and ${size} entries stand`,
      );
    },
    TEST_MS,
  );
});
