/**
 * Versions of what goes over HTTP between an edge and its objects. 1: one call a send. 2: calls that travel together, each
 * answered as soon as it has ended. Each side speaks the newest and the one before it, so that either may be rolled out
 * first; methods and members of calls grow as the ports' contracts do.
 */
export interface ProtocolRange {
  min: number;
  max: number;
}
export const PROTOCOL: ProtocolRange = { min: 1, max: 2 };
/** From this version on calls travel together. */
export const JOINED_FROM = 2;

export const VERSION_HEADER = "bailiwick-objects-version";
export const CALLS_PATH = "/objects/calls";
export const STREAM_PATH = "/objects/stream";
export const MEDIA_TYPE = "application/vnd.bailiwick.objects";

/** Why a send was turned away whole, before any of its calls ran. */
export const SEND_REFUSALS = [
  "unauthenticated",
  "unsupported_version",
  "too_large",
  "unreadable",
  "full",
  "going",
] as const;
export type SendRefusal = (typeof SEND_REFUSALS)[number];
export const REFUSAL_STATUS: Readonly<Record<SendRefusal, number>> = {
  unauthenticated: 401,
  unsupported_version: 400,
  too_large: 413,
  unreadable: 400,
  full: 503,
  going: 503,
};

/** The newest version that both sides speak; null when there is none. */
export function commonVersion(a: ProtocolRange, b: ProtocolRange): number | null {
  const newest = Math.min(a.max, b.max);
  return newest >= Math.max(a.min, b.min) ? newest : null;
}

/** Edge and objects have no version in common: one of them is to be brought nearer to the other. */
export class VersionRefused extends Error {
  override readonly name = "VersionRefused";
  constructor(own: ProtocolRange, theirs: ProtocolRange) {
    super(
      `the objects speak versions ${theirs.min} to ${theirs.max} of the protocol, this edge ${own.min} to ${own.max}`,
    );
  }
}
