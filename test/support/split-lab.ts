import { join } from "node:path";
import { startSplit } from "./cell.ts";
import { type Lab, labOver, TEST_UPSTREAM_KEY, WITHOUT_DATABASE } from "./lab.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import type { SplitCell, SplitOptions } from "./split-cell.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** A cell in several processes, its engine, and every edge by itself. */
export interface SplitLab {
  cell: SplitCell;
  upstream: Upstream;
  /** Asks whatever spreads calls over the edges. */
  all: Lab;
  /** Asks one edge. */
  at(edge: number): Lab;
  stop(): Promise<void>;
}

export async function startSplitLab(options: Partial<SplitOptions> & Pick<SplitOptions, "edges">): Promise<SplitLab> {
  const upstream = await new Upstream().start();
  const cell = await startSplit({
    runtime: "deno",
    config: testConfig({ local: upstream.url }),
    trusted: join(import.meta.dirname, "tls/authority.crt"),
    ...options,
    env: { TEST_UPSTREAM_KEY, TEST_BUNDLE_SECRET: BUNDLE_SECRET, ...WITHOUT_DATABASE, ...options.env },
  }).catch(async (cause: unknown) => {
    await upstream.stop();
    throw cause;
  });
  const over = (url: string) =>
    labOver(
      () => Object.defineProperty({ ...cell }, "url", { value: url }) as SplitCell, // safe because: only its address is another
      () => upstream,
      () => upstream,
    );
  return {
    ...{ cell, upstream },
    all: over(cell.url),
    at: (edge) => over(cell.edges[edge] ?? ""),
    async stop() {
      await cell.stop();
      await upstream.stop();
    },
  };
}
