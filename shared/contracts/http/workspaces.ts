import { z } from "zod";
import { WorkspaceId } from "../ids.ts";
import { DisplayName, Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

/** `POST /v1/workspaces`. The id is a name inside the tenant: lower case, digits, dashes. */
export const CreateWorkspace = z
  .strictObject({ id: WorkspaceId, name: DisplayName })
  .meta({ id: "CreateWorkspace", example: { id: "research", name: "Research" } });
export type CreateWorkspace = z.infer<typeof CreateWorkspace>;

export const UpdateWorkspace = z
  .strictObject({
    name: DisplayName,
    expected_version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "The version that is changed; another one in force is a 409." }),
  })
  .meta({ id: "UpdateWorkspace", example: { name: "Research and development" } });
export type UpdateWorkspace = z.infer<typeof UpdateWorkspace>;

export const WorkspaceObject = z
  .strictObject({
    object: z.literal("workspace"),
    id: z.string(),
    name: z.string(),
    status: z.enum(["active", "archived"]),
    created_at: Timestamp,
    updated_at: Timestamp,
    version: z.int(),
  })
  .meta({
    id: "WorkspaceObject",
    example: {
      object: "workspace",
      id: "research",
      name: "Research",
      status: "active",
      created_at: "2026-11-18T09:30:00.000Z",
      updated_at: "2026-11-18T09:30:00.000Z",
      version: 1,
    },
  });
export type WorkspaceObject = z.infer<typeof WorkspaceObject>;

export const WorkspaceList = pageOf("WorkspaceList", WorkspaceObject);
export type WorkspaceList = z.infer<typeof WorkspaceList>;
