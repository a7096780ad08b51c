import { z } from "zod";
import { EnvironmentId, ProjectId, WorkspaceId } from "../ids.ts";
import { DisplayName } from "./fields.ts";
import { pageOf } from "./page.ts";
import { renameScope, scopeState, scopeStateExample } from "./scope.ts";

/** `POST /v1/environments`. An environment lies in one project of one workspace. */
export const CreateEnvironment = z
  .strictObject({ id: EnvironmentId, workspace: WorkspaceId, project: ProjectId, name: DisplayName })
  .meta({
    id: "CreateEnvironment",
    example: { id: "production", workspace: "research", project: "summaries", name: "Production" },
  });
export type CreateEnvironment = z.infer<typeof CreateEnvironment>;

export const UpdateEnvironment = renameScope.meta({ id: "UpdateEnvironment", example: { name: "Live" } });
export type UpdateEnvironment = z.infer<typeof UpdateEnvironment>;

export const EnvironmentObject = z
  .strictObject({
    object: z.literal("environment"),
    id: z.string(),
    workspace: z.string(),
    project: z.string(),
    ...scopeState,
  })
  .meta({
    id: "EnvironmentObject",
    example: {
      object: "environment",
      id: "production",
      workspace: "research",
      project: "summaries",
      name: "Production",
      ...scopeStateExample,
    },
  });
export type EnvironmentObject = z.infer<typeof EnvironmentObject>;

export const EnvironmentList = pageOf("EnvironmentList", EnvironmentObject);
export type EnvironmentList = z.infer<typeof EnvironmentList>;
