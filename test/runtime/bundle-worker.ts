import { openBundle } from "../../policies/bundle/open-bundle.ts";
import { BUNDLE_ALGORITHMS, type BundleAlgorithm } from "../../shared/contracts/config/bundles.ts";
import { TenantId } from "../../shared/contracts/ids.ts";

const algorithmOf = (name: string | null): BundleAlgorithm =>
  BUNDLE_ALGORITHMS.find((algorithm) => algorithm === name) ?? "RS256";

/** Opens a posted archive inside workerd, under the public key in the header. */
export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response("ready");
    const { headers } = request;
    const algorithm = algorithmOf(headers.get("x-algorithm"));
    const opened = await openBundle(new Uint8Array(await request.arrayBuffer()), {
      keys: [{ id: `test-${algorithm}`, algorithm, key: atob(headers.get("x-key") ?? "") }],
      layer: "tenant",
      tenant: TenantId.parse("t1"),
    });
    return Response.json(opened.ok ? { ref: opened.value.ref } : opened.error);
  },
};
