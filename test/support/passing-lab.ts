import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { directoryDocument, signedDirectory } from "../../infra/cli/cells.ts";
import { CellId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { forwardingKey } from "../../shared/crypto/forwarding.ts";
import type { CellRuntime } from "./cell.ts";
import type { GlobalEntry, StartEntry } from "./global-entries.ts";
import { type Lab, labOver, startLab, type Tenant, WITHOUT_DATABASE } from "./lab.ts";

/** A cell that entries forward to. */
export interface PassingCell {
  lab: Lab;
  /**
   * A global entry before it, and a lab whose calls go there; its `newTenant` hands out tenants that let their calls pass,
   * as many as were asked for.
   */
  through(start: StartEntry, tenants: number, env?: Record<string, string>): Promise<Passing>;
  stop(): Promise<void>;
}
export interface Passing {
  lab: Lab;
  entry: GlobalEntry;
}

export async function startPassingCell(runtime: CellRuntime, env: Record<string, string> = {}): Promise<PassingCell> {
  const secret = encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
  const key = forwardingKey(secret);
  if (key === null) throw new Error("no key");
  const direct = await startLab({
    runtime,
    env: { ...env, BAILIWICK_FORWARDING_KEYS: secret, ...(runtime === "deno" ? WITHOUT_DATABASE : {}) },
  });

  async function passing(): Promise<Tenant> {
    const tenant = await direct.newTenant();
    const change = { key: direct.cell.adminKey, method: "PATCH", body: { transit: "allowed" } };
    await direct.json(`/v1/tenants/${tenant.id}`, change);
    return tenant;
  }
  function directoryOf(tenants: readonly Tenant[]): Record<string, string> {
    const nowMs = Date.now();
    const pair = newPair((nowMs - 60_000) as UnixMs); // safe because: a time in ms
    const cell = CellId.parse("local");
    const source = {
      cells: [
        { id: cell, jurisdiction: "local" as const, base_url: direct.cell.url, forwarding_keys: [key?.kid ?? ""] },
      ],
      tenants: tenants.map(({ id }) => ({ cell, tenant: TenantId.parse(id), transit: "allowed" as const })),
    };
    return {
      BAILIWICK_DIRECTORY: signedDirectory(directoryDocument(source, { version: 1, nowMs, hours: 1 }), [pair], nowMs),
      BAILIWICK_DIRECTORY_KEYS: JSON.stringify(
        keysDocument("directory", "cells", verifierKeys(pair, publicPair(pair))),
      ),
      BAILIWICK_FORWARDING_KEYS: secret,
    };
  }

  return {
    lab: direct,
    async through(start, tenants, more = {}) {
      const made = await Promise.all(Array.from({ length: tenants }, passing));
      const entry = await start({ ...directoryOf(made), ...more });
      const behind = labOver(
        () => Object.create(direct.cell, { url: { value: entry.url } }),
        () => direct.upstream,
        () => direct.remote,
      );
      const lab: Lab = Object.create(behind, {
        newTenant: {
          async value() {
            const tenant = made.pop();
            if (tenant === undefined) throw new Error("more tenants than were made before the directory was signed");
            return tenant;
          },
        },
      });
      return { lab, entry };
    },
    async stop() {
      await direct.stop();
    },
  };
}
