import { toFile } from "openai";
import { demandApprovals } from "./approvals-bundle.ts";
import { approvalsDesk } from "./approvals-desk.ts";
import { eventually, type Lab, type Tenant, user } from "./lab.ts";

const ENDED = ["completed", "failed", "expired", "cancelled"];

/** What outlives its call: files, a batch, and a response that is made in the background. */
export async function longSurfaces(lab: Lab, { apiKey }: Tenant, content: string): Promise<void> {
  const client = lab.openai(apiKey);
  const line = JSON.stringify({
    custom_id: "one",
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "echo", messages: [user(`${content} batch`)] },
  });
  const file = (text: string) => toFile(new TextEncoder().encode(text), `${content}.jsonl`);
  await client.files.create({ file: await file(`${content} file `.repeat(5_000)), purpose: "user_data" });
  const input = await client.files.create({ file: await file(line), purpose: "batch" });
  const batch = await client.batches.create({
    input_file_id: input.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    metadata: { note: content },
  });
  const body = { model: "echo", input: `${content} background`, background: true, stream: false };
  const background = await (await lab.ask("/v1/responses", { key: apiKey, body })).json();
  await eventually(
    () => client.batches.retrieve(batch.id),
    ({ status }) => ENDED.includes(status),
    60_000,
  );
  if (typeof background.id !== "string") return;
  await eventually(
    async () => String((await (await lab.ask(`/v1/responses/${background.id}`, { key: apiKey })).json()).status),
    (status) => !["queued", "in_progress"].includes(status),
    60_000,
  );
}

/** Under a policy bundle that wants approvals: one request waits, one is approved and has run, one was rejected. */
export async function approvalSurfaces(lab: Lab, tenant: Tenant, content: string): Promise<void> {
  await demandApprovals(lab, tenant, { models: { small: { role: "admin", edit: true } } });
  const desk = approvalsDesk(lab);
  const ask = (what: string) => desk.ask(tenant.apiKey, "small", `${content} ${what}`);
  await ask("waits");
  const [approved, rejected] = [await ask("runs"), await ask("is rejected")];
  await desk.decide(tenant.adminKey, approved, "approve");
  await desk.decide(tenant.adminKey, rejected, "reject");
  await desk.done(tenant.adminKey, approved);
}

/** Evidence of the tenant's newest task and an export of everything, as their readers get them. */
export async function evidenceAnswers(
  lab: Lab,
  { adminKey: key }: Tenant,
  task: string,
): Promise<Record<string, string>> {
  const read = async (path: string) => {
    const asked = () => lab.ask(path, { key });
    const answered = await eventually(asked, ({ status }) => status !== 404 && status !== 409, 30_000);
    if (!answered.ok) throw new Error(`${path}: ${answered.status} ${await answered.text()}`);
    return answered.text();
  };
  const from = encodeURIComponent(new Date(Date.now() - 3_600_000).toISOString());
  const evidence = await read(`/v1/tasks/${task}/evidence`);
  const period = `from=${from}&to=${encodeURIComponent(new Date().toISOString())}`;
  return {
    evidence,
    export: await read(`/v1/ledger/export?${period}`),
    ocsf: await read(`/v1/ledger/export?${period}&format=ocsf`),
    checkpoint: await read("/v1/ledger/checkpoint"),
  };
}
