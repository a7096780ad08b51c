import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import type { LogPeriod, LogState } from "../../../shared/contracts/log.ts";
import type { Call, Deps } from "../../context.ts";
import { unwrap } from "../refusals.ts";
import { requireCellOperator } from "../tenants/target.ts";

/** One log as its readers reach it. */
export interface ReadableLog {
  /** Of its archive; see `Deps.logPrefix`. */
  name: string;
  state(): Promise<LogState>;
  period(period: { from_ms: number; to_ms: number }): Promise<LogPeriod>;
  page(page: { from: number; limit: number }): Promise<{ entries: LedgerEntry[]; size: number; head: string }>;
}

/** The operations of one kind of log; both kinds have the same. */
export interface LogFace {
  id: "ledger" | "cell.ledger";
  path: "/v1/ledger" | "/v1/cell/ledger";
  action: "ledger:read" | "cell:audit";
  credential: "compared" | "fresh";
  /** Whose log, in the words of summaries. */
  whose: string;
  open(deps: Pick<Deps, "tenants" | "cellStore">, call: Pick<Call, "actor" | "tenant" | "access">): ReadableLog;
}

/** The log of the credential's tenant, whatever else a caller names. */
export const TENANT_LOG: LogFace = {
  id: "ledger",
  path: "/v1/ledger",
  action: "ledger:read",
  credential: "compared",
  whose: "the tenant's",
  open: ({ tenants }, { tenant, access }) => ({
    name: tenant.id,
    state: async () => unwrap(await tenants.log(tenant.id, access)),
    period: async (period) => unwrap(await tenants.period(tenant.id, access, period)),
    page: async (page) => unwrap(await tenants.ledger(tenant.id, access, page)),
  }),
};

/** No tenant can be called this. */
const CELL_LOG_NAME = "_cell";

/** The log of what no tenant can be blamed for: for operators of the cell alone, whatever roles a tenant's keys have. */
export const CELL_LOG: LogFace = {
  id: "cell.ledger",
  path: "/v1/cell/ledger",
  action: "cell:audit",
  credential: "fresh",
  whose: "the cell's own",
  open({ cellStore }, call) {
    requireCellOperator(call);
    return {
      name: CELL_LOG_NAME,
      state: () => cellStore.systemLog(),
      period: (period) => cellStore.systemPeriod(period),
      page: (page) => cellStore.systemLedger(page),
    };
  },
};
