import type { LabelConfig } from "../../shared/contracts/config/snapshot.ts";
import type { TenantEntry } from "../../shared/contracts/config/tenants.ts";

/** Labels as they were written; what was not written is not known. */
export const compileLabels = ({
  classification,
  markings,
  purposes,
}: Pick<TenantEntry, "classification" | "markings" | "purposes">): LabelConfig => ({
  classification: classification ?? null,
  markings: [...new Set(markings ?? [])],
  purposes: purposes ? { allowed: [...new Set(purposes.allowed)], default: purposes.default } : null,
});
