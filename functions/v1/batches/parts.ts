import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchPart } from "../../../shared/contracts/ports/batch-store.ts";
import { open } from "../../../shared/crypto/open.ts";
import { partKey, partObject } from "../files/content.ts";
import type { Driven } from "./drive.ts";

type Read = Pick<Driven, "id" | "objects" | "tenant" | "dataKey"> & { deps: Pick<Driven["deps"], "clock"> };

/**
 * The parts of one file of a batch, opened one at a time, the lease renewed meanwhile. `renew` throws `BatchLost` where
 * another runner has the batch by now, which removes the parts once it has ended it.
 */
export async function* partsOf(of: Read, parts: readonly BatchPart[], renew: () => Promise<void>) {
  const { id, objects, tenant, dataKey, deps } = of;
  let renewedMs = deps.clock.now();
  for (const each of parts) {
    const got = await objects.get(partKey(tenant, id, each));
    if (!got.ok) {
      await renew();
      throw new Error(`part ${each.part} of ${id} is not there`);
    }
    const opened = await open(dataKey, { tenant, object: partObject(id, each) }, got.value.bytes);
    if (!opened.ok) throw new Error(`part ${each.part} of ${id} does not open`);
    yield opened.value;
    if (deps.clock.now() - renewedMs < LIMITS.batchLeaseMs / 3) continue;
    await renew();
    renewedMs = deps.clock.now();
  }
}
