import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { type Expiring, type LayerKeys, type LayerSource, type LiveLayer, loadLayer } from "./load-layer.ts";
import { Recent } from "./recent.ts";

interface Flight<Bundle extends Expiring> {
  done: Promise<LiveLayer<Bundle>>;
  keys: string;
  startedMs: number;
}

interface Entry<Bundle extends Expiring> {
  tenant: TenantId | null;
  live: LiveLayer<Bundle> | null;
  /** From when a call that comes by renews the statement beside itself. */
  renewAtMs: number;
  flight: Flight<Bundle> | null;
  failed: { atMs: number; keys: string; cause: unknown } | null;
  usedMs: number;
}

export interface LiveLayersParts<Bundle extends Expiring, Key> {
  source: LayerSource<Bundle, Key>;
  clock: Clock;
  /** Keeps the isolate alive for a renewal that no call waits for. */
  defer(work: Promise<unknown>): void;
  /** 0 to 1: isolates that began together do not renew together. */
  jitter(): number;
  onRenewal(tenant: TenantId | null, failure: { cause: unknown } | null): void;
}

export interface Needed<Key> {
  /** The version that the caller's facts rest on; another one than the layer's is looked up at once. Null: any. */
  version: number | null;
  keys: LayerKeys<Key>;
}

/**
 * The layers that this isolate may decide by: the cell's, and those of the tenants used last. A layer is given out only
 * under a statement in force; it is renewed beside a call, a tenant's after 5 minutes, the cell's after 15 s because no
 * `admit` compares its version, and read in line when it is missing, expired,
 * of another version than the caller knows, or opened under other keys. Nothing is ever given out that is not live.
 */
export class LiveLayers<Bundle extends Expiring, Key> {
  readonly #parts: LiveLayersParts<Bundle, Key>;
  readonly #cell: Entry<Bundle> = newEntry(null);
  readonly #tenants = new Recent<TenantId, Entry<Bundle>>(LIMITS.policyLayersCachedMax);
  /** Outlives the entries, so that a store that was set back is noticed. */
  readonly #seen = new Recent<TenantId | null, number>(LIMITS.policyVersionsSeenMax);
  #cellSeen = 0;

  constructor(parts: LiveLayersParts<Bundle, Key>) {
    this.#parts = parts;
  }

  /** Not a promise when the layer is warm. Rejects, or throws, with `PolicyUnavailable`. */
  get(tenant: TenantId | null, needed: Needed<Key>): LiveLayer<Bundle> | Promise<LiveLayer<Bundle>> {
    const entry = this.#entry(tenant);
    const nowMs = this.#parts.clock.now();
    entry.usedMs = nowMs;
    const live = usable(entry, needed.keys.id, nowMs);
    if (live === null || (needed.version !== null && live.statement.version !== needed.version))
      return this.#inLine(entry, needed);
    if (nowMs >= entry.renewAtMs && !running(entry, nowMs)) this.#renew(entry, needed.keys);
    return live;
  }

