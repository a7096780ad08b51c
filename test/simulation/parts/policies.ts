import { answeringBundle } from "../../support/answering-bundle.ts";
import { approvalsBundle } from "../../support/approvals-bundle.ts";
import { TENANTS, type TenantName } from "./config.ts";

/** Odd revisions want calls of `guarded` approved and let everything else be; even ones deny all calls. */
export const REVISIONS_MAX = 5;
export const denies = (revision: number): boolean => revision % 2 === 0;

const DENIED: { decision: "DENY"; reasons: string[] } = { decision: "DENY", reasons: ["withdrawn"] };

const bundle = (tenant: string, revision: number): Promise<Uint8Array> =>
  denies(revision)
    ? answeringBundle({ tenant, revision, answers: { "inference:invoke": DENIED } })
    : approvalsBundle(tenant, revision, { models: { guarded: { approvers: 1, role: "approver" } } });

/** Signed bundles of every tenant; made once, while time is nobody's. */
const BUNDLES = new Map(
  await Promise.all(
    TENANTS.flatMap((tenant) =>
      Array.from({ length: REVISIONS_MAX }, async (_, at) => {
        const made: [string, Uint8Array] = [`${tenant} ${at + 1}`, await bundle(tenant, at + 1)];
        return made;
      }),
    ),
  ),
);

export function signedBundle(tenant: TenantName, revision: number): Uint8Array {
  const found = BUNDLES.get(`${tenant} ${revision}`);
  if (found === undefined) throw new RangeError(`no revision ${revision} of ${tenant}`);
  return found;
}
