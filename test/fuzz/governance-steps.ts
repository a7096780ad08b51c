import { expect } from "vitest";
import { approvalsBundle } from "../support/approvals-bundle.ts";
import { marker, user } from "../support/lab.ts";
import { ALL_ACTIONS, policyBundle } from "../support/policy-bundle.ts";
import {
  activated,
  type Bundle,
  canaried,
  type Effect,
  effectOf,
  inForce,
  type Model,
  type Real,
  type Task,
  takenBack,
} from "./governance-model.ts";
import { Step as AnyStep, ask, chosen } from "./steps.ts";

const EFFECTS: readonly Effect[] = ["allow", "deny", "ask"];

abstract class Step extends AnyStep<Model, Real> {}
abstract class OverBundle extends Step {
  override check({ bundles }: Readonly<Model>) {
    return bundles.length > 0;
  }
}

const archiveOf = (tenant: string, revision: number, effect: Effect): Promise<Uint8Array> =>
  effect === "ask"
    ? approvalsBundle(tenant, revision, { models: { echo: {} } })
    : policyBundle({
        ...{ tenant, revision },
        actions: ALL_ACTIONS.filter((action) => effect === "allow" || action !== "inference:invoke"),
      });
const putArchive = (real: Real, body: Uint8Array) =>
  ask(real, "PUT", "/v1/policies/bundles", { body, headers: { "content-type": "application/gzip" } });

/** What the cell says is in force is what these sequences put in force. */
function expectInForce(model: Model, real: Real, value: { version: number }): void {
  expect(value, real.said.join("\n")).toMatchObject(inForce(model));
  expect(value.version).toBeGreaterThanOrEqual(real.version);
  real.version = value.version;
}

