import { z } from "zod";
import { Role, Scope } from "../actor.ts";
import { EnvironmentId, ProjectId, WorkspaceId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { DisplayName, Timestamp, TimestampInput } from "./fields.ts";
import { pageOf } from "./page.ts";

const kind = z.enum(["user", "service", "worker"]);
const subject = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[\x21-\x7e]+$/);
const rotationOverlapSMax = LIMITS.keyRotationOverlapMsMax / 1000;

/** `POST /v1/keys`. What is absent is the caller's own: workspace, project, environment, and what its credential grants. */
export const CreateKey = z
  .strictObject({
    name: DisplayName,
    workspace: WorkspaceId.optional(),
    project: ProjectId.optional(),
    environment: EnvironmentId.optional(),
    subject: subject.optional().meta({ description: "Who the key speaks for; absent: `key:<id>`." }),
    kind: kind.default("service"),
    roles: z.array(Role).min(1).max(LIMITS.rolesMax),
    scopes: z.array(Scope).max(LIMITS.grantsMax).optional().meta({
      description:
        "`<namespace>:<verb>`; `*` grants whatever the roles allow. None that the caller's credential lacks; absent: what it has.",
    }),
    expires_at: TimestampInput.nullable().default(null),
  })
  .meta({
    id: "CreateKey",
    example: { name: "checkout service", workspace: "default", roles: ["developer"], scopes: ["inference:invoke"] },
  });
export type CreateKey = z.infer<typeof CreateKey>;

/** `POST /v1/keys/{id}/rotate`: the old key goes on working for the overlap. */
export const RotateKey = z
  .strictObject({ overlap_s: z.int().min(0).max(rotationOverlapSMax).default(86_400) })
  .meta({ id: "RotateKey", example: { overlap_s: 3600 } });
export type RotateKey = z.infer<typeof RotateKey>;

const key = z.strictObject({
  object: z.literal("key"),
  id: z.string().meta({ description: "Public part of the key." }),
  name: z.string(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  subject: z.string(),
  kind,
  roles: z.array(Role),
  scopes: z.array(z.string()),
  cell_operator: z.boolean(),
  created_at: Timestamp,
  expires_at: Timestamp.nullable(),
  revoked_at: Timestamp.nullable(),
  last_used_at: Timestamp.nullable(),
  rotated_to: z.string().nullable().meta({ description: "The key that replaced this one." }),
  created_by: z.string().meta({ description: "Whose call made the key, or its predecessor's rotation." }),
  made_by: z.array(z.string()).meta({
    description:
      "Subjects who made the key, or a key that made it, or rotated one of these: it approves nothing that one of them asks for.",
  }),
  version: z.int(),
});

const example = {
  object: "key",
  id: "4kQ0Zt7bXw2N",
  name: "checkout service",
  workspace: "default",
  project: "default",
  environment: "default",
  subject: "key:4kQ0Zt7bXw2N",
  kind: "service",
  roles: ["developer"],
  scopes: ["inference:invoke"],
  cell_operator: false,
  created_at: "2026-11-18T09:30:00.000Z",
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
  rotated_to: null,
  created_by: "user:officer",
  made_by: ["cell:local", "user:officer"],
  version: 1,
};

/** A key without its secret, which is never kept. */
export const KeyObject = key.meta({ id: "KeyObject", example: example });
export type KeyObject = z.infer<typeof KeyObject>;

/** The only answer that ever holds the secret. */
export const CreatedKey = key
  .extend({ secret: z.string().meta({ description: "The API key. Shown once, never again." }) })
  .meta({ id: "CreatedKey", example: { ...example, secret: "bw_local_default_4kQ0Zt7bXw2N_<secret>" } });
export type CreatedKey = z.infer<typeof CreatedKey>;

export const KeyList = pageOf("KeyList", KeyObject);
export type KeyList = z.infer<typeof KeyList>;
