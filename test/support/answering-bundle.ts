import { readFileSync } from "node:fs";
import { pack, sign } from "../../policies/bundle/archive.fixture.ts";
import type { DecisionDocument } from "../../shared/contracts/policy/document.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ALL_ACTIONS, BUNDLE_KEY, BUNDLE_SECRET } from "./policy-bundle.ts";

/** `opa build` of `policies/answers.rego`. */
const PLAN = readFileSync(new URL("./policies/answers.json", import.meta.url), "utf8");

type Answer = Pick<DecisionDocument, "decision" | "reasons"> &
  Partial<Omit<DecisionDocument, "obligations">> & {
    obligations?: { id: string; params?: Record<string, unknown> }[];
  };

/** A tenant's bundle that answers each action as listed, and allows every other one that there is. */
export async function answeringBundle(of: {
  tenant: string;
  revision: number;
  answers: Readonly<Record<string, Answer>>;
}): Promise<Uint8Array> {
  const allowed = Object.fromEntries(ALL_ACTIONS.map((action) => [action, { decision: "ALLOW", reasons: ["listed"] }]));
  const files = new Map<string, string | Uint8Array>([
    ["data.json", JSON.stringify({ answers: { ...allowed, ...of.answers } })],
    ["plan.json", PLAN],
    [".manifest", JSON.stringify({ revision: String(of.revision), roots: ["bailiwick", "answers"] })],
  ]);
  const claims = { keyid: BUNDLE_KEY, layer: "tenant", tenant: of.tenant, revision: of.revision, contract: "1.0.0" };
  await sign(files, claims, { alg: "HS256", key: utf8(BUNDLE_SECRET), kid: BUNDLE_KEY });
  return pack(files);
}
