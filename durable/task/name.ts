import type { TaskId, TenantId } from "../../shared/contracts/ids.ts";

/** Name of the object: the tenant stands in it, so another tenant's task id finds nothing. */
export const taskObjectName = (tenant: TenantId, task: TaskId): string => `${tenant}:${task}`;
