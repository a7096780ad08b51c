import type { Tenant } from "../../support/lab.ts";
import { TaskSocketClient } from "../../support/task-socket-client.ts";
import { type Attack, type Family, said } from "../attack.ts";
import { CHAT, type Range } from "../range.ts";

const asked = (
  id: string,
  attack: string,
  expected: string,
  observe: (range: Range) => Promise<string>,
  owasp: Attack["owasp"] = ["API1"],
): Attack => ({ id, attack, expected, owasp, observe });

const chat = (content = "x") => ({ model: "echo", messages: [{ role: "user", content }] });
const as = ({ lab }: Range, who: Tenant) => ({
  post: (path: string, body: object) => lab.json(path, { key: who.adminKey, body }),
  ask: async (path: string, body?: object, method?: string) =>
    said(await lab.ask(path, { key: who.adminKey, ...(body ? { body } : {}), ...(method ? { method } : {}) })),
});

/** What mallory gets for the victim's, and for what never was: one and the same. */
async function alike(range: Range, theirs: object, never: object, path: string): Promise<string> {
  const mallory = as(range, range.mallory);
  const [seen, absent] = [await mallory.ask(path, theirs), await mallory.ask(path, never)];
  return seen === absent ? `${seen}, as for what never was` : `${seen}, and ${absent} for what never was`;
}

const upload = async ({ lab }: Range, who: Tenant): Promise<string> => {
  const body =
    '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"echo","messages":[{"role":"user","content":"x"}]}}\r\n--b--\r\n';
  const headers = { "content-type": "multipart/form-data; boundary=b" };
  return String((await lab.json("/v1/files", { key: who.apiKey, body, headers })).id);
};

