import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab, WITHOUT_DATABASE } from "../support/lab.ts";
import { fuzzing } from "./settings.ts";
import { Step as AnyStep, type Asked, ask, chosen } from "./steps.ts";

/** What somebody made and what became of it; `by` is the key that it was made with. */
interface Thing {
  id: string;
  alive: boolean;
}
/** What the cell must know, as far as sequences of calls change it. */
interface Model {
  keys: Thing[];
  conversations: (Thing & { items: number })[];
  files: Thing[];
  batches: (Thing & { file: number })[];
  responses: Thing[];
  budgets: Thing[];
}
interface Real extends Asked {
  /** Secrets of the model's keys, in the same order. */
  secrets: string[];
}
abstract class Step extends AnyStep<Model, Real> {}

const chat = { model: "echo", messages: [{ role: "user", content: "x" }] };
const FORM = (purpose: string) =>
  `--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n${purpose}\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${JSON.stringify({ custom_id: "1", method: "POST", url: "/v1/chat/completions", body: chat })}\r\n--b--\r\n`;

class CreateKey extends Step {
  async run(model: Model, real: Real) {
    const { status, value } = await ask(real, "POST", "/v1/keys", { body: { name: "f", roles: ["developer"] } });
    expect(status).toBe(201);
    model.keys.push({ id: value.id, alive: true });
    real.secrets.push(value.secret);
  }
}
class UseKey extends Step {
  override check({ keys }: Readonly<Model>) {
    return keys.length > 0;
  }
  async run(model: Model, real: Real) {
    const at = this.n % model.keys.length;
    const { status } = await ask(real, "POST", "/v1/chat/completions", { key: real.secrets[at] ?? "", body: chat });
    expect(status, real.said.join("\n")).toBe(model.keys[at]?.alive ? 200 : 401);
  }
}
class RevokeKey extends Step {
  override check({ keys }: Readonly<Model>) {
    return keys.length > 0;
  }
  async run(model: Model, real: Real) {
    const key = chosen(model.keys, this.n);
    const { status } = await ask(real, "DELETE", `/v1/keys/${key.id}`);
    expect(status).toBe(200);
    key.alive = false;
  }
}
class RotateKey extends Step {
  override check({ keys }: Readonly<Model>) {
    return keys.length > 0;
  }
  async run(model: Model, real: Real) {
    const key = chosen(model.keys, this.n);
    const { status, value } = await ask(real, "POST", `/v1/keys/${key.id}/rotate`, { body: { overlap_s: 0 } });
    expect(status === 201, `${status} ${real.said.join("\n")}`).toBe(key.alive);
    if (status !== 201) return;
    key.alive = false;
    model.keys.push({ id: value.id, alive: true });
    real.secrets.push(value.secret);
  }
}

class CreateConversation extends Step {
  async run(model: Model, real: Real) {
    const { status, value } = await ask(real, "POST", "/v1/conversations", { body: { items: [] } });
    expect(status).toBe(200);
    model.conversations.push({ id: value.id, alive: true, items: 0 });
  }
}
abstract class OverConversation extends Step {
  override check({ conversations }: Readonly<Model>) {
    return conversations.length > 0;
  }
}
class AddItem extends OverConversation {
  async run(model: Model, real: Real) {
    const conversation = chosen(model.conversations, this.n);
    const items = [{ type: "message", role: "user", content: "x" }];
    const { status } = await ask(real, "POST", `/v1/conversations/${conversation.id}/items`, { body: { items } });
    expect(status).toBe(conversation.alive ? 200 : 404);
    if (status === 200) conversation.items++;
  }
}
class SpeakInConversation extends OverConversation {
  async run(model: Model, real: Real) {
    const conversation = chosen(model.conversations, this.n);
    const body = { model: "echo", input: "x", conversation: conversation.id };
    const { status } = await ask(real, "POST", "/v1/responses", { body });
    expect(status).toBe(conversation.alive ? 200 : 404);
    if (status === 200) conversation.items += 2;
  }
}
class ReadConversation extends OverConversation {
  async run(model: Model, real: Real) {
    const conversation = chosen(model.conversations, this.n);
    const path = `/v1/conversations/${conversation.id}/items?limit=100`;
    const { status, value } = await ask(real, "GET", path);
    expect(status).toBe(conversation.alive ? 200 : 404);
    if (status === 200 && conversation.items <= 100) expect(value.data).toHaveLength(conversation.items);
    expect((await ask(real, "GET", path, { key: real.stranger.adminKey })).status).toBe(404);
  }
}
class DeleteConversation extends OverConversation {
  async run(model: Model, real: Real) {
    const conversation = chosen(model.conversations, this.n);
    const { status } = await ask(real, "DELETE", `/v1/conversations/${conversation.id}`);
    expect(status).toBe(conversation.alive ? 200 : 404);
    conversation.alive = false;
  }
}

