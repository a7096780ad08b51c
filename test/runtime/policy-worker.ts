import { evaluate, loadPlan } from "../../policies/engine/evaluate.ts";
import { toJsonText } from "../../policies/engine/json.ts";
import { OObject } from "../../policies/engine/value.ts";

/** Evaluates every entry point of a posted plan inside workerd. */
export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response("ready");
    const plan = loadPlan(await request.json());
    if (!plan.ok) return Response.json({ refused: plan.error }, { status: 400 });
    const answers: Record<string, string | null> = {};
    for (const entrypoint of plan.value.entrypoints.keys()) {
      const answer = evaluate(plan.value, entrypoint, { data: new OObject(), now_ns: 0n });
      const value = answer.ok ? answer.value.value : undefined;
      answers[entrypoint] = value === undefined ? null : toJsonText(value);
    }
    return Response.json(answers);
  },
};
