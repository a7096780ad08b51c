import { neon, neonConfig } from "@neondatabase/serverless";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Row } from "../../../shared/contracts/ports/control-db.ts";
import { type ControlDbOptions, controlDb, type MigratableControlDb } from "./control-db.ts";
import { decode, type Executor } from "./values.ts";

export interface NeonOptions extends ControlDbOptions {
  connectionString: string;
  /** URL that speaks Neon's HTTP protocol, for self-hosted proxies. The SDK keeps it for the whole process. */
  endpoint?: string;
}

const types = { getTypeParser: (oid: number) => (text: string) => decode(oid, text) };

/**
 * Neon over HTTP: a call is one request and one server-side transaction, so nothing is held open between calls and it
 * runs where sockets do not. A request that gets no answer in time is abandoned and its outcome unknown.
 */
export function neonControlDb(options: NeonOptions): MigratableControlDb {
  if (options.endpoint !== undefined) neonConfig.fetchEndpoint = options.endpoint;
  const sql = neon(options.connectionString, { disableWarningInBrowsers: true });
  const executor: Executor = {
    async transaction(statements) {
      const queries = statements.map(({ text, params }) => sql.query(text, params, { types }));
      const signal = AbortSignal.timeout(LIMITS.controlDbTransactionMsMax);
      const results = await sql.transaction(queries, { fetchOptions: { signal } });
      // safe because: every column went through `decode`, which answers JSON values.
      return results as Row[][];
    },
    close: async () => undefined,
  };
  return controlDb(executor, options);
}
