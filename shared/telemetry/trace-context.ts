import { TraceFlags } from "@opentelemetry/api";

/** A position in a trace as W3C Trace Context names it. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  spanId: string;
  sampled: boolean;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const headerCharsMax = 256;

/** Reads a `traceparent` (W3C Trace Context §3.2); null when it is missing or not well-formed, so a new trace starts. */
export function parseTraceparent(text: string | null): TraceContext | null {
  if (text === null || text.length > headerCharsMax) return null;
  const match = FORM.exec(text);
  if (!match) return null;
  const [, version, traceId, spanId, flags, rest] = match;
  if (!version || !traceId || !spanId || !flags) return null;
  if (version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & TraceFlags.SAMPLED) !== 0 };
}

/** Version 00; of the flags only `sampled` is known to it. */
export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
