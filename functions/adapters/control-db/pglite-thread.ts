import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite, types } from "@electric-sql/pglite";
import type { Row } from "../../../shared/contracts/ports/control-db.ts";
import type { PgliteReply, PgliteRequest } from "./pglite-protocol.ts";
import { DECODED_TYPES, decode } from "./values.ts";

// Runs in a thread of its own: one transaction blocks a JavaScript thread for up to 830 ms.
const port = parentPort;
if (port === null) throw new Error("this module is the entry of a worker thread");
const say = (reply: PgliteReply) => port.postMessage(reply);
const dataDir = String(workerData.dataDir);
/** PostgreSQL's default of 128 MB is touched page by page and never given back; read models need a tenth of it. */
const BUFFERS = "16MB";

/** Every known type as text both ways, decoded by the rules that all drivers share. */
const options = {
  parsers: Object.fromEntries(
    [...Object.keys(types.parsers), ...DECODED_TYPES].map((oid) => [
      oid,
      (value: string) => decode(Number(oid), value),
    ]),
  ),
  serializers: Object.fromEntries(
    Object.keys(types.serializers).map((oid) => [oid, (value: unknown) => String(value)]),
  ),
};

async function boot(): Promise<PGlite> {
  // If we crash while the folder is made, half of one is left under a marker: it is made anew, nothing was served from it.
  const marker = `${dataDir}.initialising`;
  if (existsSync(marker) && statSync(dataDir, { throwIfNoEntry: false })?.isDirectory())
    rmSync(dataDir, { recursive: true });
  const known = existsSync(`${dataDir}/PG_VERSION`);
  say({ kind: "boot", stage: known ? "opening" : "initialising" });
  if (!known) writeFileSync(marker, "");
  // A node file system folder: every page write is a system call, so what was committed survives a killed process.
  const startParams = [...PGlite.defaultStartParams, "-c", `shared_buffers=${BUFFERS}`];
  const db = await PGlite.create({ dataDir: `file://${dataDir}`, relaxedDurability: false, startParams, ...options });
  rmSync(marker, { force: true });
  // Some 300 MiB that `initdb` leaves behind would wait for the next collection of the whole heap, which is hours away.
  if (!known) globalThis.gc?.();
  say({ kind: "boot", stage: "open" });
  return db;
}

const member = (error: unknown, name: "code" | "constraint"): string | null => {
  if (typeof error !== "object" || error === null) return null;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : null;
};

async function serve(db: PGlite, { id, statements }: PgliteRequest): Promise<void> {
  try {
    const rows = await db.transaction(async (tx) => {
      const results: Row[][] = [];
      for (const statement of statements) {
        results.push((await tx.query<Row>(statement.text, statement.params)).rows);
      }
      return results;
    });
    say({ kind: "rows", id, rows });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ kind: "error", id, message, code: member(error, "code"), constraint: member(error, "constraint") });
  }
}

try {
  const db = await boot();
  port.on("message", (message: PgliteRequest | { close: true }) => {
    if ("close" in message) void db.close().finally(() => say({ kind: "closed" }));
    else void serve(db, message);
  });
} catch (error) {
  say({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}
