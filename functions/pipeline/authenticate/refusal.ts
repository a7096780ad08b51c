import type { ProblemSlug } from "../../../shared/contracts/problems.ts";
import { err, type Result, unreachable } from "../../../shared/contracts/result.ts";
import { ProblemError, type ProblemExtensions } from "../../problem.ts";
import type { Authenticated } from "./authenticator.ts";

/** Why a caller is not let in. `bad_credential` has one form for every cause, so that guesses learn nothing. */
export type Denial =
  | { reason: "no_credential" }
  | { reason: "bad_credential" }
  | { reason: "conflict" }
  /** `X-Tenant` names a tenant that the credential does not have; `who` lets the tenant's ledger keep it. */
  | { reason: "tenant_not_selectable"; who: Authenticated | null }
  /** The issuer's keys cannot be had now: nothing is known about the token. */
  | { reason: "issuer_unavailable" };

/** The problem that the caller sees, and who it was where that is known. */
export class AuthRefusal extends ProblemError {
  readonly who: Authenticated | null;
  constructor(slug: ProblemSlug, extensions: ProblemExtensions, who: Authenticated | null = null) {
    super(slug, extensions);
    this.who = who;
  }
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** RFC 9728 §5.1: the metadata document of the host that was asked; of the cell's own when the header is not a host. */
export function resourceMetadata(host: string | null, endpoint: string): string {
  const own = new URL(endpoint);
  const asked = host !== null && HOST.test(host) ? host : own.host;
  return `${own.protocol}//${asked}/.well-known/oauth-protected-resource`;
}

/** The refusal of a denial, with the challenge that RFC 9110 and RFC 6750 §3 ask for on 401. */
export function refuse(denial: Denial, host: string | null, endpoint: string): Result<never, AuthRefusal> {
  const challenge = (error: string) => ({
    "www-authenticate": `Bearer resource_metadata="${resourceMetadata(host, endpoint)}"${error}`,
  });
  switch (denial.reason) {
    case "no_credential":
      return err(new AuthRefusal("unauthenticated", { headers: challenge("") }));
    case "bad_credential":
      return err(new AuthRefusal("unauthenticated", { headers: challenge(', error="invalid_token"') }));
    case "conflict":
      return err(new AuthRefusal("credential-conflict", { detail: "Send exactly one credential, in one header." }));
    case "tenant_not_selectable":
      return err(
        new AuthRefusal(
          "forbidden",
          {
            param: "x-tenant",
            detail: "The credential does not have this tenant.",
            members: { reasons: ["tenant_not_selectable"] },
          },
          denial.who,
        ),
      );
    case "issuer_unavailable":
      return err(
        new AuthRefusal("store-unavailable", {
          retryAfterMs: 1000,
          detail: "The keys of the token's issuer cannot be read now.",
        }),
      );
    default:
      return unreachable(denial);
  }
}
