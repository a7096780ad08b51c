import { pulledObject } from "../../../shared/contracts/config/bundles.ts";
import type { Snapshot } from "../../../shared/contracts/config/snapshot.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { PolicyLayer, PolicyStore } from "../../../shared/contracts/ports/policy-store.ts";
import type { PolicyTools } from "../../../shared/contracts/ports/policy-tools.ts";
import type { Telemetry } from "../../../shared/contracts/ports/telemetry.ts";
import type { Change, TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";
import { fetchBundle, fetchObject } from "./fetch-bundle.ts";
import { bundlesOf } from "./layer-keys.ts";

export interface PullOptions {
  store: PolicyStore;
  tools: Pick<PolicyTools, "check">;
  tenants: Pick<TenantStore, "lookup">;
  egress: Pick<Egress, "tenantGet" | "operatorFetch">;
  /** The cell's own store; null where there is none. */
  objects: Pick<ObjectStore, "head" | "get"> | null;
  config: { current(): Snapshot };
  clock: Clock;
  telemetry: Pick<Telemetry, "metrics" | "log">;
  /** The cell itself acts: its entries say so. */
  by(snapshot: string): Attribution;
}

/** Somebody else's bundle is where ours should be, or ours is not acceptable; said in the log and counted. */
class PullFailed extends Error {
  override readonly name = "PullFailed";
}

interface Source {
  url: string;
  etag: string | null;
  /** Digest of what was kept and could not be activated yet. */
  pending: string | null;
  dueMs: number;
}
type Outcome = "unchanged" | "kept" | "activated";

/**
 * Fetches the newest bundle of each layer whose configuration names a source, when it is due, and puts it in force as a
 * push by the cell: verified like one, its revision above all others, ledgered under the cell's name. What was once in
 * force and taken back stays back until its source offers a newer one. A layer that fails keeps what it has; its statement
 * goes on, because its state is known.
 */
export class BundlePull {
  readonly #options: PullOptions;
  readonly #sources = new Map<TenantId | null, Source>();
  #nextLookMs = 0;

  constructor(options: PullOptions) {
    this.#options = options;
  }

  /** Whether a layer is due; looked at once in a while, so that a host may ask after each call. */
  get due(): boolean {
    const nowMs = this.#options.clock.now();
    if (nowMs < this.#nextLookMs) return false;
    this.#nextLookMs = nowMs + LIMITS.bundlePullCheckMs;
    return this.#pulled().some(([, source]) => nowMs >= source.dueMs);
  }

  /** One after another, so that a slow source costs no other layer more than its own time limit. Never rejects. */
  async run(): Promise<void> {
    const { clock, telemetry } = this.#options;
    for (const [tenant, source, intervalMs] of this.#pulled()) {
      if (clock.now() < source.dueMs) continue;
      const layer = tenant === null ? "cell" : "tenant";
      source.dueMs = clock.now() + intervalMs;
      try {
        const outcome = await this.#pull(tenant, source);
        telemetry.metrics.count("bailiwick_policy_pulls_total", { layer, outcome });
        if (outcome === "activated")
          telemetry.log.info("policy.pulled", { layer, ...(tenant === null ? {} : { tenant }) });
      } catch (cause) {
        telemetry.metrics.count("bailiwick_policy_pulls_total", { layer, outcome: "failed" });
        telemetry.log.error("policy.pull", cause, { layer, ...(tenant === null ? {} : { tenant }) });
      }
    }
  }

  /** Layers with a source, by the configuration in force; a source that moved is due at once. */
  #pulled(): [TenantId | null, Source, number][] {
    const snapshot = this.#options.config.current();
    const layers = [null, ...Object.keys(snapshot.tenants).map((id) => TenantId.parse(id))];
    return layers.flatMap((tenant): [TenantId | null, Source, number][] => {
      const { pull } = bundlesOf(snapshot, tenant);
      if (pull === null) {
        this.#sources.delete(tenant);
        return [];
      }
      let source = this.#sources.get(tenant);
      if (source?.url !== pull.url) {
        source = { url: pull.url, etag: null, pending: null, dueMs: 0 };
        this.#sources.set(tenant, source);
      }
      return [[tenant, source, pull.interval_s * 1000]];
    });
  }

  async #pull(tenant: TenantId | null, source: Source): Promise<Outcome> {
    const { store, tools, egress, objects } = this.#options;
    const key = pulledObject(source.url);
    const fetched =
      key === null
        ? await fetchBundle(egress, tenant === null ? "operator" : "tenant", source.url, source.etag)
        : await fetchObject(objects, key, source.etag);
    if (fetched === null) return "unchanged";
    const layer: PolicyLayer = tenant === null ? { layer: "cell" } : { layer: "tenant", tenant };
    const checked = await tools.check(layer, fetched.archive);
    if (!checked.ok) throw new PullFailed(`the bundle is refused: ${checked.error.code}`);
    const { revision, digest } = checked.value;
    const change = await this.#change(tenant);
    const listed = await store.list(layer, change.access);
    if (!listed.ok) throw new PullFailed(`the layer is not there: ${listed.error.reason}`);
    const known = listed.value.bundles.find((bundle) => bundle.digest === digest);
    // What is known was decided about: it is in force, or people took it back. If we crash between the two steps, the
    // bundle lies there for them to activate, until its source offers a newer one.
    const pending = known === undefined || source.pending === digest;
    if (pending) {
      source.pending = digest;
      const kept = await store.put(layer, change, { ...checked.value, archive: fetched.archive });
      if (!kept.ok) throw new PullFailed(`revision ${revision} is not kept: ${kept.error.reason}`);
      const target = { revision, canary_percent: null, rollback: false, expected_version: listed.value.version };
      const active = await store.activate(layer, change, target);
      if (!active.ok) throw new PullFailed(`revision ${revision} is not activated: ${active.error.reason}`);
    }
    source.etag = fetched.etag;
    source.pending = null;
    return pending ? "activated" : "kept";
  }

  /** As the tenant's object is now: the cell has no key, and decides on current state alone. */
  async #change(tenant: TenantId | null): Promise<Change> {
    const by = this.#options.by(this.#options.config.current().digest);
    if (tenant === null) return { access: { kid: null, versions: { credential: 0, state: 0, policy: 0 } }, by };
    const found = await this.#options.tenants.lookup(tenant, null);
    if (!found.ok) throw new PullFailed(`the tenant is not there: ${found.error.reason}`);
    return { access: { kid: null, versions: { credential: 0, ...found.value.state.versions } }, by };
  }
}
