/**
 * How far the caller of a detached task was told of its end.
 *
 * ```
 * waiting ──2xx──▶ delivered
 *    ├──410──────▶ stopped
 *    ├──denied───▶ refused
 *    └──too many tries, or too late ──▶ failed
 * ```
 */
export const CALLBACK_STATES = ["waiting", "delivered", "stopped", "refused", "failed"] as const;
export type CallbackState = (typeof CALLBACK_STATES)[number];

/** Why the last try did not deliver. */
export const CALLBACK_REASONS = [
  /** Answered with another status than 2xx. */
  "status",
  /** The receiver answered 410: it wants to hear nothing more. */
  "gone",
  /** Redirected too often, nowhere, or in a way that does not keep a POST one. */
  "redirect",
  /** The address is none that a tenant may have called, at this hop or a later one. */
  "address_refused",
  "unreachable",
  "timeout",
  /** The tenant is suspended or locked. */
  "tenant_state",
  /** Nothing could be decided now. */
  "unavailable",
  "denied",
  /** The credential of the request is not in force any more. */
  "credential",
  "expired",
  /** Its task was deleted. */
  "deleted",
] as const;
export type CallbackReason = (typeof CALLBACK_REASONS)[number];

export interface CallbackProgress {
  state: CallbackState;
  /** Tries that reached for the receiver. */
  attempts: number;
  /** What the receiver answered last; null when it never did. */
  last_status: number | null;
  reason: CallbackReason | null;
}

/** A callback that is still to be delivered. */
export interface PendingCallback extends CallbackProgress {
  /** Bound to the object `task/<id>/callback`. */
  sealed: Uint8Array;
  /** Unix ms; given up afterwards. */
  expires_ms: number;
}

/** How one try ended: for good, or for another one after `retry_ms`. */
export type CallbackEnd =
  | { state: "waiting"; retry_ms: number; last_status: number | null; reason: CallbackReason }
  | { state: Exclude<CallbackState, "waiting">; last_status: number | null; reason: CallbackReason | null };
