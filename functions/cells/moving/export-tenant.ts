import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ExportedFile, MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { type FrozenTenant, MANIFEST_PREDICATE } from "../../../shared/contracts/tenant-move.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { PartMaker } from "./make-part.ts";
import { MANIFEST_FILE, partContext, partName } from "./part-format.ts";
import { type MovingParts, refused } from "./parts.ts";
import { positionText, readPosition } from "./position.ts";
import { signed } from "./statements.ts";

/** What freezing, noting and the manifest take, beside what is copied. */
const OWN_STEPS = 8;

/**
 * One file of a tenant's archive. The first part freezes it; where each part begins and what it came to stands in the
 * tenant's object, so that any process of the cell goes on with it. The manifest comes last, once the object has noted it,
 * so that an archive that broke off is none.
 */
export async function exportPart(
  parts: MovingParts,
  tenant: TenantId,
  transferKey: Uint8Array,
  part: number,
): Promise<Result<ExportedFile, MoveRefusal>> {
  if (part > LIMITS.movedPartsMax) return refused("not_verified", "more parts than an archive may have");
  const frozen = await parts.objects.freeze(tenant);
  if (!frozen.ok) return frozen;
  const { id } = frozen.value.move;
  const begins = await parts.objects.partBegins(tenant, id, part);
  if (!begins.ok) return begins;
  const maker = new PartMaker(parts, tenant, part);
  const { position } = begins.value;
  const from = position === null ? await maker.begin(frozen.value) : ok(readPosition(position));
  if (!from.ok) return from;
  if (from.value.at === "end") return manifestOf(parts, tenant, frozen.value, part);
  const made = await maker.from(from.value);
  if (!made.ok) return made;
  const { bytes, next, steps } = made.value;
  const sealed = bytes === null ? null : await seal(transferKey, partContext(tenant, id, part), bytes);
  // If we crash before this, or before it arrives, the part is asked for and made again.
  const noted = await parts.objects.notePart(tenant, id, {
    part,
    sha256: sealed === null ? null : sha256Hex(sealed),
    next: positionText(next),
  });
  if (!noted.ok) return noted;
  const file = sealed === null ? null : { name: partName(part), bytes: sealed };
  return ok({ file, last: false, steps: steps + OWN_STEPS });
}

async function manifestOf(
  parts: MovingParts,
  tenant: TenantId,
  { move, origin, size, root }: FrozenTenant,
  count: number,
): Promise<Result<ExportedFile, MoveRefusal>> {
  const digests = await parts.objects.partDigests(tenant, move.id, count);
  if (!digests.ok) return digests;
  const predicate = {
    schema_version: 1,
    ...{ move: move.id, tenant, from: move.from, to: move.to, jurisdiction: parts.cell.jurisdiction },
    generated_at: new Date(parts.clock.now()).toISOString(),
    log: { origin, size, root },
    schemas: parts.objects.schemas(),
  };
  const subject = digests.value.map((sha256, n) => ({ name: partName(n), digest: { sha256 } }));
  const manifest = utf8(await signed(parts.signer, subject, MANIFEST_PREDICATE, predicate));
  const noted = await parts.objects.noteArchive(tenant, move.id, sha256Hex(manifest));
  if (!noted.ok) return noted;
  return ok({ file: { name: MANIFEST_FILE, bytes: manifest }, last: true, steps: OWN_STEPS });
}
