import { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CellRuntime } from "../support/cell.ts";
import { expectBooksBalance, type FaultCell, startFaultCell } from "../support/fault-cell.ts";
import { eventually, marker, user } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { observed } from "./faults/observed.ts";

const CHAT = "/v1/chat/completions";
const TEST_MS = 240_000;
const RUNTIMES: readonly CellRuntime[] = ["deno", "node"];

/** Repeats a change in several hands and kills the cell once enough of them were answered. Answers those that were. */
async function killedAmid<T>(at: FaultCell, enough: number, hands: number, change: () => Promise<T>): Promise<T[]> {
  const answered: T[] = [];
  let killed: Promise<void> | null = null;
  const hand = async () => {
    while (killed === null) {
      const done = await change().then(
        (value) => ({ value }),
        (cause: unknown) => {
          // Whoever asks a cell that dies hears nothing; a refusal would be a mistake of the test.
          if (killed === null) throw cause;
          return null;
        },
      );
      if (done !== null) answered.push(done.value);
      if (answered.length >= enough) killed ??= at.cell.kill9();
    }
  };
  await Promise.all(Array.from({ length: hands }, hand));
  await killed;
  await at.cell.start();
  return answered;
}

describe.each(RUNTIMES)("a cell on %s that is killed while it is changed", (runtime) => {
  let at: FaultCell;
  beforeAll(async () => {
    at = await startFaultCell({ runtime });
  });
  afterAll(() => at?.stop(), 60_000);
  const status = async (path: string, key: string) => {
    const response = await at.lab.ask(path, { key });
    await response.arrayBuffer();
    return response.status;
  };

  it(
    "keeps every key that it gave out, and no key that it said to have revoked",
    async () => {
      const tenant = await at.tenant();
      const kept = await killedAmid(at, 40, 6, async () => {
        const [stays, goes] = [await at.lab.newKey(tenant), await at.lab.newKey(tenant)];
        const revoked = await at.lab.ask(`/v1/keys/${goes.id}`, { key: tenant.adminKey, method: "DELETE" });
        if (!revoked.ok) throw new Error(`revoking: ${revoked.status}`);
        await revoked.arrayBuffer();
        return { stays: stays.secret, goes: goes.secret };
      });
      for (const { stays, goes } of kept)
        expect([await status("/v1/models", stays), await status("/v1/models", goes)]).toEqual([200, 401]);
      const { entries } = await expectBooksBalance(at.lab, tenant);
      observed(
        "keys-killed",
        runtime,
        `${kept.length} keys kept work, ${kept.length} revoked ones do not; ${entries} entries chained`,
      );
    },
    TEST_MS,
  );

  it(
    "has every tenant that it said to have made, whole",
    async () => {
      const made = await killedAmid(at, 12, 3, () => at.lab.newTenant());
      for (const tenant of made) {
        expect(await status("/v1/models", tenant.apiKey)).toBe(200);
        const call = await at.lab.json(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("hi")] } });
        expect(call.choices).toHaveLength(1);
        expect((await readLedger(at.lab, tenant.adminKey)).entries.map(({ kind }) => kind)).toContain("task.closed");
      }
      observed(
        "tenants-killed",
        runtime,
        `${made.length} tenants that were answered answer with their first keys, each with a ledger of its own`,
      );
    },
    TEST_MS,
  );

  it(
    "gives back every file whose upload it answered, and lists none that was cut off",
    async () => {
      const tenant = await at.tenant();
      const client = () => at.lab.openai(tenant.apiKey);
      let turn = 0;
      const kept = await killedAmid(at, 20, 4, async () => {
        const fill = turn++ % 251;
        const file = await toFile(Buffer.alloc(300_000, fill), "in");
        const { id } = await client().files.create({ file, purpose: "user_data" });
        return { id, fill };
      });
      for (const { id, fill } of kept) {
        const bytes = Buffer.from(await (await client().files.content(id)).arrayBuffer());
        expect([bytes.length, bytes.every((byte) => byte === fill)]).toEqual([300_000, true]);
      }
      // Whatever else is listed was whole when the cell died, though nobody heard of it.
      const { data } = await client().files.list();
      for (const { id } of data) expect((await client().files.content(id)).status).toBe(200);
      expect(data.length).toBeGreaterThanOrEqual(kept.length);
      expect(data.length).toBeLessThanOrEqual(kept.length + 4);
      observed(
        "uploads-killed",
        runtime,
        `${kept.length} uploads were answered and are whole; ${data.length} are listed, each with its content`,
      );
    },
    TEST_MS,
  );

  it(
    "brings nothing back of what it said to have erased",
    async () => {
      const tenant = await at.lab.newTenant({ content: "store" });
      const gone = await killedAmid(at, 8, 2, async () => {
        const subject = `subject-${marker()}`;
        const { secret } = await at.lab.newKey(tenant, { subject, roles: ["developer"] });
        const conversation = await at.lab.openai(secret).conversations.create({ items: [user("to be erased")] });
        await at.lab.json("/v1/erasures", { key: tenant.adminKey, body: { scope: "subject", subject } });
        return { secret, path: `/v1/conversations/${conversation.id}` };
      });
      for (const { secret, path } of gone) expect([path, await status(`${path}/items`, secret)]).toEqual([path, 404]);
      const entries = async () =>
        (await readLedger(at.lab, tenant.adminKey)).entries.filter(({ kind }) => kind === "data.erased").length;
      expect(await eventually(entries, (count) => count >= gone.length)).toBeGreaterThanOrEqual(gone.length);
      observed(
        "erasure-killed",
        runtime,
        `${gone.length} subjects stay erased; the ledger has ${await entries()} entries of erasures`,
      );
    },
    TEST_MS,
  );
});
