import { hostExchange } from "../../functions/adapters/egress/host-exchange.ts";
import { EXCHANGE_SCENARIOS, RawServer } from "../support/exchange-scenarios.ts";

/** Runs every scenario of an exchange where this runs, and prints a line for each. */
for (const { title, run } of EXCHANGE_SCENARIOS) {
  const server = new RawServer();
  await server.listen();
  try {
    await run(hostExchange(), server);
    console.log(`ok ${title}`);
  } catch (cause) {
    console.log(`FAILED ${title}: ${String(cause)}`);
  }
  await server.close();
}
