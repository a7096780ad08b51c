import { z } from "zod";
import { PrivacyMode } from "../decision.ts";
import { TenantId } from "../ids.ts";
import { DisplayName, exampleOf, Timestamp } from "./fields.ts";
import { CreatedKey } from "./keys.ts";
import { pageOf } from "./page.ts";

const content = z.enum(["none", "store"]).meta({
  description: "`store`: conversations and stored responses are kept, sealed. `none`: `store` is answered false.",
});
const transit = z.enum(["refused", "allowed"]).meta({
  description: "Whether bodies may pass an edge location outside the jurisdiction.",
});

/** `POST /v1/tenants`, for operators of the cell. */
export const CreateTenant = z
  .strictObject({
    id: TenantId.optional().meta({ description: "Base62; absent: the cell chooses." }),
    name: DisplayName,
    privacy: PrivacyMode.default("local-only"),
    content: content.default("none"),
    transit: transit.default("refused"),
  })
  .meta({ id: "CreateTenant", example: { id: "example1", name: "Example Ltd", privacy: "hybrid" } });
export type CreateTenant = z.infer<typeof CreateTenant>;

/** `PATCH /v1/tenants/{id}`: what is absent stays. */
export const UpdateTenant = z
  .strictObject({
    name: DisplayName.optional(),
    privacy: PrivacyMode.optional(),
    content: content.optional(),
    transit: transit.optional(),
    suspended: z.boolean().optional().meta({ description: "True refuses every call of the tenant with 403." }),
    locked: z.boolean().optional().meta({ description: "True is the compliance lock: 423 until it is lifted." }),
  })
  .refine((patch) => Object.keys(patch).length > 0, { error: "at least one member is needed" })
  .meta({ id: "UpdateTenant", minProperties: 1, example: { privacy: "local-only" } });
export type UpdateTenant = z.infer<typeof UpdateTenant>;

const tenant = z.strictObject({
  object: z.literal("tenant"),
  id: z.string(),
  name: z.string(),
  privacy: PrivacyMode,
  content,
  transit,
  suspended: z.boolean(),
  locked: z.boolean(),
  cell: z.string(),
  jurisdiction: z.string(),
  created_at: Timestamp,
  version: z.int(),
});

const example = {
  object: "tenant",
  id: "example1",
  name: "Example Ltd",
  privacy: "hybrid",
  content: "none",
  transit: "refused",
  suspended: false,
  locked: false,
  cell: "local",
  jurisdiction: "local",
  created_at: "2026-11-18T09:30:00.000Z",
  version: 1,
};

export const TenantObject = tenant.meta({ id: "TenantObject", example: example });
export type TenantObject = z.infer<typeof TenantObject>;

/** With the tenant's first administrator key, whose secret is shown only here. */
export const CreatedTenant = tenant
  .extend({ admin_key: CreatedKey })
  .meta({ id: "CreatedTenant", example: { ...example, admin_key: exampleOf(CreatedKey) } });
export type CreatedTenant = z.infer<typeof CreatedTenant>;

export const TenantList = pageOf("TenantList", TenantObject);
export type TenantList = z.infer<typeof TenantList>;
