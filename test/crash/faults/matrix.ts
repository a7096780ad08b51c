/** What a durable step stands on, and what a fault takes away. */
type Part = "cell" | "worker" | "disk" | "objects" | "postgres" | "redis" | "queue" | "clock" | "messages" | "network";

export interface Fault {
  title: string;
  /** How it is made on one machine. */
  how: string;
  takes: readonly Part[];
}
export interface Step {
  title: string;
  /** What is durable behind it. */
  what: string;
  needs: readonly Part[];
}

/** Every fault that is injected into real processes. */
export const FAULTS = {
  "kill-cell": {
    title: "cell killed",
    how: "SIGKILL of its process, then a new one over the same home",
    takes: ["cell"],
  },
  "kill-worker": { title: "worker killed", how: "SIGKILL of a worker's process", takes: ["worker"] },
  freeze: {
    title: "process stands still",
    how: "SIGSTOP for longer than a lease, then SIGCONT",
    takes: ["cell", "worker"],
  },
  "disk-full": { title: "disk full", how: "the home on a small tmpfs that something else fills", takes: ["disk"] },
  "sync-error": {
    title: "write is not durable",
    how: "a library before the C library has fdatasync and fsync answer EIO",
    takes: ["disk"],
  },
  damage: {
    title: "file damaged",
    how: "pages of a database overwritten, a write-ahead log cut or dropped, a home rewound",
    takes: ["disk"],
  },
  "clock-forward": { title: "clock jumps forward", how: "libfaketime under a process on Node", takes: ["clock"] },
  "clock-back": { title: "clock jumps back", how: "libfaketime under a process on Node", takes: ["clock"] },
  "store-error": {
    title: "object store fails",
    how: "its folder is no folder (ENOTDIR), its server refuses or loses answers",
    takes: ["objects"],
  },
  postgres: {
    title: "Postgres gone, slow or half-open",
    how: "server ended without checkpoint; a TCP gate that delays, loses answers or goes silent",
    takes: ["postgres"],
  },
  redis: {
    title: "Redis gone or silent",
    how: "Upstash's protocol before a Redis, answering 500 or never",
    takes: ["redis"],
  },
  queue: {
    title: "queue gone, slow or half-open",
    how: "the queue's file locked; SQS behind a TCP gate",
    takes: ["queue"],
  },
  delivery: {
    title: "messages doubled, late, out of order",
    how: "messages are taken and sent again; a receiver does not answer",
    takes: ["messages"],
  },
  partition: {
    title: "network partition",
    how: "a gate breaks connections, or leaves them open and passes nothing, in one direction or both",
    takes: ["network"],
  },
} as const satisfies Record<string, Fault>;
export type FaultId = keyof typeof FAULTS;

/** Every step whose result somebody relies on afterwards. */
export const STEPS = {
  admit: {
    title: "admit",
    what: "rate, budget hold, key and ledger entry `opened`, before anything runs",
    needs: ["cell", "disk", "clock"],
  },
  settle: { title: "settle", what: "charge, release and ledger entry `closed`", needs: ["cell", "disk", "clock"] },
  keyed: { title: "keyed result", what: "the answer that a repeat gets", needs: ["cell", "disk"] },
  log: { title: "append to a task's log", what: "frames that whoever follows has seen", needs: ["cell", "disk"] },
  lease: {
    title: "lease",
    what: "whose a task is, under which fence",
    needs: ["cell", "worker", "clock", "messages", "network"],
  },
  flush: {
    title: "flush",
    what: "frames of a worker that are in the log",
    needs: ["cell", "worker", "disk", "network"],
  },
  send: { title: "send of a job", what: "the job of a task is in the queue", needs: ["cell", "queue"] },
  acknowledge: {
    title: "acknowledge",
    what: "the message is removed behind the settlement",
    needs: ["worker", "queue", "messages", "network"],
  },
  "batch-window": {
    title: "batch window",
    what: "which lines of a batch are outside, and which are done",
    needs: ["cell", "worker", "disk", "objects"],
  },
  "batch-output": { title: "batch output", what: "parts and files of results", needs: ["cell", "disk", "objects"] },
  seal: {
    title: "seal, archive, checkpoint",
    what: "tiles and signed checkpoint of a ledger",
    needs: ["cell", "disk", "objects", "clock"],
  },
  policy: { title: "policy activation", what: "which bundle decides", needs: ["cell", "disk", "clock"] },
  approval: {
    title: "run of an approved request",
    what: "an approved request runs once",
    needs: ["cell", "disk", "clock"],
  },
  keys: { title: "key made, revoked, rotated", what: "who may call", needs: ["cell", "disk", "clock"] },
  callback: {
    title: "note of a callback",
    what: "what a receiver was told, and that it was",
    needs: ["cell", "disk", "messages", "network"],
  },
  file: { title: "file upload and commit", what: "content of a file and its row", needs: ["cell", "disk", "objects"] },
  events: {
    title: "delivery of events",
    what: "ledger entries in the read models, once each",
    needs: ["cell", "postgres", "messages"],
  },
  provisioning: {
    title: "tenant provisioning",
    what: "a tenant and its first keys",
    needs: ["cell", "disk", "postgres"],
  },
  erasure: { title: "erasure", what: "a subject's key is gone, and the ledger says so", needs: ["cell", "disk"] },
  preauth: { title: "limit before authentication", what: "how often an address failed", needs: ["redis", "clock"] },
} as const satisfies Record<string, Step>;
export type StepId = keyof typeof STEPS;

/** Whether the step stands on something that the fault takes away. */
export function touches(fault: FaultId, step: StepId): boolean {
  const needs: readonly Part[] = STEPS[step].needs;
  return FAULTS[fault].takes.some((part) => needs.includes(part));
}

/** What a step would have to stand on to be hurt by a fault, in words. */
export const takenBy = (fault: FaultId): string => FAULTS[fault].takes.join(" or ");