class CreateFile extends Step {
  async run(model: Model, real: Real) {
    const { status, value } = await ask(real, "POST", "/v1/files", {
      body: FORM("batch"),
      headers: { "content-type": "multipart/form-data; boundary=b" },
    });
    expect(status).toBe(200);
    model.files.push({ id: value.id, alive: true });
  }
}
abstract class OverFile extends Step {
  override check({ files }: Readonly<Model>) {
    return files.length > 0;
  }
}
class ReadFile extends OverFile {
  async run(model: Model, real: Real) {
    const file = chosen(model.files, this.n);
    for (const path of [`/v1/files/${file.id}`, `/v1/files/${file.id}/content`]) {
      expect((await ask(real, "GET", path)).status).toBe(file.alive ? 200 : 404);
      expect((await ask(real, "GET", path, { key: real.stranger.adminKey })).status).toBe(404);
    }
  }
}
class DeleteFile extends OverFile {
  async run(model: Model, real: Real) {
    const file = chosen(model.files, this.n);
    const { status } = await ask(real, "DELETE", `/v1/files/${file.id}`);
    // One that a batch reads is kept until the batch has ended.
    expect(file.alive ? [200, 409] : [404]).toContain(status);
    if (status === 200) file.alive = false;
  }
}
class CreateBatch extends OverFile {
  async run(model: Model, real: Real) {
    const at = this.n % model.files.length;
    const file = chosen(model.files, at);
    const body = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const { status, value } = await ask(real, "POST", "/v1/batches", { body });
    expect(status).toBe(file.alive ? 200 : 404);
    if (status === 200) model.batches.push({ id: value.id, alive: true, file: at });
  }
}
class CancelBatch extends Step {
  override check({ batches }: Readonly<Model>) {
    return batches.length > 0;
  }
  async run(model: Model, real: Real) {
    const batch = chosen(model.batches, this.n);
    const { status } = await ask(real, "POST", `/v1/batches/${batch.id}/cancel`);
    expect([200, 409]).toContain(status);
    const read = await ask(real, "GET", `/v1/batches/${batch.id}`);
    expect(read.status).toBe(200);
    const counts = read.value.request_counts;
    expect(counts.completed + counts.failed).toBeLessThanOrEqual(counts.total);
  }
}

class CreateResponse extends Step {
  async run(model: Model, real: Real) {
    const body = { model: "echo", input: "x", ...(this.n % 2 === 0 ? { store: true } : { background: true }) };
    const { status, value } = await ask(real, "POST", "/v1/responses", { body });
    expect(status).toBe(200);
    model.responses.push({ id: value.id, alive: true });
  }
}
abstract class OverResponse extends Step {
  override check({ responses }: Readonly<Model>) {
    return responses.length > 0;
  }
}
class ReadResponse extends OverResponse {
  async run(model: Model, real: Real) {
    const response = chosen(model.responses, this.n);
    expect((await ask(real, "GET", `/v1/responses/${response.id}`)).status).toBe(response.alive ? 200 : 404);
    // None of them was created as a stream.
    const streamed = await ask(real, "GET", `/v1/responses/${response.id}?stream=true`);
    expect(streamed.status).toBe(response.alive ? 400 : 404);
    const stranger = { key: real.stranger.adminKey };
    expect((await ask(real, "GET", `/v1/responses/${response.id}`, stranger)).status).toBe(404);
  }
}
class ContinueResponse extends OverResponse {
  async run(model: Model, real: Real) {
    const response = chosen(model.responses, this.n);
    const body = { model: "echo", input: "x", previous_response_id: response.id, store: true };
    const { status, value } = await ask(real, "POST", "/v1/responses", { body });
    // One that is still made in the background cannot be continued yet.
    expect(response.alive ? [200, 404, 409] : [404]).toContain(status);
    if (status === 200) model.responses.push({ id: value.id, alive: true });
  }
}
class DeleteResponse extends OverResponse {
  async run(model: Model, real: Real) {
    const response = chosen(model.responses, this.n);
    const { status } = await ask(real, "DELETE", `/v1/responses/${response.id}`);
    expect(status, real.said.join("\n")).toBe(response.alive ? 200 : 404);
    response.alive = false;
  }
}

