import { CreatedKey, CreateKey } from "../../../shared/contracts/http/keys.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT } from "../input.ts";
import { NOTHING_PREPARED, operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { keyChange } from "./key-change.ts";
import { mint } from "./mint.ts";
import { requireGranted } from "./require-granted.ts";
import { keyObject } from "./view.ts";

/** The only answer that ever holds the secret: the tenant's object keeps a digest. */
export const createKey = operation({
  id: "keys.create",
  method: "post",
  path: "/v1/keys",
  action: "key:write",
  gate: "governed",
  credential: "compared",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  body: CreateKey,
  success: [201, CreatedKey, "The key with its secret, shown once."],
  problems: ["not-found", "limit-reached", "misconfigured"],
  summary: "Create an API key",
  tag: "Keys",
  resource: { kind: "key" },
  prepare: (_deps, { body }) => ({ ...NOTHING_PREPARED, grants: body.roles }),
  async execute(deps, call) {
    const { actor, body, tenant } = call;
    const granted = body.scopes ?? actor.granted;
    requireGranted(call, granted);
    const expires = body.expires_at === null ? null : (Date.parse(body.expires_at) as UnixMs); // safe because: the schema is RFC 3339
    if (expires !== null && expires <= deps.clock.now())
      throw new ProblemError("invalid-request", { param: "expires_at", detail: "The expiry has passed." });
    const workspace = body.workspace ?? actor.scopes.workspace;
    const project = body.project ?? actor.scopes.project;
    const environment = body.environment ?? actor.scopes.environment;
    const own =
      workspace === actor.scopes.workspace &&
      project === actor.scopes.project &&
      environment === actor.scopes.environment;
    // The caller's own scopes exist; asking for them too would need Postgres for every key.
    if (!own)
      unwrap(await deps.control.environments.get(tenant.id, { workspace, project, environment }), {
        not_found: "There is no such workspace, project or environment.",
      });
    const minted = mint(deps, tenant.id);
    const key = unwrap(
      await deps.tenants.createKey(tenant.id, keyChange(call), {
        kid: minted.kid,
        digest: minted.digest,
        name: body.name,
        workspace,
        project,
        environment,
        subject: body.subject ?? `key:${minted.kid}`,
        kind: body.kind,
        roles: body.roles,
        granted,
        cell_operator: false,
        expires_ms: expires,
      }),
      { limit: "The tenant has as many keys as it may." },
    );
    return value({ ...keyObject(key), secret: minted.text });
  },
});
