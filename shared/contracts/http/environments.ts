import { z } from "zod";
import { EnvironmentId, ProjectId, WorkspaceId } from "../ids.ts";
import { DisplayName, Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

/** `POST /v1/environments`. An environment lies in one project of one workspace. */
export const CreateEnvironment = z
  .strictObject({ id: EnvironmentId, workspace: WorkspaceId, project: ProjectId, name: DisplayName })
  .meta({
    id: "CreateEnvironment",
    example: { id: "production", workspace: "research", project: "summaries", name: "Production" },
  });
export type CreateEnvironment = z.infer<typeof CreateEnvironment>;

export const UpdateEnvironment = z
  .strictObject({
    name: DisplayName,
    expected_version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "The version that is changed; another one in force is a 409." }),
  })
  .meta({ id: "UpdateEnvironment", example: { name: "Live" } });
export type UpdateEnvironment = z.infer<typeof UpdateEnvironment>;

export const EnvironmentObject = z
  .strictObject({
    object: z.literal("environment"),
    id: z.string(),
    workspace: z.string(),
    project: z.string(),
    name: z.string(),
    status: z.enum(["active", "archived"]),
    created_at: Timestamp,
    updated_at: Timestamp,
    version: z.int(),
  })
  .meta({
    id: "EnvironmentObject",
    example: {
      object: "environment",
      id: "production",
      workspace: "research",
      project: "summaries",
      name: "Production",
      status: "active",
      created_at: "2026-11-18T09:30:00.000Z",
      updated_at: "2026-11-18T09:30:00.000Z",
      version: 1,
    },
  });
export type EnvironmentObject = z.infer<typeof EnvironmentObject>;

export const EnvironmentList = pageOf("EnvironmentList", EnvironmentObject);
export type EnvironmentList = z.infer<typeof EnvironmentList>;
