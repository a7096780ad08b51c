import type { ConfigSource } from "../../shared/contracts/ports/config-source.ts";
import { type ControlDb, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";

/** What the cell does without right now, as its own work has met it: a call that asks probes nothing. */
export class Degradation {
  readonly #telemetry: Pick<Telemetry, "metrics">;
  readonly #config: Pick<ConfigSource, "state">;
  #controlDbDown = false;

  constructor(telemetry: Pick<Telemetry, "metrics">, config: Pick<ConfigSource, "state">) {
    this.#telemetry = telemetry;
    this.#config = config;
  }

  /** Names as `/readyz` has them. */
  names(): string[] {
    return [
      ...(this.#controlDbDown ? ["control-db"] : []),
      ...(this.#config.state().problems.length > 0 ? ["configuration"] : []),
    ];
  }

  /** The same database; each use tells whether it answers. Upkeep uses it every few seconds. */
  watch<Db extends ControlDb>(db: Db): Db {
    return {
      ...db,
      withTenant: (tenant, statements) => this.observe(db.withTenant(tenant, statements)),
      asOperator: (statements) => this.observe(db.asOperator(statements)),
    };
  }

  /** The outcome of work on the control database, unchanged. */
  async observe<T>(work: Promise<T>): Promise<T> {
    try {
      const done = await work;
      this.#controlDb(true);
      return done;
    } catch (cause) {
      this.#controlDb(!(cause instanceof ControlDbUnavailable));
      throw cause;
    }
  }

  #controlDb(answers: boolean): void {
    if (answers === !this.#controlDbDown) return;
    this.#controlDbDown = !answers;
    this.#telemetry.metrics.set("bailiwick_dependency_degraded", { dependency: "control-db" }, answers ? 0 : 1);
  }
}
