import { describe, expect, it } from "vitest";
import type { MovedRows } from "../../durable/runtime/moved-rows.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { SessionStore } from "../../shared/contracts/ports/session-store.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";

const tenant = TenantId.parse("mover");
const PAGE = { after: null, limit: 100, order: "asc" } as const;
let made = 0;

/** What every `MovedRows` promises, over sessions. */
export function movedRowsContract(name: string, host: () => { rows: MovedRows; sessions: SessionStore }): void {
  async function inhabited(count: number): Promise<string> {
    const session = `s${Date.now().toString(36)}x${made++}`;
    const items = Array.from({ length: count }, (_, n) => ({
      id: `i${n}`,
      type: "message",
      sealed: new Uint8Array(3_000).fill(n),
    }));
    const created = await host().sessions.create(tenant, session, {
      expires_ms: (Date.now() + 3_600_000) as UnixMs, // safe because: a time in milliseconds
      meta: new Uint8Array([0, 255]),
      ...{ items, conversation: true },
      key: { subject_key: "k".repeat(26), wrapped: new Uint8Array(61).fill(7) },
    });
    expect(created.ok).toBe(true);
    return session;
  }
  /** Everything of an object, in pieces of about so many bytes. */
  async function dumped(object: string, bytes: number): Promise<TableRows[][]> {
    const pieces: TableRows[][] = [];
    let cursor: RowsCursor | null = null;
    do {
      const piece: Awaited<ReturnType<MovedRows["dump"]>> = await host().rows.dump(object, cursor, bytes);
      if (piece === null) throw new Error("the object is not there");
      pieces.push(piece.tables);
      cursor = piece.next;
    } while (cursor !== null);
    return pieces;
  }
  const whole = (session: string) => host().sessions.items(tenant, session, PAGE);

  describe(`MovedRows over ${name}`, () => {
    it("writes in another object what it read piece by piece, bytes included", async () => {
      const from = await inhabited(12);
      const pieces = await dumped(`${tenant}:${from}`, 4_000);
      expect(pieces.length).toBeGreaterThan(5);
      const to = `${from}-moved`;
      for (const tables of pieces)
        expect((await host().rows.place(`${tenant}:${to}`, "archive", tables)).ok).toBe(true);
      expect(await whole(to)).toEqual(await whole(from));
      expect((await whole(to)).ok).toBe(true);
      expect(await dumped(`${tenant}:${to}`, 4_000)).toEqual(pieces);
    });

    it("comes to the same when pieces are written twice, and to the other archive's when that is written", async () => {
      const [one, two] = [await inhabited(4), await inhabited(2)];
      const [first, second] = [await dumped(`${tenant}:${one}`, 4_000), await dumped(`${tenant}:${two}`, 4_000)];
      const to = `${tenant}:${one}-moved`;
      for (const tables of [...first, ...first]) await host().rows.place(to, "first", tables);
      expect(await whole(`${one}-moved`)).toEqual(await whole(one));
      for (const tables of second) await host().rows.place(to, "second", tables);
      expect(await whole(`${one}-moved`)).toEqual(await whole(two));
    });

    it("has nothing of an object that an archive lacks, whatever stood there, and makes none for it", async () => {
      const one = await inhabited(2);
      expect((await host().rows.place(`${tenant}:${one}`, "archive", [])).ok).toBe(true);
      expect((await whole(one)).ok).toBe(false);
      expect((await host().rows.place(`${tenant}:${one}-never`, "archive", [])).ok).toBe(true);
      expect(await host().rows.dump(`${tenant}:${one}-never`, null, 1_000)).toBeNull();
    });

    it("has nothing of an object that was never made, and makes none by looking", async () => {
      expect(await host().rows.dump(`${tenant}:never`, null, 1_000)).toBeNull();
    });

    it("refuses rows of another schema, and leaves no object behind", async () => {
      const foreign = [{ table: "session", columns: ["id"], rows: [["x"]] }];
      expect(await host().rows.place(`${tenant}:foreign`, "archive", foreign)).toMatchObject({
        error: { reason: "schema_differs" },
      });
      expect(await host().rows.dump(`${tenant}:foreign`, null, 1_000)).toBeNull();
    });
  });
}
