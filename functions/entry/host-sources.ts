import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { ConfigSource } from "../../shared/contracts/ports/config-source.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import { folderConfigSource } from "../adapters/config-source/folder.ts";
import { nodeFolderHost } from "../adapters/config-source/folder-host.ts";
import { snapshotCompiler } from "../config/compiler.ts";
import { directoryOf } from "./cells-env.ts";
import type { EdgeEnv } from "./edge-env.ts";
import type { EmbeddedEnv } from "./embedded-env.ts";
import { hostSecret } from "./host.ts";
import { enginesLie } from "./residency.ts";

interface Parts {
  /** Root of the project, which brings a configuration along. */
  project: string;
  cell: { id: string; jurisdiction: string };
  variables: Readonly<Record<string, string | undefined>>;
  egress: Pick<Egress, "operatorFetch">;
  clock: Clock;
  telemetry: Pick<Telemetry, "log">;
}

/**
 * What a host process, cell or edge, is told from outside and follows while it runs: the directory of cells and the folder
 * of its configuration. Throws what either finds unusable.
 */
export async function hostSources(
  env: EdgeEnv | EmbeddedEnv,
  { project, cell, variables, egress, clock, telemetry }: Parts,
): Promise<{ directory: Awaited<ReturnType<typeof directoryOf>>; config: ConfigSource }> {
  const reach = { readFile: (path: string) => readFile(path, "utf8"), fetch: egress.operatorFetch };
  const directory = await directoryOf(env, reach, {
    clock,
    onFault: (fault) =>
      fault === null
        ? telemetry.log.info("directory.good", {})
        : telemetry.log.error("directory.refused", new Error(fault)),
  });
  const config = await folderConfigSource({
    folder: env.BAILIWICK_CONFIG ? resolve(env.BAILIWICK_CONFIG) : join(project, "infra/local/config"),
    host: nodeFolderHost,
    compile: snapshotCompiler({
      cell: { ...cell, engines: enginesLie(cell.jurisdiction, env.BAILIWICK_RESIDENCY) },
      secretsPresent: (ref) => hostSecret(variables, ref) !== null,
      variable: (name) => variables[name] ?? null,
    }),
    onError: (cause) => telemetry.log.error("config.watch", cause),
  });
  return { directory, config };
}
