import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedHost, type EmbeddedHostOptions, openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Ids } from "../../shared/contracts/ports/clock.ts";

/** A clock that stands still until it is moved. */
export class TestClock {
  #now: number;
  constructor(now = Date.now()) {
    this.#now = now;
  }
  now(): UnixMs {
    return this.#now as UnixMs; // safe because: a test's own milliseconds
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

let minted = 0;
const ids: Ids = {
  mint: () => {
    throw new Error("durable cores mint text only");
  },
  base62: (chars) => String(++minted).padStart(chars, "0"),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

export interface ObjectsHome {
  readonly path: string;
  readonly clock: TestClock;
  /** What hosts reported. */
  readonly errors: unknown[];
  open(options?: Partial<EmbeddedHostOptions>): EmbeddedHost;
  remove(): void;
}

/** A home directory for embedded hosts, opened and reopened by a test. */
export function objectsHome(defaults: Pick<EmbeddedHostOptions, "classes">): ObjectsHome {
  const path = mkdtempSync(join(tmpdir(), "bailiwick-home-"));
  const clock = new TestClock();
  const errors: unknown[] = [];
  return {
    path,
    clock,
    errors,
    open: (options) =>
      openEmbeddedHost({ home: path, clock, ids, onError: (cause) => errors.push(cause), ...defaults, ...options }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