class CreateBudget extends Step {
  async run(model: Model, real: Real) {
    const { status, value } = await ask(real, "POST", "/v1/budgets", { body: { period: "month", limit_usd: "100" } });
    expect(status).toBe(201);
    model.budgets.push({ id: value.id, alive: true });
  }
}
class DeleteBudget extends Step {
  override check({ budgets }: Readonly<Model>) {
    return budgets.length > 0;
  }
  async run(model: Model, real: Real) {
    const budget = chosen(model.budgets, this.n);
    const { status } = await ask(real, "DELETE", `/v1/budgets/${budget.id}`);
    expect(status < 300).toBe(budget.alive);
    budget.alive = false;
  }
}
class Suspend extends Step {
  async run(_model: Model, real: Real) {
    const path = `/v1/tenants/${real.tenant.id}`;
    const set = (suspended: boolean) => ask(real, "PATCH", path, { key: real.lab.cell.adminKey, body: { suspended } });
    expect((await set(true)).status).toBe(200);
    expect((await ask(real, "GET", "/v1/models")).status).toBe(403);
    expect((await set(false)).status).toBe(200);
    expect((await ask(real, "GET", "/v1/models")).status).toBe(200);
  }
}

const STEPS = [
  ...[CreateKey, UseKey, UseKey, RevokeKey, RotateKey],
  ...[CreateConversation, AddItem, SpeakInConversation, ReadConversation, DeleteConversation],
  ...[CreateFile, ReadFile, DeleteFile, CreateBatch, CancelBatch],
  ...[CreateResponse, ReadResponse, ContinueResponse, DeleteResponse],
  ...[CreateBudget, DeleteBudget, Suspend],
];

describe("sequences of calls", () => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  beforeAll(async () => {
    lab = await startLab({ runtime: "deno", env: WITHOUT_DATABASE });
  });
  afterAll(() => lab?.stop());

  it("leave what was made and nothing else, whatever was done before, so that nothing revoked or deleted comes back", {
    timeout: 580_000,
  }, async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.commands(
          STEPS.map((Made) => fc.nat({ max: 50 }).map((n) => new Made(n))),
          { maxCommands: 60, size: "max" },
        ),
        async (commands) => {
          const [tenant, stranger] = [await lab.newTenant(), await lab.newTenant()];
          const model: Model = { keys: [], conversations: [], files: [], batches: [], responses: [], budgets: [] };
          const real: Real = { lab, tenant, stranger, secrets: [], said: [] };
          await fc.asyncModelRun(() => ({ model, real }), commands);
          for (const line of real.said) {
            const kind = `${line.split(" ")[0]} ${line.split("/")[2]?.split("?")[0]?.split(" ")[0]} ${line.slice(-3)}`;
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
          // What was spent is what was held and charged: nothing is left open by a sequence that has ended.
          const { data } = await lab.json("/v1/budgets?limit=100", { key: tenant.adminKey });
          const alive = model.budgets.filter((budget) => budget.alive).map(({ id }) => id);
          expect(data.map(({ id }: { id: string }) => id).sort()).toEqual(alive.sort());
        },
      ),
      { ...fuzzing(25), endOnFailure: true, interruptAfterTimeLimit: 500_000 },
    );
    console.log(
      [...seen]
        .sort()
        .map(([kind, count]) => `${kind}: ${count}`)
        .join("\n"),
    );
    // Sequences reach behind what was deleted, not only up to it.
    for (const kind of [
      "POST chat 401",
      "GET conversations 404",
      "GET files 404",
      "GET responses 404",
      "POST batches 404",
    ])
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0);
  });
});
