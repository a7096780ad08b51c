import { toFile } from "openai";
import { eventually, type Lab, marker, type Tenant, user } from "../support/lab.ts";
import { ALL_ACTIONS, policyBundle } from "../support/policy-bundle.ts";
import type { Upstream } from "../support/upstream.ts";
import type { Tally } from "./tally.ts";

const CHAT = "/v1/chat/completions";
const BUNDLES = "/v1/policies/bundles";
const CALL_MS_MAX = 60_000;
/** Short, because what a killed cell left is closed half a minute behind it. */
const DEADLINE = { "x-bailiwick-deadline-ms": "60000" };
const TASK_MS_MAX = 180_000;
const BATCH_MS_MAX = 900_000;
const FILE_BYTES = 200_000;
const BATCH_LINES = 20;
const DENYING = ALL_ACTIONS.filter((action) => action !== "inference:invoke");

export interface LoadWorld {
  lab: Lab;
  upstream: Upstream;
  tally: Tally;
  /** Asks models in every way. */
  caller: Tenant;
  /** Has tasks, batches and files. */
  patient: Tenant;
  /** Changes its own policy and keys all the time. */
  changing: Tenant;
}

/** One kind of load: what it does once, and every how many milliseconds it begins. */
export interface Load {
  kind: string;
  everyMs: number;
  /** At most so many of this kind at once; a turn that finds them busy is left out. */
  atOnceMax: number;
  once(world: LoadWorld, turn: number): Promise<void>;
}