const inBodies: readonly Attack[] = [
  asked(
    "batch-of-their-file",
    "a batch over another tenant's file",
    "404 not_found, as for what never was",
    async (range) => {
      const of = (input_file_id: string) => ({ input_file_id, endpoint: CHAT, completion_window: "24h" });
      const file = await upload(range, range.victim);
      return alike(range, of(file), of(`file-${"0".repeat(26)}`), "/v1/batches");
    },
  ),
  asked(
    "their-previous-response",
    "a response that continues another tenant's",
    "404 not_found, as for what never was",
    async (range) => {
      const theirs = await as(range, range.victim).post("/v1/responses", {
        model: "echo",
        input: "secret",
        store: true,
      });
      const of = (previous_response_id: string) => ({ model: "echo", input: "repeat it", previous_response_id });
      const never = String(theirs.id).replace(/.{6}$/, "000000");
      return alike(range, of(theirs.id), of(never), "/v1/responses");
    },
  ),
  asked(
    "their-conversation",
    "a response inside another tenant's conversation",
    "404 not_found, as for what never was",
    async (range) => {
      const theirs = await as(range, range.victim).post("/v1/conversations", { items: [] });
      const of = (conversation: string) => ({ model: "echo", input: "x", conversation });
      return alike(range, of(theirs.id), of(String(theirs.id).replace(/.{6}$/, "000000")), "/v1/responses");
    },
  ),
  asked(
    "erase-their-subject",
    "the erasure of a subject that only another tenant has",
    "as for what never was; theirs is still there",
    async (range) => {
      const subject = "victims-subject";
      const key = await range.lab.newKey(range.victim, { subject });
      const kept = await range.lab.json("/v1/conversations", { key: key.secret, body: { items: [] } });
      const mallory = as(range, range.mallory);
      const [theirs, never] = [
        await mallory.ask("/v1/erasures", { scope: "subject", subject }),
        await mallory.ask("/v1/erasures", { scope: "subject", subject: "nobodys" }),
      ];
      const still = await range.lab.ask(`/v1/conversations/${kept.id}`, { key: key.secret });
      await still.text();
      return `${theirs === never ? "as for what never was" : `${theirs} and ${never}`}; theirs is ${still.status === 200 ? "still there" : "gone"}`;
    },
  ),
  asked(
    "tenant-in-body",
    "members that name another tenant in a new key",
    "400 invalid_request",
    (range) => as(range, range.mallory).ask("/v1/keys", { name: "x", roles: ["developer"], tenant: range.victim.id }),
    ["API1", "API3"],
  ),
  asked(
    "operator-in-body",
    "`cell_operator: true` in a new key",
    "400 invalid_request",
    (range) => as(range, range.mallory).ask("/v1/keys", { name: "x", roles: ["admin"], cell_operator: true }),
    ["API3", "API5"],
  ),
  asked(
    "operator-role",
    "a key with the role `operator`, made by a tenant's administrator",
    "not an operator of the cell: 403 forbidden",
    async (range) => {
      const made = await range.lab.ask("/v1/keys", {
        key: range.mallory.adminKey,
        body: { name: "x", roles: ["operator"] },
      });
      if (!made.ok) return `not an operator of the cell: ${await said(made)}`;
      const { secret } = await made.json();
      return `not an operator of the cell: ${await said(await range.lab.ask("/v1/tenants", { key: secret }))}`;
    },
    ["API5", "API6"],
  ),
  asked(
    "stronger-key",
    "a developer that makes an administrator's key",
    "403 forbidden",
    async (range) =>
      said(await range.lab.ask("/v1/keys", { key: range.mallory.apiKey, body: { name: "x", roles: ["admin"] } })),
    ["API5", "API6"],
  ),
  asked(
    "wider-key",
    "a key narrowed to making keys that makes one with every scope",
    "403 forbidden",
    async (range) => {
      const narrow = await range.lab.newKey(range.mallory, { roles: ["admin"], scopes: ["key:write"] });
      const body = { name: "x", roles: ["admin"], scopes: ["*"] };
      return said(await range.lab.ask("/v1/keys", { key: narrow.secret, body }));
    },
    ["API5", "API6"],
  ),
  asked(
    "taken-key",
    "a key narrowed to making keys that rotates a wider one, to be told its successor's secret",
    "403 forbidden",
    async (range) => {
      const narrow = await range.lab.newKey(range.mallory, { roles: ["admin"], scopes: ["key:write"] });
      const wide = await range.lab.newKey(range.mallory, { roles: ["admin"] });
      const path = `/v1/keys/${wide.id}/rotate`;
      return said(await range.lab.ask(path, { key: narrow.secret, body: { overlap_s: 0 } }));
    },
    ["API5", "API6"],
  ),
  asked(
    "widen-own-tenant",
    "a tenant's administrator that sets privacy, content or suspension of the own tenant",
    "403 forbidden",
    (range) =>
      as(range, range.mallory).ask(
        `/v1/tenants/${range.mallory.id}`,
        { privacy: "allow-api", suspended: false },
        "PATCH",
      ),
    ["API3", "API5"],
  ),
  asked(
    "make-tenant",
    "a tenant made by an administrator of another",
    "403 forbidden",
    (range) => as(range, range.mallory).ask("/v1/tenants", { name: "x" }),
    ["API5", "API6"],
  ),
];

