import { describe, expect, it } from "vitest";
import { Actor } from "../../../shared/contracts/actor.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { createCredential } from "../credentials/create.ts";
import { listCredentials } from "../credentials/list.ts";
import { editedCall, shownBody } from "./edited-call.ts";
import type { WaitingCall } from "./proposal.ts";

const actor = Actor.parse({
  scopes: { tenant: "acme", workspace: "default", project: "default", environment: "production" },
  subject: "user:dana",
  kind: "user",
  roles: ["admin"],
  granted: ["*"],
  acr: null,
  amr: [],
  credential: "key:000000000000",
  kid: "000000000000",
  cell_operator: false,
  act: [],
});
const SECRET = "a-secret-of-a-provider";
const body: JsonObject = { provider: "openai", name: "main", secret: SECRET };
const waiting: WaitingCall = {
  proposal: {
    kind: "operation",
    operation: createCredential.id,
    params: null,
    query: null,
    body,
    headers: { "x-bailiwick-purpose": "support" },
    requester: { subject: actor.subject, scopes: actor.scopes },
  },
  actor,
  idempotency_key: "k",
};

describe("what approvers see of a request", () => {
  it("withholds secrets, so that whoever may approve a key never reads it", () => {
    const shown = shownBody(createCredential, waiting.proposal);
    expect(shown).toMatchObject({ provider: "openai", name: "main" });
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(waiting.proposal.body).toEqual(body);
  });

  it("shows nothing of an operation that nobody knows any more, whose secrets nobody knows either", () => {
    expect(shownBody(null, waiting.proposal)).toBeNull();
  });
});

describe("an edited request", () => {
  it("keeps a secret that comes back withheld, so that editing a name never replaces the key by a placeholder", () => {
    const shown = shownBody(createCredential, waiting.proposal) as JsonObject; // safe because: its body is an object
    const edited = editedCall(createCredential, waiting, { ...shown, name: "spare" });
    expect(edited.proposal.body).toEqual({ ...body, name: "spare" });
  });

  it("takes another secret that an approver gives", () => {
    const edited = editedCall(createCredential, waiting, { ...body, secret: "another-secret-of-it" });
    expect(edited.proposal.body).toMatchObject({ secret: "another-secret-of-it" });
  });

  it("changes the body alone: who asks, for what and under which headers stays", () => {
    const { proposal, ...rest } = editedCall(createCredential, waiting, { ...body, name: "spare" });
    expect(rest).toEqual({ actor, idempotency_key: "k" });
    expect({ ...proposal, body }).toEqual(waiting.proposal);
  });

  it("is one that its operation takes, or refused before anybody approves it", () => {
    const refused = expect.objectContaining({ slug: "invalid-request" });
    expect(() => editedCall(createCredential, waiting, { provider: "openai" })).toThrow(refused);
    expect(() => editedCall(createCredential, waiting, { ...body, more: true })).toThrow(refused);
    expect(() => editedCall(listCredentials, waiting, body)).toThrow(refused);
    expect(() => editedCall(null, waiting, body)).toThrow(refused);
  });
});
