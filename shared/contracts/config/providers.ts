import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { DIALECTS } from "../ports/engine.ts";
import { PROVIDER_DEFAULTS } from "./defaults.ts";
import { Jurisdiction, PoolName, ProviderName, SecretReference, timeoutMs } from "./fields.ts";
import { ENGINE_KINDS } from "./snapshot.ts";

/** `http` is for our own pools; a base URL never carries a credential, a query or a fragment. */
const BaseUrl = z
  .string()
  .max(1_024)
  .check((context) => {
    const url = URL.parse(context.value);
    const refuse = (message: string) => void context.issues.push({ code: "custom", message, input: null });
    if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
      refuse("an http or https URL, such as https://api.example.com/v1");
    else if (url.username !== "" || url.password !== "") refuse("a URL without user name and password: use `secret`");
    else if (url.search !== "" || url.hash !== "") refuse("a URL without query and fragment");
  })
  .transform((text) => text.replace(/\/+$/, ""));

export const ProviderEntry = z.strictObject({
  kind: z.enum(ENGINE_KINDS),
  /** null: the variable that it is read from is not set, and the provider is left out. */
  base_url: BaseUrl.nullable().optional(),
  secret: SecretReference.optional(),
  tenant_credentials: z.boolean().default(false),
  locality: z.enum(["local", "api"]).optional(),
  jurisdiction: Jurisdiction.optional(),
  dialects: z.array(z.enum(DIALECTS)).min(1).max(DIALECTS.length).optional(),
  api_version: z
    .string()
    .regex(/^[0-9A-Za-z.-]{1,32}$/)
    .optional(),
  connect_timeout_ms: timeoutMs(LIMITS.engineConnectMsMax).default(PROVIDER_DEFAULTS.connect_timeout_ms),
  try_timeout_ms: timeoutMs(LIMITS.deadlineMsMax).default(PROVIDER_DEFAULTS.try_timeout_ms),
  idle_timeout_ms: timeoutMs(LIMITS.engineIdleMsMax).default(PROVIDER_DEFAULTS.idle_timeout_ms),
  breaker: z
    .strictObject({
      failures: z.number().int().min(1).max(1_000).default(PROVIDER_DEFAULTS.breaker.failures),
      cooldown_ms: timeoutMs(3_600_000).default(PROVIDER_DEFAULTS.breaker.cooldown_ms),
    })
    .prefault({}),
  synthetic: z
    .strictObject({
      tokens_per_s: z.number().min(1).max(1_000_000).default(PROVIDER_DEFAULTS.synthetic.tokens_per_s),
      fail: z
        .enum(["never", "unreachable", "overloaded", "failed", "midstream", "hang"])
        .default(PROVIDER_DEFAULTS.synthetic.fail),
    })
    .optional(),
  /** Of kind `pool`: whose workers are sent for. */
  pool: PoolName.optional(),
  /** Of kind `pool`: its engines invent their answers, so that nothing is routed there beside real ones. */
  stand_in: z.boolean().default(false),
  /** No warning while its secret or its base URL is missing. */
  optional: z.boolean().default(false),
});
export type ProviderEntry = z.infer<typeof ProviderEntry>;

/** `providers.yml` */
export const ProvidersFile = z.strictObject({ providers: z.record(ProviderName, ProviderEntry).default({}) });
export type ProvidersFile = z.infer<typeof ProvidersFile>;
