import { decodeJwt, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { TaskId, TenantId } from "../contracts/ids.ts";
import { cellUri, type Ticket, type WorkerClaims, workloadTokens } from "./workload-token.ts";

const [old, fresh] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const NOW = 1_795_000_000_000;
const TIMES = { now: NOW, expires: NOW + 60_000 };
const tokens = (seeds = [fresh], cell = "local") => workloadTokens(seeds, cellUri(cell));
const ticket: Ticket = {
  ...{ sub: TaskId.parse(`task_${"0".repeat(26)}`), tenant: TenantId.parse("acme"), pool: "gpu", class: "batch" },
  ctx: "0".repeat(64),
};
const worker: WorkerClaims = {
  sub: "system:serviceaccount:gpu:worker",
  worker: "gpu-1",
  pool: "gpu",
  tenants: ["acme"],
};
const INVALID = { ok: false, error: { reason: "invalid" } };

describe("tokens of the cell's own workers", () => {
  it("say who may ask for what, until they end", async () => {
    const signed = await tokens().signTicket(ticket, TIMES);
    expect(await tokens().readTicket(signed, NOW)).toEqual({
      ok: true,
      value: { ...ticket, expires_ms: TIMES.expires },
    });
    expect(await tokens().readTicket(signed, TIMES.expires)).toEqual({ ok: false, error: { reason: "expired" } });
    const mine = await tokens().signWorker(worker, TIMES);
    expect(await tokens().readWorker(mine, NOW)).toMatchObject({ ok: true, value: worker });
  });

  it("say what they said once they have ended, to whoever asks only that, and never if another key signed", async () => {
    const signed = await tokens().signTicket(ticket, TIMES);
    expect(await tokens().readEndedTicket(signed)).toEqual({
      ok: true,
      value: { ...ticket, expires_ms: TIMES.expires },
    });
    expect(await tokens([old]).readEndedTicket(signed)).toEqual(INVALID);
    expect(await tokens([fresh], "other").readEndedTicket(signed)).toEqual(INVALID);
    expect(await tokens().readEndedTicket(await tokens().signWorker(worker, TIMES))).toEqual(INVALID);
  });

  it("do not stand for each other, so that a ticket connects no worker and a worker has no task", async () => {
    expect(await tokens().readWorker(await tokens().signTicket(ticket, TIMES), NOW)).toEqual(INVALID);
    expect(await tokens().readTicket(await tokens().signWorker(worker, TIMES), NOW)).toEqual(INVALID);
  });

  it("are good in the cell that signed them alone", async () => {
    const signed = await tokens().signTicket(ticket, TIMES);
    expect(await tokens([fresh], "other").readTicket(signed, NOW)).toEqual(INVALID);
    expect(await tokens([old]).readTicket(signed, NOW)).toEqual(INVALID);
  });

  it("outlive a rotation of the root, whose newest key signs", async () => {
    const signed = await tokens([old]).signTicket(ticket, TIMES);
    const during = tokens([fresh, old]);
    expect((await during.readTicket(signed, NOW)).ok).toBe(true);
    expect(await tokens([old]).readTicket(await during.signTicket(ticket, TIMES), NOW)).toEqual(INVALID);
    expect(during.jwks().keys.map(({ kid }) => kid)).toEqual(
      [tokens([fresh]), tokens([old])].map((one) => one.jwks().keys[0]?.kid),
    );
  });

  it("are refused when anything about them was changed, or another algorithm signed", async () => {
    const signed = await tokens().signTicket(ticket, TIMES);
    const [header, payload, signature] = signed.split(".");
    const altered = btoa(JSON.stringify({ ...decodeJwt(signed), pool: "other" })).replace(/=+$/, "");
    for (const text of [`${header}.${altered}.${signature}`, `${header}.${payload}.`, "", "a.b.c"])
      expect(await tokens().readTicket(text, NOW)).toEqual(INVALID);
    const shared = await new SignJWT({ ...ticket })
      .setProtectedHeader({ alg: "HS256", typ: "bailiwick-ticket+jwt", kid: tokens().jwks().keys[0]?.kid ?? "" })
      .setIssuer(cellUri("local"))
      .setAudience(cellUri("local"))
      .setIssuedAt(NOW / 1_000)
      .setExpirationTime(NOW / 1_000 + 60)
      .sign(new Uint8Array(32));
    expect(await tokens().readTicket(shared, NOW)).toEqual(INVALID);
  });

  it("show public parts only", () => {
    expect(JSON.stringify(tokens([fresh, old]).jwks())).not.toContain('"d"');
  });
});