class DraftBundle extends Step {
  async run(model: Model, real: Real) {
    const effect = EFFECTS[this.n % 3] ?? "allow";
    const revision = (model.bundles.at(-1)?.revision ?? 0) + 1 + (this.n % 2);
    const archive = await archiveOf(real.tenant.id, revision, effect);
    expect((await putArchive(real, archive)).status).toBe(201);
    model.bundles.push({ revision, effect, archive, before: null });
  }
}
/** Puts the newest bundle in force, whatever was before. */
class Enforce extends Step {
  async run(model: Model, real: Real) {
    await new DraftBundle(this.n).run(model, real);
    await new Activate(model.bundles.length - 1).run(model, real);
  }
}
class DraftAgain extends OverBundle {
  async run(model: Model, real: Real) {
    const { archive, revision, effect } = chosen(model.bundles, this.n);
    expect((await putArchive(real, archive)).status).toBe(201);
    const other = await archiveOf(real.tenant.id, revision, effect === "allow" ? "deny" : "allow");
    expect((await putArchive(real, other)).status).toBe(409);
    const broken = Uint8Array.from(archive);
    const at = this.n % broken.length;
    broken[at] = (broken[at] ?? 0) ^ 1;
    // A flipped bit in gzip's own header may change nothing of what is signed: then it is another archive of an old revision.
    expect([409, 422]).toContain((await putArchive(real, broken)).status);
  }
}
class Activate extends OverBundle {
  async run(model: Model, real: Real) {
    const { revision } = chosen(model.bundles, this.n);
    const path = `/v1/policies/bundles/${revision}/activate`;
    if (this.n % 4 === 0) {
      const stale = await ask(real, "POST", path, { body: { expected_version: real.version + 1 } });
      expect(stale.status).toBe(409);
    }
    const { status, value } = await ask(real, "POST", path, { body: {} });
    expect(status, real.said.join("\n")).toBe(activated(model, revision, false));
    if (status === 200) expectInForce(model, real, value);
  }
}
class ActivateNothing extends Step {
  async run(model: Model, real: Real) {
    const revision = (model.bundles.at(-1)?.revision ?? 0) + 1_000;
    const { status } = await ask(real, "POST", `/v1/policies/bundles/${revision}/activate`, { body: {} });
    expect(status).toBe(404);
  }
}
class Canary extends OverBundle {
  async run(model: Model, real: Real) {
    const { revision } = chosen(model.bundles, this.n);
    const percent = 1 + (this.n % 99);
    const path = `/v1/policies/bundles/${revision}/activate`;
    const { status, value } = await ask(real, "POST", path, { body: { canary_percent: percent } });
    expect(status, real.said.join("\n")).toBe(canaried(model, revision, percent));
    if (status === 200) expectInForce(model, real, value);
  }
}
class EndCanary extends Step {
  async run(model: Model, real: Real) {
    const { status, value } = await ask(real, "DELETE", "/v1/policies/canary");
    model.canary = null;
    expect(status).toBe(200);
    expectInForce(model, real, value);
  }
}
class RollBack extends Step {
  async run(model: Model, real: Real) {
    const named = this.n % 2 === 0 ? model.bundles[this.n % (model.bundles.length + 1)] : undefined;
    const body = named === undefined ? {} : { revision: named.revision };
    const { status, value } = await ask(real, "POST", "/v1/policies/rollback", { body });
    const expected = named === undefined ? takenBack(model) : activated(model, named.revision, true);
    expect(status, real.said.join("\n")).toBe(expected);
    if (status === 200) expectInForce(model, real, value);
  }
}
class Simulate extends OverBundle {
  async run(model: Model, real: Real) {
    const { revision } = chosen(model.bundles, this.n);
    const body = { revision, decisions: 1 + (this.n % 20) };
    const { status, value } = await ask(real, "POST", "/v1/policies/simulate", { body });
    expect(status).toBe(200);
    const counted = Object.values<number>(value.summary).reduce((sum, n) => sum + n, 0);
    expect([value.candidate.revision, counted]).toEqual([revision, value.evaluated]);
    expect((await ask(real, "POST", "/v1/policies/simulate", { body: { ...body, revision: 9_999 } })).status).toBe(404);
    await new ReadPolicy(this.n).run(model, real);
  }
}
class ReadPolicy extends Step {
  async run(model: Model, real: Real) {
    const { value } = await ask(real, "GET", "/v1/policies");
    const { version } = real;
    expectInForce(model, real, value);
    expect(value.version, "a version moves with a change and not without one").toBe(Math.max(version, real.version));
    const listed = await ask(real, "GET", "/v1/policies/bundles?limit=100");
    const states = ({ revision }: Bundle) =>
      revision === model.active ? "active" : revision === model.canary?.revision ? "canary" : "stored";
    expect(listed.value.data.map(({ revision, state }: Record<string, unknown>) => [revision, state])).toEqual(
      model.bundles.map((bundle) => [bundle.revision, states(bundle)]).reverse(),
    );
    const path = `/v1/policies?tenant=${real.tenant.id}`;
    expect((await ask(real, "GET", path, { key: real.stranger.adminKey })).status).toBe(404);
  }
}

/** Asks for inference, and holds what came of it against what is in force. A canary decides for some: either may be. */
async function asked(model: Model, real: Real, path: string, body: object, mark: string) {
  const outcome = await ask(real, "POST", path, { key: real.requester.key, body });
  const { status, value, headers } = outcome;
  const canary = model.bundles.find(({ revision }) => revision === model.canary?.revision);
  const effects = [effectOf(model), ...(canary ? [canary.effect] : [])];
  const told = real.said.join("\n");
  const id = headers.get("x-bailiwick-approval");
  if (id === null) {
    expect(effects, told).toContain(status < 400 ? "allow" : "deny");
    if (status >= 400) expect([status, value.error.code], told).toEqual([403, "forbidden"]);
    return outcome;
  }
  // Who goes on without the answer is told to wait; who would take a 202 for an answer is told 403.
  expect([effects, status], told).toEqual([expect.arrayContaining(["ask"]), path === "/v1/responses" ? 202 : 403]);
  const seen = await ask(real, "GET", `/v1/approvals/${id}`, { key: real.approver.key });
  expect([seen.status, seen.value.state]).toEqual([200, "pending"]);
  model.approvals.push({ id, mark, digest: seen.value.digest, state: "pending" });
  return outcome;
}

