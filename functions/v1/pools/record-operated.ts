import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";

/** Into the cell's own ledger, with who did it, before it is done. */
export const recordOperated = (
  deps: Pick<Deps, "cellStore">,
  call: Pick<Call, "by">,
  kind: "dead_letter.redriven" | "dead_letter.purged",
  detail: JsonObject,
): Promise<void> =>
  deps.cellStore.system([
    { kind, reason: "operator", source: call.by.source, detail, operated: { action: "cell:write", by: call.by } },
  ]);
