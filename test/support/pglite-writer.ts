import { pgliteControlDb } from "../../functions/adapters/control-db/pglite-worker.ts";

/** Writes two rows a transaction for ever, and says which are acknowledged: a process to be killed. */
const [dataDir = "", round = ""] = process.argv.slice(2);
const db = pgliteControlDb({ cell: "local", dataDir });
await db.migrate();
console.log(`pid ${process.pid}`);
for (let n = 0; ; n += 1) {
  const insert = (half: string) => ({
    text: "insert into parked_events (event_id, type, reason, event, parked_ms) values ($1, 'test', 'test', '{}'::jsonb, 0)",
    params: [`${round}:${n}:${half}`],
  });
  await db.withTenant("writer", [insert("a"), insert("b")]);
  console.log(`ack ${n}`);
}
