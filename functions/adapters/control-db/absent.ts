import { type ControlDb, ControlDbUnavailable } from "../../../shared/contracts/ports/control-db.ts";

/** A cell without a control database: inference goes on, `/readyz` names it, and its resources answer unavailable. */
export const absentControlDb: ControlDb = {
  withTenant: async () => unavailable(),
  asOperator: async () => unavailable(),
  ready: async () => ({ ready: false, reason: "not configured" }),
  close: async () => undefined,
};

const unavailable = (): never => {
  throw new ControlDbUnavailable("no control database is configured");
};
