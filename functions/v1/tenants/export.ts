import { ExportTenant, ReleaseTenant, TenantReceipt } from "../../../shared/contracts/http/tenant-moves.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ExportedFile, MovedFile } from "../../../shared/contracts/ports/tenant-moves.ts";
import { tarOf } from "../../evidence/tar.ts";
import { JSON_INPUT } from "../input.ts";
import { streamReply } from "../ledger/stream-reply.ts";
import { operation, value } from "../operation.ts";
import { MOVE_PROBLEMS, MOVE_STEP, movesOf, step, transferKeyOf } from "./moving.ts";

export const exportTenant = operation({
  ...MOVE_STEP,
  ...JSON_INPUT,
  id: "tenants.export",
  path: "/v1/tenants/{tenant_id}/export",
  action: "tenant:delete",
  effect: "reversible-write",
  kind: "binary",
  body: ExportTenant,
  success: [
    200,
    null,
    "A ustar archive: sealed parts and, at its end, the signed manifest (docs/cells.md). One without it goes on with `from`.",
    "application/x-tar",
  ],
  problems: [...MOVE_PROBLEMS, "overloaded"],
  summary: "Export a tenant that leaves",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const key = transferKeyOf(call.body.transfer_key);
    const moves = movesOf(deps, call, tenant_id);
    const from = call.body.from ?? 0;
    // What cannot be given out is a refusal; a file that fails later breaks the answer off, and is asked for again.
    const first = await step(moves.export(tenant_id, key, from));
    const files = filesOf(first, from, async (part) => step(moves.export(tenant_id, key, part)));
    const pieces = tarOf(files, Math.floor(deps.clock.now() / 1_000));
    return streamReply(deps, call, "application/x-tar", pieces, {
      "content-disposition": `attachment; filename="tenant-${tenant_id}.tar"`,
    });
  },
});

export const releaseTenant = operation({
  ...MOVE_STEP,
  ...JSON_INPUT,
  id: "tenants.release",
  path: "/v1/tenants/{tenant_id}/release",
  action: "tenant:delete",
  effect: "irreversible-write",
  body: ReleaseTenant,
  success: [
    200,
    TenantReceipt,
    "The tenant left for ever, and its data key with it. The receipt makes it live at its new home.",
  ],
  summary: "Give a tenant up to its new cell",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const receipt = await step(movesOf(deps, call, tenant_id).release(tenant_id, call.body.manifest, call.by));
    return value({ object: "tenant.receipt", receipt });
  },
});

/** Files from one on, until the archive's end or as many calls as one request makes. */
async function* filesOf(
  first: ExportedFile,
  from: number,
  next: (part: number) => Promise<ExportedFile>,
): AsyncGenerator<MovedFile> {
  let made = first;
  let part = from;
  for (let steps = made.steps; ; steps += made.steps) {
    if (made.file !== null) {
      yield made.file;
      part++;
    }
    if (made.last || steps >= LIMITS.movedRequestStepsMax) return;
    made = await next(part);
  }
}
