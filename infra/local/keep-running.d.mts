export interface Kept {
  file: string;
  args: readonly string[];
  /** Its whole environment. */
  env: Record<string, string | undefined>;
  /** Begins each of its lines. */
  prefix: string;
  /** After SIGTERM it has so long before it is killed. */
  killMs: number;
  /** A terminal's Ctrl-C does not reach it by itself. */
  ownGroup?: boolean;
  /** Takes one line of its output, or of this about it. */
  print: (line: string) => void;
}

export interface KeptRunning {
  /** Drains and ends it, and starts no other; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Runs a process and starts it again when it ends, after waits that double. Does not keep this process alive, and ends with
 * it.
 */
export function keepRunning(kept: Kept): KeptRunning;
