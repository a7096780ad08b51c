import type { TenantId } from "../../shared/contracts/ids.ts";

/** One object holds the files and batches of one tenant. */
export const batchObjectName = (tenant: TenantId): string => tenant;
