import type { Actor, Role } from "../../../shared/contracts/actor.ts";
import { EvidenceEnvelope, TaskEvidencePath } from "../../../shared/contracts/http/evidence.ts";
import { DecisionId, type TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TaskProof } from "../../../shared/contracts/log.ts";
import type { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import { err } from "../../../shared/contracts/result.ts";
import type { Call, Deps } from "../../context.ts";
import { checkProof } from "../../evidence/check-proof.ts";
import { taskStatement } from "../../evidence/statement.ts";
import { readTaskEntries, taskPredicate } from "../../evidence/task-predicate.ts";
import { STORED_READ_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { ProblemError } from "../../problem.ts";
import { recordOf } from "../decisions/record.ts";
import { READ } from "../input.ts";
import { archiveOf, evidenceCall, evidencePending, refuseHalted, signerOf } from "../ledger/evidence-parts.ts";
import { operation, type Reply } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { disclosedSalts } from "./evidence-salts.ts";
import { transcriptOf } from "./evidence-transcript.ts";

/** Roles that read evidence of the whole tenant; everybody else of their own workspace. */
const TENANT_WIDE: ReadonlySet<Role> = new Set<Role>(["admin", "auditor"]);

type Reader = Pick<Actor, "roles" | "scopes">;

const readsAll = ({ roles }: Reader): boolean => roles.some((role) => TENANT_WIDE.has(role));
const reaches = (reader: Reader, workspace: string | null): boolean =>
  readsAll(reader) || reader.scopes.workspace === workspace;

/** One signed statement of what happened to a task. Another workspace's task is the same 404 as one that never was. */
export const getTaskEvidence = operation({
  ...READ,
  id: "tasks.evidence",
  path: "/v1/tasks/{task_id}/evidence",
  action: "evidence:read",
  gate: "governed",
  credential: "compared",
  params: TaskEvidencePath,
  success: [200, EvidenceEnvelope, "A DSSE envelope over an in-toto statement.", "application/vnd.dsse+json"],
  problems: ["not-found", "evidence-pending", "evidence-unavailable"],
  summary: "Get the evidence of a task",
  tag: "Tasks",
  resource: { kind: "task", param: "task_id" },
  // A transcript is redacted by every detector there is, whatever policy asks for.
  enforces: STORED_READ_OBLIGATIONS,
  async execute(deps, call): Promise<Reply> {
    archiveOf(deps);
    const signer = signerOf(deps);
    const proof = await provenTask(deps, call, call.params.task_id);
    const task = readTaskEntries(proof.entries.map(({ text }) => text));
    if (!reaches(call.actor, task.opening.workspace)) throw new ProblemError("not-found");
    refuseHalted(unwrap(await deps.tenants.log(call.tenant.id, call.access)));
    checkProof(proof);
    const salts = await disclosedSalts(deps, call, task);
    const predicate = taskPredicate(proof, task, {
      generatedMs: deps.clock.now(),
      jurisdiction: deps.cell.jurisdiction,
      stores: deps.stores,
      links: deps.releaseLinks,
      decision: await decisionOf(deps, call, task.opening.decision),
      salts: salts === "erased" ? null : salts,
      erased: salts === "erased",
      transcript: salts === null || salts === "erased" ? null : await transcriptOf(deps, call, task),
      isOwnPool: (provider) => call.snapshot.providers[provider]?.locality === "local",
    });
    const body = await evidenceCall(signer.signStatement(taskStatement(proof, predicate)));
    const headers = {
      "cache-control": "no-store",
      "content-disposition": `attachment; filename="${call.params.task_id}.dsse.json"`,
    };
    return { kind: "bytes", status: 200, contentType: "application/vnd.dsse+json", body, headers };
  },
});

/** Every entry of the task, proven. Throws `not-found`, also to who must not hear that there is one, or `evidence-pending`. */
async function provenTask(deps: Deps, call: Call, id: TaskId): Promise<TaskProof> {
  const proven = await deps.tenants.proof(call.tenant.id, call.access, id);
  if (proven.ok) return bounded(proven.value);
  if (proven.error.reason === "pending") {
    if (!readsAll(call.actor) && !reaches(call.actor, await workspaceOf(deps, call, id)))
      throw new ProblemError("not-found");
    throw evidencePending(proven.error.retry_after_ms);
  }
  return unwrap(err(proven.error));
}

/** What a verifier is asked to read at most. */
function bounded(proof: TaskProof): TaskProof {
  if (proof.entries.length <= LIMITS.evidenceEntriesMax) return proof;
  throw new ProblemError("evidence-unavailable", { detail: "The task has more entries than one statement holds." });
}

/** Of a task that is not published yet: from its row, or from what waits for an approval. */
async function workspaceOf(deps: Deps, { tenant, access }: Call, id: TaskId): Promise<string | null> {
  const task = await deps.tenants.task(tenant.id, access, id);
  if (task.ok) return task.value.workspace;
  if (task.error.reason !== "not_found") unwrap(task);
  const approval = await deps.tenants.approvalOfTask(tenant.id, access, id);
  if (approval.ok) return approval.value.requester.workspace;
  if (approval.error.reason !== "not_found") unwrap(approval);
  // What was refused before it was admitted has entries and nothing else; it is told once they are published.
  return null;
}

/** The record of the decision that let the task through; null once the ring has let it go. */
async function decisionOf(deps: Deps, call: Call, id: string | null): Promise<DecisionRecord | null> {
  const parsed = DecisionId.safeParse(id);
  if (!parsed.success) return null;
  const kept = await deps.tenants.decision(call.tenant.id, call.access, parsed.data);
  if (!kept.ok && kept.error.reason === "not_found") return null;
  return recordOf(unwrap(kept));
}
