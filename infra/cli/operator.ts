import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { HomeLocked } from "../../durable/runtime/home-lock.ts";
import { SchemaTooNew } from "../../durable/runtime/migrate.ts";
import { HomeUnusable, readKeys } from "../../functions/entry/home.ts";
import { makeOperatorKey, type NoOperatorKey } from "../../functions/entry/operator-key.ts";
import { releaseOf } from "../../functions/entry/release.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { parseApiKey } from "../../shared/crypto/api-key.ts";
import { ROOT } from "../local/command.mjs";
import { EXIT, Refused, type Run, Usage } from "./command.ts";

/**
 * `npx bailiwick operator`: a new key of the operators of an embedded cell, made in its home while the cell stands still.
 * The key is all that goes to standard output.
 */
export const operator: Run = async (words, { out, err, variable }) => {
  const { home: given, tenant, cell } = parsed(words);
  const home = resolve(given ?? variable("BAILIWICK_HOME") ?? join(ROOT, ".bailiwick"));
  if (!existsSync(home)) throw new Refused(`there is no home ${home}`);
  try {
    const known = named(home);
    const made = await makeOperatorKey(home, TenantId.parse(tenant ?? known?.tenant ?? "default"), {
      id: CellId.parse(cell ?? known?.cell ?? variable("BAILIWICK_CELL") ?? "local"),
      region: variable("BAILIWICK_JURISDICTION") ?? "local",
      release: releaseOf(ROOT).release,
    });
    if (!made.ok) throw new Refused(WHY[made.error.reason]);
    out(`${made.value}\n`);
    err("A key of the cell's operators. It works when the cell is started again, and is shown here alone.\n");
    return EXIT.done;
  } catch (cause) {
    if (cause instanceof HomeLocked) throw new Refused(`${cause.message}; stop the cell first`);
    if (cause instanceof HomeUnusable || cause instanceof SchemaTooNew) throw new Refused(cause.message);
    throw cause;
  }
};

const WHY: Readonly<Record<NoOperatorKey["reason"], string>> = {
  no_cell: "no cell was ever started in this home",
  no_tenant: "the home has no such tenant; --tenant names the operators' own",
  ledger_halted:
    "the tenant's ledger and its archive disagree, or it is moving: start the cell and end that first (docs/runbook.md)",
};

/** Cell and tenant as the first keys of this home name them. */
function named(home: string) {
  const parsed = parseApiKey(readKeys(home)?.admin_key ?? "");
  return parsed.ok ? parsed.value : null;
}

function parsed(words: readonly string[]) {
  const text = { type: "string" } as const;
  let values: { home?: string; tenant?: string; cell?: string };
  try {
    ({ values } = parseArgs({ args: [...words], options: { home: text, tenant: text, cell: text } }));
  } catch (cause) {
    // `parseArgs` throws for nothing but the words.
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
  if (values.tenant !== undefined && !TenantId.safeParse(values.tenant).success) throw new Usage("--tenant is an id");
  if (values.cell !== undefined && !CellId.safeParse(values.cell).success) throw new Usage("--cell is an id");
  return values;
}
