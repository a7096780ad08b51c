import { parseArgs } from "node:util";
import { smoke, smokePassed } from "./smoke.ts";

/**
 * `npm run smoke -- --url URL [--key KEY] [--model NAME]`: black-box checks of a cell. The key is better given as
 * BAILIWICK_KEY, which no list of processes shows. Exit 0 passed, 1 failed, 2 not understood.
 */
const { values } = parseArgs({
  options: { url: { type: "string" }, key: { type: "string" }, model: { type: "string", default: "synthetic-small" } },
});
const key = values.key ?? process.env.BAILIWICK_KEY;
if (values.url === undefined || key === undefined) {
  process.stderr.write(
    "npm run smoke -- --url URL [--model NAME]   with BAILIWICK_KEY, a key that may call the model\n",
  );
  process.exit(2);
}
const results = await smoke({ url: values.url.replace(/\/(?:v1\/?)?$/, ""), key, model: values.model });
for (const { name, ok, detail, ms } of results)
  process.stdout.write(`${ok ? "ok  " : "FAIL"}  ${name}: ${detail} (${ms} ms)\n`);
process.stdout.write(smokePassed(results) ? "PASSED\n" : "FAILED\n");
process.exitCode = smokePassed(results) ? 0 : 1;