const elsewhere: readonly Attack[] = [
  asked("tenant-header", "`x-tenant` of another tenant, on every method", "403 forbidden", async (range) => {
    const outcomes = new Set<string>();
    for (const [method, path, body] of [
      ["GET", "/v1/keys", null],
      ["POST", CHAT, chat()],
      ["DELETE", "/v1/keys/000000000000", null],
    ] as const)
      outcomes.add(
        await said(
          await range.lab.ask(path, {
            method,
            key: range.mallory.adminKey,
            headers: { "x-tenant": range.victim.id },
            ...(body ? { body } : {}),
          }),
        ),
      );
    return [...outcomes].join(", ");
  }),
  asked("tenant-header-lists", "`x-tenant` twice, the own tenant first", "403 forbidden", async (range) =>
    said(
      await range.lab.ask("/v1/keys", {
        key: range.mallory.adminKey,
        headers: { "x-tenant": `${range.mallory.id}, ${range.victim.id}` },
      }),
    ),
  ),
  asked("their-tenant", "another tenant's own record", "404 not_found", (range) =>
    as(range, range.mallory).ask(`/v1/tenants/${range.victim.id}`),
  ),
  asked("their-cursor", "a cursor out of another tenant's list", "nothing of theirs", async (range) => {
    for (let n = 0; n < 3; n++) await range.lab.newKey(range.victim, { name: `victims-${n}` });
    const theirs = await range.lab.json("/v1/keys?limit=1", { key: range.victim.adminKey });
    const cursor = theirs.next_cursor ?? theirs.last_id ?? theirs.next ?? "";
    if (cursor === "") return `no cursor in ${Object.keys(theirs).join(", ")}`;
    const response = await range.lab.ask(
      `/v1/keys?limit=100&cursor=${encodeURIComponent(cursor)}&after=${encodeURIComponent(cursor)}`,
      { key: range.mallory.adminKey },
    );
    const text = await response.text();
    return /victims-/.test(text) ? "keys of theirs" : "nothing of theirs";
  }),
  asked("their-usage", "usage grouped and filtered by another tenant's names", "nothing of theirs", async (range) => {
    const { secret, id } = await range.lab.newKey(range.victim, { name: "usage" });
    await range.chat(secret);
    const texts = await Promise.all(
      [`tenant=${range.victim.id}`, `key=${id}`, "group_by=key"].map(async (query) =>
        (await range.lab.ask(`/v1/usage?${query}`, { key: range.mallory.adminKey })).text(),
      ),
    );
    return texts.some((text) => text.includes(id) && /"cost_nusd":[1-9]/.test(text))
      ? "usage of theirs"
      : "nothing of theirs";
  }),
  asked(
    "their-idempotency-key",
    "another tenant's idempotency key with the same body",
    "an answer of its own",
    async (range) => {
      const headers = { "idempotency-key": "shared-between-tenants" };
      const [first, second] = [
        await range.lab.ask(CHAT, { key: range.victim.apiKey, headers, body: chat("the victim's secret") }),
        await range.lab.ask(CHAT, { key: range.mallory.apiKey, headers, body: chat("the victim's secret") }),
      ];
      await Promise.all([first.text(), second.text()]);
      const own =
        second.headers.get("idempotent-replayed") === null &&
        first.headers.get("x-bailiwick-task") !== second.headers.get("x-bailiwick-task");
      return own ? "an answer of its own" : "the victim's answer";
    },
    ["API1", "API2"],
  ),
  asked(
    "their-socket",
    "another tenant's task over a WebSocket of one's own",
    "refused as what never was",
    async (range) => {
      const begun = await as(range, range.victim).post("/v1/tasks", { intent: "chat", model: "echo", input: "x" });
      const never = String(begun.task_id).replace(/.{6}$/, "000000");
      const follow = async (task: string): Promise<string> => {
        const socket = await TaskSocketClient.connect(range.lab.cell.url, { key: range.mallory.apiKey });
        const answer = JSON.stringify(await socket.subscribe(task)).replaceAll(task, "<task>");
        socket.close();
        return answer;
      };
      const [seen, absent] = [await follow(String(begun.task_id)), await follow(never)];
      return seen === absent && /not_found/.test(seen) ? "refused as what never was" : `${seen} and ${absent}`;
    },
  ),
  asked(
    "guess-names",
    "names of tenants, to find out which are there",
    "one answer for all",
    async (range) => {
      const key = (tenant: string) => `bw_local_${tenant}_000000000000_${"0".repeat(71)}`;
      const seen = new Set<string>();
      for (const tenant of [range.victim.id, "acme", "nobody-at-all"]) {
        const response = await range.lab.ask("/v1/models", { key: key(tenant) });
        seen.add(JSON.stringify([response.status, { ...(await response.json()), instance: null }]));
      }
      return seen.size === 1 ? "one answer for all" : [...seen].join(" ");
    },
    ["API1", "API2"],
  ),
];

export const TENANCY: Family = {
  id: "tenancy",
  title: "Tenancy",
  about:
    "Two tenants of one cell. Ids in paths are the matrix's column *stranger*; here are ids in bodies, headers, cursors and sockets, and rights that somebody gives themselves.",
  attacks: [...inBodies, ...elsewhere],
};
