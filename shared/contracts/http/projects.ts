import { z } from "zod";
import { ProjectId, WorkspaceId } from "../ids.ts";
import { DisplayName, Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

/** `POST /v1/projects`. A project lies in one workspace. */
export const CreateProject = z
  .strictObject({ id: ProjectId, workspace: WorkspaceId, name: DisplayName })
  .meta({ id: "CreateProject", example: { id: "summaries", workspace: "research", name: "Summaries" } });
export type CreateProject = z.infer<typeof CreateProject>;

export const UpdateProject = z
  .strictObject({
    name: DisplayName,
    expected_version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "The version that is changed; another one in force is a 409." }),
  })
  .meta({ id: "UpdateProject", example: { name: "Long summaries" } });
export type UpdateProject = z.infer<typeof UpdateProject>;

export const ProjectObject = z
  .strictObject({
    object: z.literal("project"),
    id: z.string(),
    workspace: z.string(),
    name: z.string(),
    status: z.enum(["active", "archived"]),
    created_at: Timestamp,
    updated_at: Timestamp,
    version: z.int(),
  })
  .meta({
    id: "ProjectObject",
    example: {
      object: "project",
      id: "summaries",
      workspace: "research",
      name: "Summaries",
      status: "active",
      created_at: "2026-11-18T09:30:00.000Z",
      updated_at: "2026-11-18T09:30:00.000Z",
      version: 1,
    },
  });
export type ProjectObject = z.infer<typeof ProjectObject>;

export const ProjectList = pageOf("ProjectList", ProjectObject);
export type ProjectList = z.infer<typeof ProjectList>;
