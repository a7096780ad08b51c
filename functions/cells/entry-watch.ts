import type { CellEntry } from "../../shared/contracts/cell-directory.ts";
import type { Span, Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import type { Runtime } from "../context.ts";

export interface WatchParts {
  telemetry: Pick<Telemetry, "start" | "metrics">;
  /** Spans go somewhere; otherwise the caller's trace passes through as it came. */
  traced: boolean;
  /** Time that only goes forward. */
  elapsedMs(): number;
}

/** What became of a call at the entry. */
export type Outcome = "forwarded" | "socket" | "elsewhere" | "unavailable" | "refused" | "gone" | "failed";

const MS = 1_000;
/** OpenTelemetry's name of methods that are not known: a caller's own text is no attribute. */
const methodOf = ({ method }: Request): string => (/^[A-Z]{3,7}$/.test(method) ? method : "_OTHER");

/**
 * What the entry tells of one call: its home cell, what became of it and the time that went by, never a path, a tenant or
 * a credential. `entry` is its span and `forward` the one under which the cell goes on.
 */
export class WatchedCall {
  readonly #parts: WatchParts;
  readonly #span: Span | null;
  readonly #given: string | null;
  readonly #receivedMs: number;
  #forward: Span | null = null;
  #home = "";
  #sentMs: number | null = null;
  #cellMs = 0;

  constructor(parts: WatchParts, request: Request) {
    this.#parts = parts;
    this.#given = request.headers.get("traceparent");
    this.#receivedMs = parts.elapsedMs();
    const attributes = { "http.request.method": methodOf(request) };
    this.#span = parts.traced ? parts.telemetry.start("entry", this.#given, attributes) : null;
  }

  /** Its home, whether it goes there or is told so. */
  belongsTo(cell: CellEntry | null): void {
    this.#home = cell?.id ?? "";
  }

  /** The `traceparent` under which the call goes on at its cell. */
  goesOn({ base_url }: CellEntry): string | null {
    if (this.#span === null) return this.#given;
    this.#forward = this.#span.child("forward", { "server.address": new URL(base_url).hostname });
    return this.#forward.traceparent;
  }
  sent(): void {
    this.#sentMs = this.#parts.elapsedMs();
  }
  /** The cell's answer has begun, or there is none. */
  answered(status: number | null): void {
    if (this.#sentMs !== null) this.#cellMs = this.#parts.elapsedMs() - this.#sentMs;
    if (status !== null) this.#forward?.set({ "http.response.status_code": status });
    this.#forward?.end(status === null || status >= 500 ? "error" : "ok");
  }

  /** The answer is ready to go out. */
  ended(outcome: Outcome, { status, body }: Response, runtime: Runtime, slug: string | null): void {
    const { metrics } = this.#parts.telemetry;
    const home = this.#home;
    metrics.count("bailiwick_entry_requests_total", { home, outcome, http_response_status_code: status });
    if (this.#sentMs !== null) {
      const allMs = this.#parts.elapsedMs() - this.#receivedMs;
      metrics.observe("bailiwick_entry_added_seconds", { home }, (allMs - this.#cellMs) / MS);
      metrics.observe("bailiwick_entry_cell_seconds", { home }, this.#cellMs / MS);
    }
    if (outcome === "forwarded" && body !== null && runtime.sent) {
      metrics.gauge("bailiwick_entry_answers_active", { home }, 1);
      const over = (): void => metrics.gauge("bailiwick_entry_answers_active", { home }, -1);
      void runtime.sent().then(over, over);
    }
    this.#span?.set({ "http.response.status_code": status, "bailiwick.home": home, "bailiwick.outcome": outcome });
    if (slug !== null) this.#span?.set({ "error.type": slug });
    this.#span?.end(status >= 500 ? "error" : "ok");
  }

  /** A socket was joined; answers what to call when it has ended. */
  socketOpened(): () => void {
    const { metrics } = this.#parts.telemetry;
    const home = this.#home;
    metrics.gauge("bailiwick_entry_sockets", { home }, 1);
    return () => metrics.gauge("bailiwick_entry_sockets", { home }, -1);
  }
}
