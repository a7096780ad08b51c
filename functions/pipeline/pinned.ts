import { type PrivacyMode, stricterPrivacy } from "../../shared/contracts/decision.ts";
import type { TenantState } from "../../shared/contracts/ports/tenant-store.ts";
import type { WorkspacePin } from "../../shared/contracts/workspace-pin.ts";

/** What the workspace is pinned to, or null. Its name may come from a credential of anybody's making. */
export const pinOf = ({ pins }: Pick<TenantState, "pins">, workspace: string): WorkspacePin | null =>
  pins !== undefined && Object.hasOwn(pins, workspace) ? (pins[workspace] ?? null) : null;

/** The mode in force for callers of a workspace: the stricter one of its tenant's and its own. */
export function privacyUnder(state: Pick<TenantState, "pins" | "settings">, workspace: string): PrivacyMode {
  const own = pinOf(state, workspace)?.privacy ?? null;
  return own === null ? state.settings.privacy : stricterPrivacy(own, state.settings.privacy);
}
