import { projectEvents } from "../../../functions/adapters/event-sink/projection.ts";
import { READ_MODELS, type ReadModelName } from "../../../functions/adapters/event-sink/read-models.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";

/** The relational read models, fed by the real projection under the real keys; whole deliveries or nothing. */
export class ReadModels implements EventSink {
  readonly #rows = new Map<string, Map<string, JsonObject>>();
  readonly parked: string[] = [];

  async deliver(tenant: string, rows: readonly OutboxRow[]): Promise<void> {
    const projected = projectEvents(rows);
    for (const { reason } of projected.parked) this.parked.push(reason);
    // safe because: the keys of a const object
    for (const name of Object.keys(READ_MODELS) as ReadModelName[]) {
      const { key, keeps } = READ_MODELS[name];
      const model = this.#model(tenant, name);
      for (const row of projected.rows[name]) {
        const known = model.get(String(row[key]));
        if (known === undefined || (keeps === "newest" && Number(known.event_seq) < Number(row.event_seq)))
          model.set(String(row[key]), row);
      }
    }
  }

  rows(tenant: string, name: ReadModelName): JsonObject[] {
    return [...this.#model(tenant, name).values()];
  }

  #model(tenant: string, name: ReadModelName): Map<string, JsonObject> {
    const model = this.#rows.get(`${tenant} ${name}`) ?? new Map<string, JsonObject>();
    this.#rows.set(`${tenant} ${name}`, model);
    return model;
  }
}