  /** The cell's layer, whether it is live and whether its last renewal failed; asks nobody. */
  cell(keys: string): { live: LiveLayer<Bundle> | null; failed: boolean } {
    return { live: usable(this.#cell, keys, this.#parts.clock.now()), failed: this.#cell.failed !== null };
  }

  /** Milliseconds since the oldest statement was issued that calls of the last `withinMs` were decided under. */
  ages(withinMs: number): { cell: number; tenant: number } {
    const nowMs = this.#parts.clock.now();
    const age = ({ live, usedMs }: Entry<Bundle>) =>
      live === null || nowMs - usedMs > withinMs ? 0 : Math.max(0, nowMs - live.statement.issued_ms);
    return { cell: age(this.#cell), tenant: Math.max(0, ...[...this.#tenants.values()].map(age)) };
  }

  #entry(tenant: TenantId | null): Entry<Bundle> {
    if (tenant === null) return this.#cell;
    let entry = this.#tenants.get(tenant);
    if (!entry) {
      entry = newEntry(tenant);
      this.#tenants.set(tenant, entry);
    }
    return entry;
  }

  async #inLine(entry: Entry<Bundle>, { keys, version }: Needed<Key>): Promise<LiveLayer<Bundle>> {
    const { clock } = this.#parts;
    const { failed } = entry;
    if (failed?.keys === keys.id && clock.now() - failed.atMs < LIMITS.policyReloadMsMin)
      throw unavailable(failed.cause);
    const others = running(entry, clock.now());
    // What somebody else asked may have been answered before the change that this caller knows of.
    let live = others?.keys === keys.id ? await within(LIMITS.batchStallMs, others.done) : null;
    if (live === null || (version !== null && live.statement.version < version)) live = await this.#load(entry, keys);
    if (version !== null && live.statement.version < version)
      throw new PolicyUnavailable(`version ${live.statement.version} was stated where version ${version} is in force`);
    return live;
  }

  #renew(entry: Entry<Bundle>, keys: LayerKeys<Key>): void {
    this.#parts.defer(this.#load(entry, keys).catch(() => {}));
  }

  /** One read of the store. What it finds is in force for everybody; what fails is told, and leaves what is live alone. */
  async #load(entry: Entry<Bundle>, keys: LayerKeys<Key>): Promise<LiveLayer<Bundle>> {
    const { clock, source, jitter, onRenewal } = this.#parts;
    const { tenant } = entry;
    const nowMs = clock.now();
    const done = timely(
      LIMITS.policyLoadMsMax,
      loadLayer(source, { tenant, nowMs, versionMin: this.#versionSeen(tenant), keys, known: entry.live }),
    );
    const flight: Flight<Bundle> = { done, keys: keys.id, startedMs: nowMs };
    entry.flight = flight;
    try {
      const live = await done;
      const { version, issued_ms } = live.statement;
      // Another read may have been overtaken by this one, or have overtaken it.
      if (version < this.#versionSeen(tenant)) throw new PolicyUnavailable("a newer version was stated meanwhile");
      this.#see(tenant, version);
      entry.live = live;
      const renewMs = tenant === null ? LIMITS.policyCellRenewMs : LIMITS.policyRenewMs;
      entry.renewAtMs = issued_ms + renewMs * (1 - 0.2 * jitter());
      entry.failed = null;
      onRenewal(tenant, null);
      return live;
    } catch (cause) {
      entry.failed = { atMs: clock.now(), keys: keys.id, cause };
      // The next try is not made by each call that comes by.
      entry.renewAtMs = Math.max(entry.renewAtMs, clock.now() + LIMITS.policyRetryMs);
      onRenewal(tenant, { cause });
      throw unavailable(cause);
    } finally {
      if (entry.flight === flight) entry.flight = null;
    }
  }

  #versionSeen(tenant: TenantId | null): number {
    return tenant === null ? this.#cellSeen : (this.#seen.get(tenant) ?? 0);
  }

  #see(tenant: TenantId | null, version: number): void {
    if (tenant === null) this.#cellSeen = Math.max(this.#cellSeen, version);
    else this.#seen.set(tenant, Math.max(this.#versionSeen(tenant), version));
  }
}

const newEntry = <Bundle extends Expiring>(tenant: TenantId | null): Entry<Bundle> => ({
  tenant,
  live: null,
  renewAtMs: 0,
  flight: null,
  failed: null,
  usedMs: 0,
});

/** A clock that stepped back before the statement was issued leaves its age unknown. */
function usable<Bundle extends Expiring>(
  { live }: Entry<Bundle>,
  keys: string,
  nowMs: number,
): LiveLayer<Bundle> | null {
  if (live === null || live.keys !== keys) return null;
  const { issued_ms, expires_ms } = live.statement;
  if (nowMs >= expires_ms || nowMs < issued_ms - LIMITS.clockSkewS * 1000) return null;
  const opens = (bundle: Bundle | null) => bundle === null || nowMs < bundle.expiresMs;
  return opens(live.active) && opens(live.canary) ? live : null;
}

/** A read that began too long ago was cut off together with the call that began it. */
const running = <Bundle extends Expiring>({ flight }: Entry<Bundle>, nowMs: number): Flight<Bundle> | null =>
  flight !== null && nowMs - flight.startedMs < LIMITS.policyLoadMsMax ? flight : null;

const unavailable = (cause: unknown): PolicyUnavailable =>
  cause instanceof PolicyUnavailable ? cause : new PolicyUnavailable("the policy's store does not answer", { cause });

/** The answer, or null when it fails or stays away: the caller then asks by itself. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
  try {
    return await timely(ms, answer);
  } catch {
    return null;
  }
}

async function timely<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PolicyUnavailable("the policy's store does not answer in time")), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
