import { parseApiKey } from "../../shared/crypto/api-key.ts";
import type { Deps } from "../context.ts";
import { keyInForce } from "../pipeline/authenticate/key-verifier.ts";
import type { KeysFile } from "./home.ts";

/** The first keys as they can be shown: null for one that was rotated or revoked since. */
export type Shown = Pick<KeysFile, "endpoint" | "tenant"> & { api_key: string | null; admin_key: string | null };

/** `keys.json` is written once and keys live on without it: only those that still count are shown. */
export async function keysInForce({ tenants, clock }: Pick<Deps, "tenants" | "clock">, keys: KeysFile): Promise<Shown> {
  const shown = async (text: string): Promise<string | null> => {
    const named = parseApiKey(text);
    const found = named.ok ? await tenants.lookup(named.value.tenant, named.value.kid) : null;
    const key = found?.ok ? found.value.key : null;
    return key !== null && keyInForce(key, clock.now()) ? text : null;
  };
  return { ...keys, api_key: await shown(keys.api_key), admin_key: await shown(keys.admin_key) };
}

const ENDED = "(the first one was rotated or revoked)";

/** The short screen after a start: everything a newcomer needs for the first call. */
export const welcome = ({ endpoint, tenant, api_key, admin_key }: Shown): string => `
Bailiwick is ready.

  endpoint   ${endpoint}/v1
  tenant     ${tenant}
  API key    ${api_key ?? ENDED}
  admin key  ${admin_key ?? ENDED}
  reference  ${endpoint}/reference

Try it:

  curl ${endpoint}/v1/chat/completions \\
    -H "authorization: Bearer ${api_key ?? "…"}" -H "content-type: application/json" \\
    -d '{"model": "synthetic-small", "messages": [{"role": "user", "content": "Hello"}]}'

Ctrl-C drains and stops; a second start keeps all state.
`;
