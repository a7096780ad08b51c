import { CreateErasure, ErasureList, ErasureObject } from "../../../shared/contracts/http/erasures.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import type { Erasure } from "../../../shared/contracts/ports/content-store.ts";
import { subjectDigest } from "../../inference/content-keys.ts";
import { ProblemError } from "../../problem.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { rfc3339 } from "../time.ts";

const common = { path: "/v1/erasures", gate: "governed", credential: "compared", tag: "Erasures" } as const;

const erasureObject = ({ seq, at_ms, scope, object, key, conversations, by }: Erasure): ErasureObject => ({
  object: "erasure",
  ledger_seq: seq,
  scope,
  erased: object,
  key,
  conversations,
  erased_at: rfc3339(at_ms),
  erased_by: by,
});

/** Everything that is kept for one subject, unreadable with one key. A repeat destroys nothing more, and says so. */
export const createErasure = operation({
  ...common,
  ...JSON_INPUT,
  id: "erasures.create",
  method: "post",
  action: "data:erase",
  effect: "irreversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  body: CreateErasure,
  success: [200, ErasureObject, "The subject's key is destroyed, and the ledger says so."],
  problems: ["tenant-locked", "tenant-suspended"],
  summary: "Erase what is kept for a subject",
  resource: { kind: "subject" },
  async execute(deps, { access, by, body, tenant }) {
    const erased = unwrap(await deps.tenants.eraseSubject(tenant.id, { access, by }, subjectDigest(body.subject)));
    deps.contentKeys.forget(tenant.id);
    return value(erasureObject(erased));
  },
});

export const listErasures = operation({
  ...READ,
  ...common,
  id: "erasures.list",
  action: "data:read",
  query: PageQuery,
  success: [200, ErasureList, "What was erased, newest first."],
  problems: [],
  summary: "List what was erased",
  resource: { kind: "subject" },
  async execute(deps, { access, query, tenant }) {
    const before = positionOf(decodeCursor("erasures", query.cursor));
    const page = unwrap(await deps.tenants.erasures(tenant.id, access, { before, limit: query.limit }));
    const last = page.erasures.at(-1);
    return value({
      object: "list",
      data: page.erasures.map(erasureObject),
      has_more: page.more,
      next_cursor: page.more && last ? encodeCursor("erasures", String(last.seq)) : null,
    });
  },
});

function positionOf(cursor: string | null): number | null {
  if (cursor === null) return null;
  if (!/^\d{1,15}$/.test(cursor))
    throw new ProblemError("invalid-request", { param: "cursor", detail: "This cursor is not from this list." });
  return Number(cursor);
}
