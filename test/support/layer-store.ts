import type { TenantId } from "../../shared/contracts/ids.ts";
import type { BundleRef } from "../../shared/contracts/policy/freshness.ts";
import type { RegisteredKey } from "../../shared/contracts/policy/registered-key.ts";
import type { PolicyLayer, PolicyStore } from "../../shared/contracts/ports/policy-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { statementKey, statementSigner } from "../../shared/crypto/policy-statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";

export const STATEMENT_KEY = statementKey(new Uint8Array(32).fill(1));
export const FOREIGN_KEY = statementKey(new Uint8Array(32).fill(2));

export interface LayerState {
  version: number;
  active: BundleRef | null;
  canary: { bundle: BundleRef; percent: number } | null;
  keys?: readonly RegisteredKey[];
}

/** A store of layers that a test sets as it likes, and breaks as an attacker or an accident would. */
export class LayerStore implements Pick<PolicyStore, "state" | "bundle"> {
  readonly layers = new Map<TenantId | null, LayerState>();
  readonly archives = new Map<string, Uint8Array>();
  readonly #nowMs: () => number;
  /** What was asked, in order. */
  readonly asked: string[] = [];
  cell = "local";
  key = STATEMENT_KEY;
  /** Put in place of the layer's own statement. */
  forged: string | null = null;
  down: Error | null = null;
  /** While there, no question is answered before it resolves. */
  gate: Promise<void> | null = null;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.layers.set(null, { version: 0, active: null, canary: null });
  }

  /** Keeps the bytes and answers what they are called. */
  keep(archive: Uint8Array, revision: number): BundleRef {
    const digest = `sha256:${sha256Hex(archive)}`;
    this.archives.set(digest, archive);
    return { revision, digest };
  }

  /** The layer's statement as its object would sign it now. */
  statement(tenant: TenantId | null): string {
    const state = this.layers.get(tenant) ?? { version: 0, active: null, canary: null };
    return statementSigner(this.cell, this.key)({ tenant, ...state }, this.#nowMs());
  }

  async state(layer: PolicyLayer): ReturnType<PolicyStore["state"]> {
    const tenant = layer.layer === "cell" ? null : layer.tenant;
    this.asked.push(`state ${tenant ?? "cell"}`);
    const state = this.layers.get(tenant);
    const statement = this.forged ?? this.statement(tenant);
    if (this.gate) await this.gate;
    if (this.down) throw this.down;
    return state ? ok({ ...state, statement }) : err({ reason: "unknown_tenant" });
  }

  async bundle(layer: PolicyLayer, digest: string): ReturnType<PolicyStore["bundle"]> {
    this.asked.push(`bundle ${layer.layer}`);
    if (this.down) throw this.down;
    const archive = this.archives.get(digest);
    return archive ? ok(archive) : err({ reason: "not_found" });
  }
}
