import { hostEgress } from "../../functions/adapters/egress/deno.ts";
import { LOOPBACK_ONLY } from "../../functions/adapters/egress/target.ts";

/** Asks for each URL of its arguments as a tenant's address is asked, with the permissions of a cell, and prints what came. */
const egress = hostEgress({ rules: LOOPBACK_ONLY, resolve: async () => [{ address: "127.0.0.1", family: 4 }] });
for (const url of process.argv.slice(2)) {
  const bounds = { bytes_max: 1_000, timeout_ms: 5_000, accept: "*/*" };
  const said = await egress.tenantGet(url, bounds).then(
    ({ status, body }) => `${status} ${new TextDecoder().decode(body)}`,
    ({ message }: Error) => message,
  );
  console.log(said);
}
