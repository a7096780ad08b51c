import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { HomeLocked } from "../../durable/runtime/home-lock.ts";
import { SchemaTooNew } from "../../durable/runtime/migrate.ts";
import { systemClock } from "../../functions/adapters/clock/system.ts";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { HomeUnusable, readKeys } from "../../functions/entry/home.ts";
import type { OperatorBinding } from "../../functions/entry/operator-binding.ts";
import { makeOperatorKey, type NoOperatorKey } from "../../functions/entry/operator-key.ts";
import { releaseOf } from "../../functions/entry/release.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { parseApiKey } from "../../shared/crypto/api-key.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { ROOT } from "../local/command.mjs";
import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";

/**
 * `npx bailiwick operator`: a new key of the cell's operators. Of an embedded cell it is made in its home while the cell
 * stands still; of a Workers cell under its root secret, and the binding that names it (its digest alone) goes to a file
 * for whoever deploys the cell. The key is all that goes to standard output.
 */
export const operator: Run = async (words, terminal) => {
  const values = parsed(words);
  return values.root === undefined ? atHome(values, terminal) : forDeployment(values, terminal);
};

async function atHome({ home: given, tenant, cell }: Values, { out, err, variable }: Terminal): Promise<number> {
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
}

async function forDeployment({ root, binding, tenant, cell }: Values, terminal: Terminal): Promise<number> {
  if (root === undefined || binding === undefined || tenant === undefined || cell === undefined)
    throw new Usage("--root goes with --binding, --tenant and --cell");
  const text = root === "-" ? await terminal.input(ROOT_CHARS_MAX) : refusing(() => readFileSync(root, "utf8"));
  const secret = decodeBase64url(text.trim());
  if (secret?.length !== ROOT_BYTES) throw new Refused("the root secret is 32 bytes in base64url");
  const ids = randomIds(systemClock);
  const key = mint(
    { ids, keyring: await secretKeyring([secret], systemClock), cell: { id: cell } },
    TenantId.parse(tenant),
  );
  const told: OperatorBinding = { tenant: TenantId.parse(tenant), kid: key.kid, digest: key.digest };
  refusing(() => writeFileSync(binding, `${JSON.stringify(told)}\n`));
  terminal.out(`${key.text}\n`);
  terminal.err(
    `A key of the cell's operators, shown here alone. It works once ${binding} is the cell's BAILIWICK_OPERATOR_KEY.\n`,
  );
  return EXIT.done;
}

/** What the file system forbids, as one line. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Refused(cause instanceof Error ? cause.message : String(cause));
  }
}

const ROOT_BYTES = 32;
const ROOT_CHARS_MAX = 1_024;

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

type Values = Partial<Record<"home" | "tenant" | "cell" | "root" | "binding", string>>;

function parsed(words: readonly string[]): Values {
  const text = { type: "string" } as const;
  let values: Values;
  try {
    const options = { home: text, tenant: text, cell: text, root: text, binding: text };
    ({ values } = parseArgs({ args: [...words], options }));
  } catch (cause) {
    // `parseArgs` throws for nothing but the words.
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
  if (values.tenant !== undefined && !TenantId.safeParse(values.tenant).success) throw new Usage("--tenant is an id");
  if (values.cell !== undefined && !CellId.safeParse(values.cell).success) throw new Usage("--cell is an id");
  if (values.home !== undefined && values.root !== undefined) throw new Usage("--home or --root, not both");
  if (values.binding !== undefined && values.root === undefined) throw new Usage("--binding goes with --root");
  return values;
}
