import { z } from "zod";
import { WorkspaceId } from "../ids.ts";
import { WorkspacePin } from "../workspace-pin.ts";

export const PinPath = z.strictObject({ workspace_id: WorkspaceId });

/** `PUT /v1/workspaces/{id}/pin`: replaces the pin; at least one member must restrict something. */
export const PutPin = z
  .strictObject({
    privacy: WorkspacePin.shape.privacy.default(null),
    jurisdictions: WorkspacePin.shape.jurisdictions.default(null),
    providers: WorkspacePin.shape.providers.default(null),
  })
  .refine(({ privacy, jurisdictions, providers }) => privacy ?? jurisdictions ?? providers, {
    error: "at least one member has to restrict something",
  })
  .meta({ id: "PutWorkspacePin", example: { privacy: "local-only" } });

export const PinObject = z
  .strictObject({ object: z.literal("workspace.pin"), workspace: z.string(), ...WorkspacePin.shape })
  .meta({
    id: "WorkspacePin",
    example: {
      object: "workspace.pin",
      workspace: "default",
      privacy: "local-only",
      jurisdictions: null,
      providers: null,
    },
  });

export const UnpinnedObject = z
  .strictObject({ object: z.literal("workspace.pin.deleted"), workspace: z.string(), deleted: z.literal(true) })
  .meta({ id: "WorkspaceUnpinned", example: { object: "workspace.pin.deleted", workspace: "default", deleted: true } });
