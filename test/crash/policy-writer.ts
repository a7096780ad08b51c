import { argv, stdout } from "node:process";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { policyChange, recorded, SIGN, storable, target } from "../support/policy-fixtures.ts";
import { provisionSpec, taskId } from "../support/tenant-fixtures.ts";

/** Puts and activates one bundle after the other, and keeps decisions meanwhile, until it is killed; prints what was acknowledged. */
const of = tenantObjectClass(null);
const host = openEmbeddedHost({
  home: argv[2] ?? "",
  clock: { now: () => Date.now() as UnixMs }, // safe because: milliseconds of the system's clock
  ids: {
    mint: () => {
      throw new Error("not used");
    },
    base62: (chars) => "0".repeat(chars),
    bytes: (count) => new Uint8Array(count),
  },
  classes: [of],
  onError: (cause) => {
    throw cause;
  },
});
const tenant = TenantId.parse("acme1");
const store = embeddedTenantStore(host, of);
const policies = embeddedTenantPolicies(host, of, SIGN)(tenant);
const said = (line: string) => new Promise((resolve) => stdout.write(`${line}\n`, resolve));

await store.provision(tenant, provisionSpec());
for (let revision = 1; ; revision++) {
  const change = policyChange(revision - 1);
  const put = await policies.put(change, storable(revision, 300_000));
  if (!put.ok) throw new Error(put.error.reason);
  await said(`stored ${revision}`);
  const decided = Array.from({ length: 8 }, async (_, at) => {
    const n = revision * 8 + at;
    const refusal = { by: change.by, task: taskId(n), action: "key:read", reason: "role", decision: recorded(n) };
    const kept = await store.refuse(tenant, change.access, refusal);
    if (!kept.ok) throw new Error(kept.error.reason);
    await said(`decided ${n}`);
  });
  await Promise.all(decided);
  const activated = await policies.activate(change, target(revision));
  if (!activated.ok) throw new Error(activated.error.reason);
  await said(`active ${revision} ${activated.value.version}`);
}
