import { z } from "zod";
import { CellId, TenantId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { MOVE_PHASES, Sha256Hex } from "../tenant-move.ts";
import { Timestamp } from "./fields.ts";

const exampleMove = {
  object: "tenant.move",
  id: "00VbbbA9hNnVYV5pSjeASYgjSe",
  tenant: "example1",
  phase: "leaving",
  from: "eu1",
  to: "eu2",
  begun_at: "2026-11-21T09:30:00.000Z",
  manifest: null,
} as const;
const move = {
  object: z.literal("tenant.move"),
  id: z.string(),
  tenant: z.string(),
  phase: z.enum(MOVE_PHASES).meta({
    description:
      "At the old home `leaving`, `frozen`, `left`; at the new one `arriving`, `arrived`. A tenant without a move is live.",
  }),
  from: z.string(),
  to: z.string(),
  begun_at: Timestamp,
  manifest: z.string().nullable().meta({ description: "SHA-256 of the newest whole archive's manifest." }),
};
export const TenantMoveObject = z.strictObject(move).meta({ id: "TenantMove", example: exampleMove });

/** Everything about moves lies below one tenant. */
export const MovePath = z.strictObject({ tenant_id: TenantId });
export const PartPath = MovePath.extend({ sha256: Sha256Hex });

export const LeaveTenant = z
  .strictObject({ to: CellId.meta({ description: "A cell of the directory, in the same jurisdiction." }) })
  .meta({ id: "LeaveTenant", example: { to: "eu2" } });

const TransferKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/)
  .meta({
    description: "32 random bytes in base64url: what the archive is sealed with. Known to both cells' operators alone.",
  });
const exampleKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

export const ExportTenant = z
  .strictObject({
    transfer_key: TransferKey,
    from: z.int().min(0).max(LIMITS.movedPartsMax).optional().meta({
      description: "The first part that the caller lacks; 0 begins anew. An answer without a manifest is gone on with.",
    }),
  })
  .meta({ id: "ExportTenant", example: { transfer_key: exampleKey, from: 0 } });

export const ReleaseTenant = z
  .strictObject({
    manifest: Sha256Hex.meta({ description: "SHA-256 of the archive's manifest, as the new home has it." }),
  })
  .meta({ id: "ReleaseTenant", example: { manifest: "ab".repeat(32) } });

export const TenantReceipt = z
  .strictObject({
    object: z.literal("tenant.receipt"),
    receipt: z.string().meta({ description: "A DSSE envelope: the old home gave the tenant up for ever." }),
  })
  .meta({
    id: "TenantReceipt",
    example: { object: "tenant.receipt", receipt: '{"payloadType":"application/vnd.in-toto+json"}' },
  });

/** `bailiwick-keys.json` of the old home, and of every home before it, as one document. */
const Keys = z.string().max(LIMITS.verifyKeysBytesMax);

export const ImportTenant = z
  .strictObject({ manifest: z.string().max(LIMITS.movedManifestBytesMax), keys: Keys, transfer_key: TransferKey })
  .meta({ id: "ImportTenant", example: { manifest: "{}", keys: "{}", transfer_key: exampleKey } });

export const TenantImport = z
  .strictObject({
    object: z.literal("tenant.import"),
    move: TenantMoveObject.nullable(),
    missing: z.array(z.string()).meta({ description: "SHA-256 of parts to send first; then the same call again." }),
    applied: z.int().meta({ description: "Parts written." }),
    parts: z.int(),
  })
  .meta({
    id: "TenantImport",
    example: { object: "tenant.import", move: exampleMove, missing: [], applied: 1, parts: 1 },
  });

export const StagedPart = z
  .strictObject({ object: z.literal("tenant.import.part"), sha256: z.string() })
  .meta({ id: "StagedPart", example: { object: "tenant.import.part", sha256: "ab".repeat(32) } });

export const ActivateTenant = z
  .strictObject({ receipt: z.string().max(LIMITS.controlBodyBytesMax), keys: Keys })
  .meta({ id: "ActivateTenant", example: { receipt: "{}", keys: "{}" } });