class Chat extends Step {
  async run(model: Model, real: Real) {
    const mark = marker();
    const before = real.lab.upstream.about(mark).length;
    const { status } = await asked(
      model,
      real,
      "/v1/chat/completions",
      { model: "echo", messages: [user(mark)] },
      mark,
    );
    expect(real.lab.upstream.about(mark).length - before).toBe(status === 200 ? 1 : 0);
  }
}
class CreateTask extends Step {
  async run(model: Model, real: Real) {
    const mark = marker();
    const body = { intent: "chat", model: "echo", input: mark, ...(this.n % 2 === 0 ? { stream: true } : {}) };
    const { status, value } = await asked(model, real, "/v1/tasks", body, mark);
    if (status === 202) model.tasks.push(begun(value.task_id, mark, null));
  }
}
class CreateBackground extends Step {
  async run(model: Model, real: Real) {
    const mark = marker();
    const body = { model: "echo", input: mark, background: true };
    const { status, value } = await asked(model, real, "/v1/responses", body, mark);
    if (status === 200) model.tasks.push(begun(`task_${value.id.split("_")[2]}`, mark, value.id));
  }
}
const begun = (id: string, mark: string, response: string | null): Task => ({
  ...{ id, mark, response },
  ...{ ended: null, events: null, deleted: false },
});

abstract class OverTask extends Step {
  override check({ tasks }: Readonly<Model>) {
    return tasks.length > 0;
  }
}
/** Reads the task; once it has ended it says the same for ever. */
export async function readTask(task: Task, real: Real): Promise<string | null> {
  const { status, value } = await ask(real, "GET", `/v1/tasks/${task.id}`, { key: real.requester.key });
  expect([status, value.task_id], real.said.join("\n")).toEqual([200, task.id]);
  if (value.status === null) {
    expect(task.ended, real.said.join("\n")).toBeNull();
    return null;
  }
  const seen = { status: value.status, cost: value.usage?.cost_nusd ?? 0 };
  task.ended ??= seen;
  expect(seen, real.said.join("\n")).toEqual(task.ended);
  return value.status;
}
class ReadTask extends OverTask {
  async run(model: Model, real: Real) {
    const task = chosen(model.tasks, this.n);
    await readTask(task, real);
    const theirs = { key: real.stranger.adminKey };
    for (const path of ["", "/events"])
      expect((await ask(real, "GET", `/v1/tasks/${task.id}${path}`, theirs)).status).toBe(404);
  }
}
class FollowTask extends OverTask {
  async run(model: Model, real: Real) {
    const task = chosen(model.tasks, this.n);
    const { status, text } = await ask(real, "GET", `/v1/tasks/${task.id}/events`, { key: real.requester.key });
    expect(status, real.said.join("\n")).toBe(task.deleted ? 404 : 200);
    if (status !== 200) return;
    // It is followed to its end, and read again byte for byte.
    task.events ??= text;
    expect(text).toBe(task.events);
    expect(await readTask(task, real)).not.toBeNull();
    const after = `/v1/tasks/${task.id}/events?starting_after=1`;
    const rest = await ask(real, "GET", after, { key: real.requester.key });
    expect(text.endsWith(rest.text)).toBe(true);
  }
}
class CancelTask extends OverTask {
  async run(model: Model, real: Real) {
    const task = chosen(model.tasks, this.n);
    const theirs = await ask(real, "POST", `/v1/tasks/${task.id}/cancel`, { key: real.stranger.adminKey });
    expect(theirs.status).toBe(404);
    // A machine that is behind may not have ended it by then, and says so.
    const path = `/v1/tasks/${task.id}/cancel`;
    const { status, value } = await ask(real, "POST", path, { key: real.requester.key, mayFail: 503 });
    if (status === 503) return;
    expect([status, value.status], real.said.join("\n")).toEqual([200, expect.any(String)]);
    expect(await readTask(task, real)).toBe(value.status);
  }
}
class DeleteBackground extends Step {
  override check({ tasks }: Readonly<Model>) {
    return tasks.some(({ response }) => response !== null);
  }
  async run(model: Model, real: Real) {
    const task = chosen(
      model.tasks.filter(({ response }) => response !== null),
      this.n,
    );
    const path = `/v1/responses/${task.response}`;
    expect((await ask(real, "DELETE", path, { key: real.stranger.adminKey })).status).toBe(404);
    const { status } = await ask(real, "DELETE", path, { key: real.requester.key });
    expect(status, real.said.join("\n")).toBe(task.deleted ? 404 : 200);
    task.deleted = true;
    expect((await ask(real, "GET", path, { key: real.requester.key })).status).toBe(404);
  }
}

