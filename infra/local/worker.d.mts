import type { KeptRunning } from "./keep-running.mjs";

/** What the cell beside it is and where its files are. */
export interface LocalWorkerOptions {
  /** Where the cell answers, such as `http://127.0.0.1:8787`. */
  cellUrl: string;
  cell: string;
  jurisdiction: string;
  pool: string;
  /** The SQLite file of the queue, and the enrolment secret, in the cell's home. */
  queueFile: string;
  secretFile: string;
  /** Models of the synthetic engine, unless `env` names another engine. */
  models: readonly string[];
  concurrency?: number;
  /** The environment to take settings of the worker and its engine from. */
  env: Record<string, string | undefined>;
  /** Takes one line of the worker's output, or of this about it. */
  print: (line: string) => void;
}

export type LocalWorker = KeptRunning;

/**
 * Runs one worker process beside an embedded cell and starts it again when it ends, after waits that double. Does not keep
 * this process alive, and ends with it.
 */
export function startLocalWorker(options: LocalWorkerOptions): LocalWorker;
export function workerEnvironment(options: LocalWorkerOptions): Record<string, string>;
