import { z } from "zod";
import { WorkspaceId } from "../ids.ts";
import { DisplayName } from "./fields.ts";
import { pageOf } from "./page.ts";
import { renameScope, scopeState, scopeStateExample } from "./scope.ts";

/** `POST /v1/workspaces`. The id is a name inside the tenant: lower case, digits, dashes. */
export const CreateWorkspace = z
  .strictObject({ id: WorkspaceId, name: DisplayName })
  .meta({ id: "CreateWorkspace", example: { id: "research", name: "Research" } });
export type CreateWorkspace = z.infer<typeof CreateWorkspace>;

export const UpdateWorkspace = renameScope.meta({
  id: "UpdateWorkspace",
  example: { name: "Research and development" },
});
export type UpdateWorkspace = z.infer<typeof UpdateWorkspace>;

export const WorkspaceObject = z
  .strictObject({
    object: z.literal("workspace"),
    id: z.string(),
    ...scopeState,
  })
  .meta({
    id: "WorkspaceObject",
    example: {
      object: "workspace",
      id: "research",
      name: "Research",
      ...scopeStateExample,
    },
  });
export type WorkspaceObject = z.infer<typeof WorkspaceObject>;

export const WorkspaceList = pageOf("WorkspaceList", WorkspaceObject);
export type WorkspaceList = z.infer<typeof WorkspaceList>;
