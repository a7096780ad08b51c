import type { TenantId } from "../../shared/contracts/ids.ts";

/** What an object may be called after its tenant; anything else was never created. */
const SESSION = /^[0-9A-Za-z_-]{1,60}$/;

/** Name of the object: the tenant stands in it, so another tenant's session id finds nothing. Null for a foreign form. */
export const sessionObjectName = (tenant: TenantId, session: string): string | null =>
  SESSION.test(session) ? `${tenant}:${session}` : null;