/** Throws with what was answered unless it is a success. */
async function text(lab: Lab, path: string, key: string, body?: unknown, headers: Record<string, string> = {}) {
  const asked = {
    key,
    headers: { ...DEADLINE, ...headers },
    signal: AbortSignal.timeout(CALL_MS_MAX),
    ...(body === undefined ? {} : { body }),
  };
  const response = await lab.ask(path, asked);
  const told = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${told.slice(0, 200)}`);
  return told;
}

async function whole(lab: Lab, key: string, model: string): Promise<void> {
  const told = await text(lab, CHAT, key, { model, stream: true, messages: [user(marker())] });
  if (!told.endsWith("data: [DONE]\n\n")) throw new Error(`${model}: a stream ended without its end`);
}

export const LOADS: readonly Load[] = [
  {
    kind: "unary",
    everyMs: 250,
    atOnceMax: 16,
    async once({ lab, caller }) {
      await text(lab, CHAT, caller.apiKey, { model: "echo", messages: [user(marker())] });
    },
  },
  {
    kind: "stream",
    everyMs: 1_000,
    atOnceMax: 16,
    once: ({ lab, caller }) => whole(lab, caller.apiKey, "paced"),
  },
  {
    kind: "stream left by its caller",
    everyMs: 5_000,
    atOnceMax: 4,
    async once({ lab, caller }) {
      const gone = new AbortController();
      const body = { model: "slow", stream: true, messages: [user(marker())] };
      const response = await lab.ask(CHAT, { key: caller.apiKey, headers: DEADLINE, body, signal: gone.signal });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.body?.getReader().read();
      gone.abort();
    },
  },
  {
    kind: "embeddings",
    everyMs: 500,
    atOnceMax: 8,
    async once({ lab, caller }) {
      await text(lab, "/v1/embeddings", caller.apiKey, { model: "embed", input: ["a", "b"] });
    },
  },
  {
    kind: "conversation",
    everyMs: 4_000,
    atOnceMax: 4,
    async once({ lab, caller }) {
      const client = lab.openai(caller.apiKey, { timeout: CALL_MS_MAX, defaultHeaders: DEADLINE });
      const { id } = await client.conversations.create({ items: [user("remember me")] });
      for (const input of ["first", "second"])
        await client.responses.create({ model: "echo", input, conversation: id });
      await client.conversations.delete(id);
    },
  },
  {
    kind: "keyed repeat",
    everyMs: 1_000,
    atOnceMax: 8,
    async once({ lab, upstream, caller, tally }) {
      const mark = marker();
      const ask = () =>
        text(lab, CHAT, caller.apiKey, { model: "echo", messages: [user(mark)] }, { "idempotency-key": mark });
      const first = await ask().catch((cause: unknown) => cause);
      const again = await ask();
      if (typeof first === "string" && again !== first) tally.violate(`key ${mark}: two answers for one key`);
      if (upstream.about(mark).length > 1) tally.violate(`key ${mark}: the engine was asked twice`);
      if (typeof first !== "string") throw first;
    },
  },
  {
    kind: "stream of the queue lane",
    everyMs: 2_000,
    atOnceMax: 8,
    once: ({ lab, patient }) => whole(lab, patient.apiKey, "words"),
  },
  {
    kind: "detached task",
    everyMs: 1_500,
    atOnceMax: 64,
    async once({ lab, patient, tally }) {
      const asked = { intent: "chat", model: "words", input: marker() };
      const { task_id: id } = JSON.parse(await text(lab, "/v1/tasks", patient.apiKey, asked));
      const state = async () => {
        const told = await text(lab, `/v1/tasks/${id}`, patient.apiKey).catch(() => "{}");
        return JSON.parse(told).status ?? null;
      };
      const status = await eventually(state, (seen) => seen !== null, TASK_MS_MAX);
      if (status === null) tally.violate(`task ${id}: admitted, and without an end after ${TASK_MS_MAX} ms`);
      if (status !== "OK") throw new Error(`task ${id}: ${status}`);
    },
  },
  {
    kind: "batch",
    everyMs: 30_000,
    atOnceMax: 3,
    async once({ lab, patient, tally }, turn) {
      const client = lab.openai(patient.apiKey, { timeout: CALL_MS_MAX, defaultHeaders: DEADLINE });
      const model = turn % 2 === 0 ? "words" : "echo";
      const line = (at: number) => ({
        custom_id: `c${at}`,
        ...{ method: "POST", url: CHAT, body: { model, messages: [user(`line ${at}`)] } },
      });
      const lines = Array.from({ length: BATCH_LINES }, (_, at) => JSON.stringify(line(at)));
      const file = await client.files.create({
        file: await toFile(Buffer.from(lines.join("\n")), "in"),
        purpose: "batch",
      });
      const { id } = await client.batches.create({ input_file_id: file.id, endpoint: CHAT, completion_window: "24h" });
      const look = () => client.batches.retrieve(id).catch(() => null);
      const done = await eventually(look, (batch) => batch?.status === "completed", BATCH_MS_MAX);
      if (done?.status !== "completed") return tally.violate(`batch ${id}: ${done?.status} after ${BATCH_MS_MAX} ms`);
      const linesOf = async (name: string | null | undefined) =>
        name ? (await (await client.files.content(name)).text()).trim().split("\n") : [];
      const all = [...(await linesOf(done.output_file_id)), ...(await linesOf(done.error_file_id))];
      const ids = new Set(all.map((each) => JSON.parse(each).custom_id));
      if (all.length !== BATCH_LINES || ids.size !== BATCH_LINES)
        tally.violate(`batch ${id}: ${all.length} results of ${ids.size} lines in place of ${BATCH_LINES}`);
    },
  },
  {
    kind: "file",
    everyMs: 5_000,
    atOnceMax: 4,
    async once({ lab, patient, tally }, turn) {
      const client = lab.openai(patient.apiKey, { timeout: CALL_MS_MAX, defaultHeaders: DEADLINE });
      const bytes = Buffer.alloc(FILE_BYTES, turn % 251);
      const { id } = await client.files.create({ file: await toFile(bytes, "in"), purpose: "user_data" });
      const back = Buffer.from(await (await client.files.content(id)).arrayBuffer());
      if (!back.equals(bytes)) tally.violate(`file ${id}: other bytes came back`);
      await client.files.delete(id);
    },
  },
  {
    kind: "change of keys",
    everyMs: 5_000,
    atOnceMax: 2,
    async once({ lab, changing, tally }) {
      const key = await lab.newKey(changing);
      const ask = () => lab.ask("/v1/models", { key: key.secret });
      const used = await ask();
      await used.arrayBuffer();
      const revoked = await lab.ask(`/v1/keys/${key.id}`, { key: changing.adminKey, method: "DELETE" });
      await revoked.arrayBuffer();
      if (!revoked.ok) throw new Error(`revoking: ${revoked.status}`);
      const after = await ask();
      await after.arrayBuffer();
      if (after.ok) tally.violate(`key ${key.id}: works after its revocation was answered`);
      if (!used.ok) throw new Error(`a new key: ${used.status}`);
    },
  },
  {
    kind: "change of policy",
    everyMs: 15_000,
    // Revisions rise: one after the other.
    atOnceMax: 1,
    async once({ lab, changing, tally }, turn) {
      const put = async (revision: number, actions?: readonly string[]) => {
        const body = await policyBundle({ tenant: changing.id, revision, ...(actions ? { actions } : {}) });
        const headers = { "content-type": "application/gzip" };
        const kept = await lab.ask(BUNDLES, { key: changing.adminKey, method: "PUT", body, headers });
        if (!kept.ok) throw new Error(`keeping revision ${revision}: ${kept.status} ${await kept.text()}`);
        await kept.arrayBuffer();
        await text(lab, `${BUNDLES}/${revision}/activate`, changing.adminKey, {});
      };
      const ask = async () => {
        const body = { model: "echo", messages: [user(marker())] };
        const response = await lab.ask(CHAT, { key: changing.apiKey, headers: DEADLINE, body });
        await response.arrayBuffer();
        return response.status;
      };
      try {
        await put(2 * turn + 1, DENYING);
        const denied = await ask();
        if (denied === 200) tally.violate(`policy revision ${2 * turn + 1}: a call that it denies was answered`);
      } finally {
        await put(2 * turn + 2);
      }
      const allowed = await ask();
      if (allowed !== 200) throw new Error(`policy revision ${2 * turn + 2} allows, and the call got ${allowed}`);
    },
  },
];

/** Runs every kind at its pace until `over`; resolves when the last piece that was begun has ended. */
export async function drive(world: LoadWorld, over: AbortSignal): Promise<void> {
  await Promise.all(
    LOADS.map(async (load) => {
      const running = new Set<Promise<void>>();
      for (let turn = 0; !over.aborted; turn++) {
        const due = Date.now() + load.everyMs;
        if (running.size < load.atOnceMax) {
          const one = world.tally.run(load.kind, () => load.once(world, turn)).finally(() => running.delete(one));
          running.add(one);
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, Math.max(0, due - Date.now()));
          over.addEventListener("abort", done, { once: true });
          function done() {
            clearTimeout(timer);
            over.removeEventListener("abort", done);
            resolve();
          }
        });
      }
      await Promise.all(running);
    }),
  );
}
