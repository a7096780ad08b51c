import { argv } from "node:process";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { crashClass } from "./crash-class.ts";

/** Starts on the home of a killed process, brings its logs into their databases, and ends, unless it is killed before. */
const host = openEmbeddedHost({
  home: argv[2] ?? "",
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
// The timers of the sweep keep no process alive: a cell has a server that does.
const alive = setInterval(() => undefined, 60_000);
await host.recovered();
clearInterval(alive);
await host.close();
