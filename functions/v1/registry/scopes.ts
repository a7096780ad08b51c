import { z } from "zod";
import {
  CreateEnvironment,
  EnvironmentList,
  EnvironmentObject,
  UpdateEnvironment,
} from "../../../shared/contracts/http/environments.ts";
import { CreateProject, ProjectList, ProjectObject, UpdateProject } from "../../../shared/contracts/http/projects.ts";
import {
  CreateWorkspace,
  UpdateWorkspace,
  WorkspaceList,
  WorkspaceObject,
} from "../../../shared/contracts/http/workspaces.ts";
import { EnvironmentId, ProjectId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { scopeOperations } from "./scope-operations.ts";

/** Names are unique inside their parent, so the parents come along: `?workspace=research`; absent they are `default`. */
const workspace = z.string().default("default").pipe(WorkspaceId);
const project = z.string().default("default").pipe(ProjectId);

export const workspaceOperations = scopeOperations({
  kind: "workspace",
  parents: z.strictObject({}),
  id: WorkspaceId,
  create: CreateWorkspace,
  update: UpdateWorkspace,
  object: WorkspaceObject,
  list: WorkspaceList,
  repository: (deps) => deps.control.workspaces,
});

export const projectOperations = scopeOperations({
  kind: "project",
  parents: z.strictObject({ workspace }),
  id: ProjectId,
  create: CreateProject,
  update: UpdateProject,
  object: ProjectObject,
  list: ProjectList,
  repository: (deps) => deps.control.projects,
});

export const environmentOperations = scopeOperations({
  kind: "environment",
  parents: z.strictObject({ workspace, project }),
  id: EnvironmentId,
  create: CreateEnvironment,
  update: UpdateEnvironment,
  object: EnvironmentObject,
  list: EnvironmentList,
  repository: (deps) => deps.control.environments,
});
