import { argv, stdout } from "node:process";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { setTimer } from "../../durable/runtime/timers.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { ok } from "../../shared/contracts/result.ts";
import { crashClass, OBJECTS, WRITERS } from "./crash-class.ts";

/** Writes rows and timers as fast as it may and prints what was acknowledged, until it is killed. */
const home = argv[2] ?? "";
const host = openEmbeddedHost({
  home,
  clock: { now: () => Date.now() as UnixMs }, // safe because: milliseconds of the system's clock
  ids: {
    mint: () => {
      throw new Error("not used");
    },
    base62: (chars) => "0".repeat(chars),
    bytes: (count) => new Uint8Array(count),
  },
  classes: [crashClass],
  onError: (cause) => {
    throw cause;
  },
});

const payload = new Uint8Array(4_000).fill(7);
let next = 0;

async function write(): Promise<never> {
  for (;;) {
    const k = next++;
    const name = k % 50 === 0 ? `born${k}` : `o${k % OBJECTS}`;
    await host.provision(crashClass, name, (sql, env) => {
      sql.run("INSERT INTO row VALUES (?, ?)", k, payload);
      if (k % 50 === 0) setTimer(sql, { kind: "wake", key: "", due_ms: env.now + 3_600_000 });
      return ok(null);
    });
    await new Promise((resolve) => stdout.write(`${name} ${k}\n`, resolve));
  }
}
await Promise.all(Array.from({ length: WRITERS }, write));
