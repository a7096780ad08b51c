import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { PrivacyMode } from "./policy/privacy.ts";

const names = z.array(z.string().min(1).max(64)).min(1).max(LIMITS.pinNamesMax);

/**
 * What the calls of one workspace are held to besides everything that holds for their tenant: never wider, because both
 * are asked. A member that is null restricts nothing.
 */
export const WorkspacePin = z.strictObject({
  privacy: PrivacyMode.nullable(),
  /** Where providers may compute. */
  jurisdictions: names.nullable(),
  providers: names.nullable(),
});
export type WorkspacePin = z.infer<typeof WorkspacePin>;

/** By the workspace's name. */
export type WorkspacePins = Readonly<Record<string, WorkspacePin>>;
