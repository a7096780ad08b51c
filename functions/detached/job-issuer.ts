import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { JobMessage } from "../../shared/contracts/worker-protocol.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import type { WorkloadTokens } from "../../shared/crypto/workload-token.ts";
import type { JobIssuer } from "./detach.ts";

/** Messages with the call's context and a ticket for its one task: no payload and no key. */
export const jobIssuer = (tokens: Pick<WorkloadTokens, "signTicket">, clock: Clock): JobIssuer => ({
  async issue(context, { pool, class: queueClass, tenant, task, deadline }) {
    const text = canonicalJson(JSON.parse(JSON.stringify(context)) as JsonObject); // safe because: a context is a JSON object
    const ticket = await tokens.signTicket(
      { sub: task, tenant, pool, class: queueClass, ctx: sha256Hex(text) },
      { now: clock.now(), expires: deadline + LIMITS.ticketGraceMs },
    );
    const message = JobMessage.parse({ schema_version: 1, type: "bailiwick.run.v1", ticket, context: text });
    return {
      ...{ queue: { pool, class: queueClass }, body: JSON.stringify(message), tenant },
      traceparent: context.traceparent,
    };
  },
});