abstract class OverApproval extends Step {
  override check({ approvals }: Readonly<Model>) {
    return approvals.length > 0;
  }
  async say(real: Real, id: string, verb: string, digest: string, key = real.approver.key) {
    return (await ask(real, "POST", `/v1/approvals/${id}/${verb}`, { key, body: { digest } })).status;
  }
}
class Approve extends OverApproval {
  async run(model: Model, real: Real) {
    const approval = chosen(model.approvals, this.n);
    expect(await this.say(real, approval.id, "approve", approval.digest, real.stranger.adminKey)).toBe(404);
    expect(await this.say(real, approval.id, "approve", approval.digest, real.requester.key)).toBe(403);
    expect(await this.say(real, approval.id, "approve", "0".repeat(approval.digest.length))).toBe(409);
    const status = await this.say(real, approval.id, "approve", approval.digest);
    // Said again by the same approver it changes nothing; what was rejected stays so.
    expect(status, real.said.join("\n")).toBe(approval.state === "rejected" ? 409 : 200);
    if (approval.state === "pending") approval.state = "approved";
  }
}
class Reject extends OverApproval {
  async run(model: Model, real: Real) {
    const approval = chosen(model.approvals, this.n);
    const status = await this.say(real, approval.id, "reject", approval.digest);
    expect(status, real.said.join("\n")).toBe(approval.state === "approved" ? 409 : 200);
    if (approval.state === "pending") approval.state = "rejected";
  }
}
class ReadApproval extends OverApproval {
  async run(model: Model, real: Real) {
    const { id, mark, state } = chosen(model.approvals, this.n);
    const { value } = await ask(real, "GET", `/v1/approvals/${id}`, { key: real.approver.key });
    const after = state === "approved" ? ["approved", "running", "done"] : [state];
    expect(after, real.said.join("\n")).toContain(value.state);
    expect(real.lab.upstream.about(mark).length).toBeLessThanOrEqual(state === "approved" ? 1 : 0);
    for (const path of ["", "/result"])
      expect((await ask(real, "GET", `/v1/approvals/${id}${path}`, { key: real.stranger.adminKey })).status).toBe(404);
    // The answer is for who asked alone.
    expect((await ask(real, "GET", `/v1/approvals/${id}/result`, { key: real.approver.key })).status).toBe(404);
    const result = await ask(real, "GET", `/v1/approvals/${id}/result`, { key: real.requester.key });
    if (state !== "approved") expect(result.status).toBeGreaterThanOrEqual(400);
  }
}

/** Each in as many rows as it is to come more often. */
export const GOVERNANCE_STEPS = [
  ...[DraftBundle, Enforce, Enforce, Enforce, DraftAgain, Activate, Activate, ActivateNothing],
  ...[Canary, EndCanary, RollBack, RollBack, Simulate, ReadPolicy],
  ...[Chat, Chat, CreateTask, CreateTask, CreateBackground, ReadTask, FollowTask, CancelTask, DeleteBackground],
  ...[Approve, Approve, Reject, ReadApproval],
];
