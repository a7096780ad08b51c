import { type PublicNetwork, workerdEgress } from "../../functions/adapters/egress/workerd.ts";
import { createAuthenticator } from "../../functions/pipeline/authenticate/authenticator.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { open } from "../../shared/crypto/open.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { configOf, issuerConfig, MAC_KEY, tenantConfig, tenantState, tenantsWith } from "../support/identity.ts";

interface Env {
  PUBLIC_EGRESS: PublicNetwork;
  ISSUER: string;
}

/** Literals pass the adapter's own check here, so that what refuses them is workerd's public network. */
const anyAddress = { protocols: ["http:"], permits: () => true };
let authenticator: ReturnType<typeof createAuthenticator> | null = null;

/** Asks the adapters from inside workerd: a tenant-named URL, a token, a sealed object. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/get") {
      try {
        const egress = workerdEgress(env.PUBLIC_EGRESS, anyAddress);
        const bounds = { bytes_max: 1_000, timeout_ms: 5_000, accept: "*/*" };
        const { status, body } = await egress.tenantGet(searchParams.get("url") ?? "", bounds);
        return Response.json({ status, body: new TextDecoder().decode(body) });
      } catch (error) {
        return Response.json({ refused: String(error) });
      }
    }
    if (pathname === "/seal") {
      const key = new Uint8Array(32);
      const names = { tenant: "a", object: "o" };
      const opened = await open(key, names, await seal(key, names, new Uint8Array(200_000).fill(7)));
      return Response.json({
        ok: opened.ok && opened.value.length === 200_000 && opened.value.every((byte) => byte === 7),
      });
    }
    authenticator ??= createAuthenticator({
      cell: { id: "local", endpoint: "https://cell.example.com" },
      config: configOf(tenantConfig("a", [issuerConfig({ issuer: env.ISSUER, network: "operator" })])),
      tenants: tenantsWith([tenantState("a")], [], new Map()),
      keyring: { macKeys: () => [MAC_KEY] },
      egress: workerdEgress(env.PUBLIC_EGRESS),
    });
    const outcome = await authenticator.authenticate(request.headers, {
      host: null,
      source: null,
      now: Date.now() as UnixMs, // safe because: the platform's clock
    });
    return Response.json(outcome.ok ? { subject: outcome.value.actor.subject } : { refused: outcome.error.slug });
  },
};
