import { referencePage } from "../../reference/page.ts";
import { NO_INPUT } from "../input.ts";
import { operation, type Reply } from "../operation.ts";

const common = {
  method: "get",
  action: "cell:health",
  gate: "public",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  problems: [],
  tag: "Cell",
  resource: { kind: "cell" },
} as const;

export const openApi = operation({
  ...common,
  id: "cell.openapi",
  path: "/openapi.json",
  success: [200, null, "This document.", "application/json"],
  summary: "OpenAPI 3.1 document",
  execute: (deps): Reply => ({ kind: "bytes", status: 200, contentType: "application/json", body: deps.openApi() }),
});

const page = referencePage();

export const reference = operation({
  ...common,
  id: "cell.reference",
  path: "/reference",
  success: [200, null, "The interactive reference.", "text/html"],
  summary: "API reference",
  execute: (): Reply => ({
    kind: "bytes",
    status: 200,
    contentType: "text/html; charset=utf-8",
    body: page.html,
    headers: {
      "content-security-policy": page.csp,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  }),
});
