import { z } from "zod";
import { ProjectId, WorkspaceId } from "../ids.ts";
import { DisplayName } from "./fields.ts";
import { pageOf } from "./page.ts";
import { renameScope, scopeState, scopeStateExample } from "./scope.ts";

/** `POST /v1/projects`. A project lies in one workspace. */
export const CreateProject = z
  .strictObject({ id: ProjectId, workspace: WorkspaceId, name: DisplayName })
  .meta({ id: "CreateProject", example: { id: "summaries", workspace: "research", name: "Summaries" } });
export type CreateProject = z.infer<typeof CreateProject>;

export const UpdateProject = renameScope.meta({ id: "UpdateProject", example: { name: "Long summaries" } });
export type UpdateProject = z.infer<typeof UpdateProject>;

export const ProjectObject = z
  .strictObject({
    object: z.literal("project"),
    id: z.string(),
    workspace: z.string(),
    ...scopeState,
  })
  .meta({
    id: "ProjectObject",
    example: {
      object: "project",
      id: "summaries",
      workspace: "research",
      name: "Summaries",
      ...scopeStateExample,
    },
  });
export type ProjectObject = z.infer<typeof ProjectObject>;

export const ProjectList = pageOf("ProjectList", ProjectObject);
export type ProjectList = z.infer<typeof ProjectList>;
