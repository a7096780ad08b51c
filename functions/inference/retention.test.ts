import { describe, expect, it } from "vitest";
import type { TenantConfig } from "../../shared/contracts/config/snapshot.ts";
import type { TenantsFile } from "../../shared/contracts/config/tenants.ts";
import { TenantEntry } from "../../shared/contracts/config/tenants.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { compileTenants } from "../config/compile-tenants.ts";
import { Findings } from "../config/findings.ts";
import type { Call } from "../context.ts";
import { keptUntil } from "./retention.ts";

const NOW = 1_795_000_000_000;
const DAY = 86_400_000;
const clock = { now: () => NOW as UnixMs }; // safe because: a fixed moment

function lives(retention: object | undefined): { conversations: number; responses: number } {
  // safe because: the schema parses the rest
  const entry = TenantEntry.parse(retention === undefined ? {} : { retention });
  const file = { tenants: { acme: entry } } as unknown as TenantsFile;
  const tenants = compileTenants(file, { candidates: null, intents: null }, () => true, new Findings());
  return livesIn(tenants);
}
function livesIn(tenants: Record<string, Partial<TenantConfig>>) {
  const call = { snapshot: { tenants }, tenant: { id: "acme" } } as unknown as Call; // safe because: nothing else is read
  const life = (what: "conversations" | "responses") => (keptUntil({ clock }, call, what) - NOW) / DAY;
  return { conversations: life("conversations"), responses: life("responses") };
}

describe("how long kept content lives", () => {
  it("is what the tenant's configuration says of its class, and 30 days where it says nothing", () => {
    expect(lives(undefined)).toEqual({ conversations: 30, responses: 30 });
    expect(lives({ conversations_days: 14, responses_days: 7 })).toEqual({ conversations: 14, responses: 7 });
    expect(lives({ responses_days: 365 })).toEqual({ conversations: 30, responses: 365 });
  });

  it("is the default for a tenant that no configuration names", () => {
    expect(livesIn({})).toEqual({ conversations: 30, responses: 30 });
  });

  it("is bounded, so that nobody configures content to stay for ever or to end before it is read", () => {
    for (const days of [0, -1, 1.5, LIMITS.sessionMsMax / DAY + 1])
      for (const name of ["conversations_days", "responses_days"])
        expect(TenantEntry.safeParse({ retention: { [name]: days } }).success).toBe(false);
    expect(TenantEntry.safeParse({ retention: { files_days: 1 } }).success).toBe(false);
  });
});
