import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CellRuntime } from "../../support/cell.ts";
import { eventually, startLab, type Tenant, user, WITHOUT_DATABASE } from "../../support/lab.ts";
import { expectChained, readLedger } from "../../support/ledger.ts";

const MiB = 1024 * 1024;
const CHAT = "/v1/chat/completions";
const RUNTIMES: readonly CellRuntime[] = ["deno", "node"];
const PARALLEL = 200;
const ROUNDS = 2;
const WARM_UP = 20;
/** Bodies in flight (256 MiB), once more as they are put together, their texts, and what the collector has not seen yet. */
const GROWTH_MIB_MAX = 1_200;

if (!existsSync("/proc/self/status")) console.warn("skipped: memory is read from /proc, which this machine has not");

/** Peak and present resident memory of a process, in MiB. */
function memoryOf(pid: number): { peak: number; now: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { peak: mib("VmHWM"), now: mib("VmRSS") };
}

interface Sent {
  headers?: string[];
  /** Parts of a chunked body, or a whole one with its length. */
  chunks?: Iterable<Buffer>;
  whole?: Buffer;
}

function* repeated(part: Buffer, count: number): Iterable<Buffer> {
  for (let n = 0; n < count; n++) yield part;
}

const SPACES = Buffer.alloc(MiB / 4, " ");
const DEEP = Buffer.from("[".repeat(MiB));
const MEMBERS = Buffer.from(`{"model":"echo",${Array.from({ length: 100_000 }, (_, n) => `"m${n}":0`)},"m0":1}`);
const BOMB = gzipSync(Buffer.alloc(16 * MiB, " "));
/** Each kind with the answers that are right; 429 where the cell holds as much as it may. */
const KINDS: readonly { sent: () => Sent; right: number[] }[] = [
  { sent: () => ({ chunks: repeated(SPACES, 4 * 40) }), right: [413, 429] },
  { sent: () => ({ headers: [`content-length: ${64 * MiB}`] }), right: [413] },
  { sent: () => ({ chunks: repeated(SPACES, 4 * 12) }), right: [400, 429] },
  { sent: () => ({ whole: DEEP }), right: [400, 429] },
  { sent: () => ({ whole: MEMBERS }), right: [400, 429] },
  { sent: () => ({ whole: BOMB, headers: ["content-encoding: gzip"] }), right: [415] },
];

describe.runIf(existsSync("/proc/self/status")).each(RUNTIMES)("bad input in great number on %s", (runtime) => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;
  beforeAll(async () => {
    lab = await startLab({ runtime, env: WITHOUT_DATABASE });
    tenant = await lab.newTenant();
    await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1" } });
  });
  afterAll(async () => {
    await lab?.stop();
  });

  /** Sends until the cell answers; the status, or 0 when it closed without one. */
  function send({ headers = [], chunks, whole }: Sent): Promise<number> {
    const url = new URL(lab.cell.url);
    return new Promise((resolve) => {
      const socket = connect({ host: url.hostname, port: Number(url.port) });
      let received = "";
      socket.setEncoding("latin1");
      socket.on("data", (text) => {
        received += text;
        if (/^HTTP\/1\.1 \d{3}/.test(received)) socket.destroy();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)));
      const framing = chunks ? ["transfer-encoding: chunked"] : whole ? [`content-length: ${whole.length}`] : [];
      const lines = [`host: ${url.host}`, `authorization: Bearer ${tenant.apiKey}`, "content-type: application/json"];
      socket.write(`POST ${CHAT} HTTP/1.1\r\n${[...lines, ...framing, ...headers].join("\r\n")}\r\n\r\n`);
      if (whole) socket.write(whole);
      const parts = chunks?.[Symbol.iterator]();
      const more = (): void => {
        for (;;) {
          if (!parts || socket.destroyed || received !== "") return;
          const next = parts.next();
          if (next.done) return void socket.write("0\r\n\r\n");
          socket.write(`${next.value.length.toString(16)}\r\n`);
          socket.write(next.value);
          if (!socket.write("\r\n")) return void socket.once("drain", more);
        }
      };
      more();
    });
  }

  async function round(): Promise<void> {
    const answers = await Promise.all(
      Array.from({ length: PARALLEL }, async (_, n) => {
        const kind = KINDS[n % KINDS.length];
        return { right: kind?.right ?? [], status: await send(kind?.sent() ?? {}) };
      }),
    );
    for (const { right, status } of answers) expect(right).toContain(status);
  }

  const good = () => lab.ask(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("fine")] } });

  it("takes bounded memory, gives it back, and leaves the cell answering", async () => {
    for (let n = 0; n < WARM_UP; n++) expect((await good()).status).toBe(200);
    const before = memoryOf(lab.cell.pid);
    // What one round took is there for the next: what stayed would add to the last peak.
    for (let n = 0; n < ROUNDS; n++) {
      await round();
      expect(memoryOf(lab.cell.pid).peak - before.now).toBeLessThan(GROWTH_MIB_MAX);
      expect((await good()).status).toBe(200);
    }
  });

  it("writes nothing half: no task, no hold, no session, and a ledger that tells of good calls alone", async () => {
    const log = await readLedger(lab, tenant.adminKey);
    expectChained(log);
    const kinds = log.entries.map(({ kind }) => kind);
    const opened = kinds.filter((kind) => kind === "task.opened").length;
    expect(opened).toBe(WARM_UP + ROUNDS);
    expect(kinds.filter((kind) => kind === "task.closed")).toHaveLength(opened);
    expect(lab.upstream.seen).toHaveLength(opened);
    const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
    expect(data[0]).toMatchObject({ held_nusd: 0, spent_nusd: opened * 20_000 });
    for (const objects of ["session", "task"]) {
      const folder = join(lab.cell.home, "objects", objects);
      expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
    }
  });

  it("that stalls in the middle of a body is let go, so that slow senders hold neither memory nor a drain", async () => {
    const url = new URL(lab.cell.url);
    const sockets = Array.from({ length: 50 }, () => {
      const socket = connect({ host: url.hostname, port: Number(url.port) });
      socket.on("error", () => undefined);
      socket.write(
        `POST ${CHAT} HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${tenant.apiKey}\r\n` +
          `content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{"model":`,
      );
      return socket;
    });
    await eventually(
      async () => sockets.every((socket) => socket.bytesWritten > 0),
      (all) => all,
    );
    expect((await good()).status).toBe(200);
    expect(await lab.cell.drain()).toBe(0);
    for (const socket of sockets) socket.destroy();
    await lab.cell.start();
    expect((await good()).status).toBe(200);
  });
});
