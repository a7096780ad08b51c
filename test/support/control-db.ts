import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MigratableControlDb } from "../../functions/adapters/control-db/control-db.ts";
import { MIGRATIONS } from "../../functions/adapters/control-db/migrations/migrations.ts";
import { neonControlDb } from "../../functions/adapters/control-db/neon.ts";
import { pgliteControlDb } from "../../functions/adapters/control-db/pglite-worker.ts";
import { postgresControlDb } from "../../functions/adapters/control-db/postgres.ts";
import type { ControlDbHarness } from "../contract/control-db.contract.ts";
import { type NeonProxy, startNeonProxy } from "./neon-proxy.ts";
import { type Postgres, postgresBinaries, startPostgres } from "./postgres.ts";

/** The embedded database in a folder of its own. Its login role is PGlite's superuser. */
export function pgliteHarness(): ControlDbHarness & { dataDir: string } {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-pglite-"));
  const dataDir = join(home, "control-db");
  let open: MigratableControlDb | null = null;
  let admins = 1_000;
  return {
    dataDir,
    login: "postgres",
    async connect(options) {
      await open?.close();
      open = pgliteControlDb({ ...options, dataDir });
      return open;
    },
    async admin(statements) {
      admins += 1;
      await open?.migrate([...MIGRATIONS, { id: admins, name: "administration", statements }]);
    },
    async stop() {
      await open?.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

type Connect = (
  options: Parameters<ControlDbHarness["connect"]>[0] & { connectionString: string },
) => MigratableControlDb;

/** A PostgreSQL whose login role may create roles and owns its database, and is no superuser, as hosted ones are. */
async function serverHarness(bin: string, connect: Connect): Promise<ControlDbHarness & { postgres: Postgres }> {
  const postgres = await startPostgres(bin);
  await postgres.sql("create role cell_owner login createrole");
  const connectionString = await postgres.database("control", "cell_owner");
  const open: MigratableControlDb[] = [];
  return {
    postgres,
    login: "cell_owner",
    async connect(options) {
      const db = connect({ ...options, connectionString });
      open.push(db);
      return db;
    },
    admin: async (statements) => {
      await postgres.sql(`begin; ${statements.join("; ")}; commit`, "control");
    },
    async stop() {
      for (const db of open) await db.close();
      await postgres.stop();
    },
  };
}

export { postgresBinaries };
export const postgresHarness = (bin: string) => serverHarness(bin, postgresControlDb);
export async function neonHarness(bin: string): Promise<ControlDbHarness & { postgres: Postgres; proxy: NeonProxy }> {
  const proxy = await startNeonProxy();
  const server = await serverHarness(bin, (options) =>
    neonControlDb({
      ...options,
      // The SDK insists on a password; the cluster trusts loopback.
      connectionString: options.connectionString.replace("@", ":trusted@"),
      endpoint: proxy.endpoint,
    }),
  );
  return {
    ...server,
    proxy,
    async stop() {
      await server.stop();
      await proxy.close();
    },
  };
}
