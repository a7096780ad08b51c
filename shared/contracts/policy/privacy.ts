import { z } from "zod";

/** Ordered from strictest to loosest. */
export const PRIVACY_MODES = ["local-only", "hybrid", "allow-api"] as const;
export const PrivacyMode = z.enum(PRIVACY_MODES);
export type PrivacyMode = z.infer<typeof PrivacyMode>;
export const stricterPrivacy = (a: PrivacyMode, b: PrivacyMode): PrivacyMode =>
  PRIVACY_MODES.indexOf(a) <= PRIVACY_MODES.indexOf(b) ? a : b;
