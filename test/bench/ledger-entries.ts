import type { JsonObject } from "../../shared/contracts/json.ts";

/** What the opening entry of an ordinary chat call says. */
export const openedDetail: JsonObject = {
  call: { request: "5".repeat(64) },
  deadline_ms: Date.UTC(2026, 10, 21) + 600_000,
  hold_nusd: 2_000_000,
  intent: "chat",
  key: "4kQ0Zt7bXw2N",
  keyed: false,
  model: "chat-small",
  operation: "chat.completions.create",
  tokens: 1_200,
};

/** And the one that closes it. */
export const closedDetail: JsonObject = {
  call: { response: "6".repeat(64), streamed: true },
  cost_nusd: 1_450_000,
  error: null,
  estimated: false,
  obligations: [{ id: "log.metadata", note: null, outcome: "applied" }],
  opened: 0,
  result: "none",
  route: {
    chosen_by: "ordered",
    lane: "direct",
    model: "chat-small-1",
    model_digest: "7".repeat(64),
    provider: "pool-a",
    reasons: [{ candidate: "pool-a:chat-small-1", outcome: "chosen", reason: "first healthy candidate" }],
    route: "local",
  },
  status: "OK",
  usage: [
    { meter: "tokens_in", quantity: 210 },
    { meter: "tokens_out", quantity: 80 },
  ],
};
