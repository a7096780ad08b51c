import { z } from "zod";
import { DisplayName, Timestamp } from "./fields.ts";

/** What a workspace, a project and an environment say of themselves besides their path. */
export const scopeState = {
  name: z.string(),
  status: z.enum(["active", "archived"]),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: z.int(),
};

/** The state in examples. */
export const scopeStateExample = {
  status: "active",
  created_at: "2026-11-18T09:30:00.000Z",
  updated_at: "2026-11-18T09:30:00.000Z",
  version: 1,
} as const;

/** Renames one scope. */
export const renameScope = z.strictObject({
  name: DisplayName,
  expected_version: z
    .int()
    .min(1)
    .optional()
    .meta({ description: "The version that is changed; another one in force is a 409." }),
});
