import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { CellInfo } from "../../context.ts";
import { rfc3339 } from "../time.ts";

export const tenantObject = (state: TenantState, cell: CellInfo) => ({
  object: "tenant",
  id: state.id,
  ...state.settings,
  suspended: state.suspended,
  locked: state.locked,
  cell: cell.id,
  jurisdiction: cell.jurisdiction,
  created_at: rfc3339(state.created_ms),
  version: state.versions.state,
});
