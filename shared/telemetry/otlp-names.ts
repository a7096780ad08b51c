/** Names of the OpenTelemetry semantic conventions (HTTP, GenAI) whose Prometheus form the registry uses. */
const CONVENTIONS: Readonly<Record<string, string>> = {
  http_server_request_duration_seconds: "http.server.request.duration",
  gen_ai_server_request_duration_seconds: "gen_ai.server.request.duration",
  gen_ai_server_time_to_first_token_seconds: "gen_ai.server.time_to_first_token",
  gen_ai_server_time_per_output_token_seconds: "gen_ai.server.time_per_output_token",
  gen_ai_client_token_usage: "gen_ai.client.token.usage",
};
const ATTRIBUTES: Readonly<Record<string, string>> = {
  error_type: "error.type",
  http_request_method: "http.request.method",
  http_response_status_code: "http.response.status_code",
  http_route: "http.route",
  gen_ai_operation_name: "gen_ai.operation.name",
  gen_ai_provider_name: "gen_ai.provider.name",
  gen_ai_request_model: "gen_ai.request.model",
  gen_ai_response_model: "gen_ai.response.model",
  gen_ai_token_type: "gen_ai.token.type",
};

/** A metric's OpenTelemetry name: a collector that writes Prometheus makes the registry's own name of it again. */
export const otlpMetricName = (name: string): string =>
  CONVENTIONS[name] ?? name.replace(/^bailiwick_/, "bailiwick.").replace(/_(?:total|seconds)$/, "");

export const otlpAttributeName = (label: string): string => ATTRIBUTES[label] ?? label;

/** UCUM, where what is not a unit stands in braces; empty for mere numbers. */
export const otlpUnit = (unit: string): string =>
  unit === "1" ? "" : unit === "s" || unit.startsWith("{") ? unit : `{${unit}}`;
