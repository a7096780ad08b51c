import { OPERATIONS } from "../../functions/v1/index.ts";
import type { Operation } from "../../functions/v1/operation.ts";
import { ROLES } from "../../shared/contracts/actor.ts";
import { exampleOf } from "../../shared/contracts/http/fields.ts";
import { eventually, type Lab } from "./lab.ts";
import { fill, missingFor, OPERATION_ROWS, unlike } from "./operation-rows.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "./role-actions.ts";

/** Who must get nothing. A stranger is an administrator of another tenant, with every scope there. */
export const TRESPASSERS = [
  "no credential",
  "made-up key",
  "expired key",
  "stranger",
  "narrowed scope",
  "lesser role",
  "suspended tenant",
] as const;
export type Trespasser = (typeof TRESPASSERS)[number];

/** What a trespasser gets, or why nobody is there to try: `what: null`. */
export type Refusal = { what: string; why: null } | { what: null; why: string };
const gets = (what: string): Refusal => ({ what, why: null });
const nobody = (why: string): Refusal => ({ what: null, why });

const hasIds = ({ path }: Operation): boolean => /\{/.test(path);
/** The first role that may not do it; none for what every role may. */
const lesserRole = ({ action }: Operation) =>
  CELL_ACTIONS.includes(action)
    ? ("admin" as const)
    : ROLES.find((role) => !ROLE_ACTIONS[role].some((allowed) => allowed === action));

/** The whole table: every operation × everybody who must not. It throws for an operation without a row. */
export function refusalOf(operation: Operation, who: Trespasser): Refusal {
  const row = OPERATION_ROWS[operation.id];
  if (row === undefined) throw new Error(`${operation.id} has no row in operation-rows.ts`);
  switch (operation.gate) {
    case "public":
      return nobody("public");
    case "operations":
      return nobody("operators only, but on loopback");
    case "worker":
      return who === "stranger" ? nobody("no tenant has workers") : gets("401 invalid_api_key");
    case "governed":
      return governed(operation, who);
  }
}

function governed(operation: Operation, who: Trespasser): Refusal {
  const row = OPERATION_ROWS[operation.id] ?? {};
  const ofTheCell = CELL_ACTIONS.includes(operation.action);
  switch (who) {
    case "no credential":
    case "made-up key":
    case "expired key":
      return gets("401 invalid_api_key");
    case "suspended tenant":
      return gets("403 tenant_suspended");
    case "narrowed scope":
      return ofTheCell ? nobody("no tenant's scope") : gets("403 insufficient_scope");
    case "lesser role":
      return lesserRole(operation) === undefined ? nobody("every role may") : gets("403 forbidden");
    case "stranger":
      if (!hasIds(operation)) return nobody("names nothing");
      if (row.nobodys !== undefined) return nobody(row.nobodys);
      return gets(
        row.stranger === undefined ? "404 not_found, as for what never was" : `${row.stranger}, as for what never was`,
      );
  }
}

/** All cells of the table that somebody can try, by operation. */
export const TABLE = OPERATIONS.map((operation) => ({
  operation,
  refusals: TRESPASSERS.map((who) => ({ who, refusal: refusalOf(operation, who) })),
}));

const MADE_UP = `bw_local_default_000000000000_${"0".repeat(71)}`;

/** The trespassers of one cell. */
export interface Trespass {
  /** What somebody got, in the table's words; null where this cell cannot try it, with the reason in `missing`. */
  observe(operation: Operation, who: Trespasser): Promise<string>;
  missing(operation: Operation, who: Trespasser): string | null;
}

/** Makes their keys. The control database must be up. */
export async function trespass(lab: Lab): Promise<Trespass> {
  const [home, stranger, suspended] = [await lab.newTenant(), await lab.newTenant(), await lab.newTenant()];
  const keys = new Map<string, string>();
  for (const role of ROLES) keys.set(role, (await lab.newKey(home, { roles: [role] })).secret);
  for (const scope of ["ledger:read", "model:read"])
    keys.set(scope, (await lab.newKey(home, { roles: ["admin"], scopes: [scope] })).secret);
  const body = { suspended: true };
  await lab.json(`/v1/tenants/${suspended.id}`, { key: lab.cell.adminKey, method: "PATCH", body });
  const expiring = await lab.newKey(home, { roles: ["admin"], expires_at: new Date(Date.now() + 1_500).toISOString() });
  const models = () => lab.ask("/v1/models", { key: expiring.secret });
  await eventually(models, ({ status }) => status === 401);

  const keyOf = (name: string | undefined): string => {
    const key = keys.get(name ?? "");
    if (key === undefined) throw new Error(`no key for ${name}`);
    return key;
  };
  const headersOf = (operation: Operation, who: Trespasser): Record<string, string> => {
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    switch (who) {
      case "no credential":
        return {};
      case "made-up key":
        return bearer(MADE_UP);
      case "expired key":
        return bearer(expiring.secret);
      case "stranger":
        return bearer(stranger.adminKey);
      case "narrowed scope":
        return bearer(keyOf(operation.action === "ledger:read" ? "model:read" : "ledger:read"));
      case "lesser role":
        return bearer(keyOf(lesserRole(operation) ?? "admin"));
      case "suspended tenant":
        return bearer(suspended.adminKey);
    }
  };
  /** Asks with the operation's example; ids in the path exist nowhere unless given. */
  const ask = (operation: Operation, headers: Record<string, string>, path = fill(operation.path, IDS)) => {
    if (path.includes("missing-")) throw new Error(`${operation.id}: no id for ${path}`);
    return lab.ask(path, {
      method: operation.method.toUpperCase(),
      headers: {
        ...headers,
        ...(operation.media !== null && !operation.body ? { "content-type": operation.media } : {}),
      },
      ...(operation.body ? { body: exampleOf(operation.body) } : {}),
      ...(operation.media !== null && !operation.body ? { body: new Uint8Array([0x1f, 0x8b]) } : {}),
    });
  };

  async function asStranger(operation: Operation): Promise<string> {
    const row = OPERATION_ROWS[operation.id] ?? {};
    const owner = row.configured ? await lab.configuredTenant(row.configured) : home;
    const theirs = (await row.path?.({ lab, tenant: owner })) ?? {};
    const nobodys = Object.fromEntries(Object.entries(theirs).map(([name, value]) => [name, unlike(value)]));
    const headers = headersOf(operation, "stranger");
    const seen = await ask(operation, headers, fill(operation.path, theirs));
    const absent = await ask(operation, headers, fill(operation.path, nobodys));
    const code = seen.status < 400 ? "" : ` ${codeOf(await seen.clone().text())}`;
    const same = (await anonymous(seen, theirs)) === (await anonymous(absent, nobodys));
    // Their owner still has it: nothing was done to it.
    if (operation.method === "get") {
      const still = await ask(operation, { authorization: `Bearer ${owner.adminKey}` }, fill(operation.path, theirs));
      await still.body?.cancel();
      if (still.status !== operation.success[0]) return `${seen.status}${code}, and its owner got ${still.status}`;
    }
    return `${seen.status}${code}, ${same ? "as for what never was" : "unlike what never was"}`;
  }

  return {
    missing: (operation, who) => (who === "stranger" ? missingFor(OPERATION_ROWS[operation.id] ?? {}, lab) : null),
    async observe(operation, who) {
      if (who === "stranger") return asStranger(operation);
      const response = await ask(operation, headersOf(operation, who));
      const text = await response.text();
      // Who may not come in is told how one does, who is in but may not is told which scope (RFC 6750 §3).
      const challenge = response.headers.get("www-authenticate") ?? "";
      const wanted = response.status === 401 ? /^Bearer(?: |$)/ : /error="insufficient_scope"/;
      const silent = (response.status === 401 || who === "narrowed scope") && !wanted.test(challenge);
      return `${response.status} ${codeOf(text)}${silent ? `, challenge ${challenge}` : ""}`;
    },
  };
}

function codeOf(text: string): string {
  const { code, error } = JSON.parse(text);
  return String(error?.code ?? error?.type ?? code);
}

/** Well-formed ids that nobody has. */
const IDS: Readonly<Record<string, string>> = {
  model: "small",
  path: "0/000",
  task_id: `task_${"0".repeat(26)}`,
  response_id: `resp_${"0".repeat(26)}_${"0".repeat(26)}`,
  conversation_id: `conv_${"0".repeat(26)}`,
  item_id: "msg_0",
  file_id: `file-${"0".repeat(26)}`,
  batch_id: `batch_${"0".repeat(26)}`,
  tenant_id: "0",
  sha256: "0".repeat(64),
  workspace_id: "nobodys",
  project_id: "nobodys",
  environment_id: "nobodys",
  kid: "000000000000",
  budget_id: `bud_${"0".repeat(26)}`,
  credential_id: `cred_${"0".repeat(26)}`,
  revision: "1",
  version: "1",
  decision_id: `dec_${"0".repeat(26)}`,
  approval_id: `apr_${"0".repeat(26)}`,
  pool: "local",
  letter_id: "interactive.0",
};

/** What an answer says, without what differs between any two calls. */
async function anonymous(response: Response, ids: Readonly<Record<string, string>>): Promise<string> {
  let text = await response.text();
  for (const id of Object.values(ids)) text = text.replaceAll(id, "<id>");
  text = text.replace(/req_[0-9A-Za-z]{26}/g, "<request>").replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
  const headers = [...response.headers].filter(([name]) => !["date", "x-request-id", "content-length"].includes(name));
  return JSON.stringify([response.status, headers.sort(), text]);
}
