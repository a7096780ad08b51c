import { clearTimeout, setTimeout } from "node:timers";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { HostFiles } from "./host-files.ts";
import { objectNameOf } from "./object-path.ts";

const LOG = "-wal";

export interface LeftLogsOptions {
  files: HostFiles;
  /** The folder of each class. */
  folders: ReadonlyMap<string, string>;
  /** Opens and closes the object unless it is in use; whoever uses it closes it later. */
  recover(className: string, name: string): Promise<void>;
  onError: (cause: unknown, where: { class: string; name: string }) => void;
}

/**
 * Write-ahead logs of objects that were open when a process was killed. Nobody may ever call those again, so without
 * this each kill leaves as many logs for good as files were open. One object at a time, with a pause behind each: the
 * loop of a cell that has just started belongs to its callers. A killed sweep is begun again by the next start.
 */
export class LeftLogs {
  readonly #options: LeftLogsOptions;
  readonly #done: Promise<void>;
  #stopped = false;
  #wake = (): void => {};

  constructor(options: LeftLogsOptions) {
    this.#options = options;
    this.#done = this.#sweep();
  }

  /** Resolves once each log that was found is gone, or was given up and told of, or the sweep was stopped. */
  done(): Promise<void> {
    return this.#done;
  }

  /** Begins no further object and waits for the one in work. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    return this.#done;
  }

  async #sweep(): Promise<void> {
    // Whoever opens a host asks it first.
    await this.#pause();
    for (const [className, folder] of this.#options.folders) {
      if (this.#stopped) return;
      await this.#sweepClass(className, folder);
    }
  }

  async #sweepClass(className: string, folder: string): Promise<void> {
    const { files, recover, onError } = this.#options;
    try {
      for await (const entry of files.list(folder)) {
        if (this.#stopped) return;
        const name = entry.endsWith(LOG) ? objectNameOf(entry.slice(0, -LOG.length)) : null;
        if (name === null) continue;
        await recover(className, name).catch((cause: unknown) => onError(cause, { class: className, name }));
        await this.#pause();
      }
    } catch (cause) {
      onError(cause, { class: className, name: "" });
    }
  }

  #pause(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LIMITS.leftLogPauseMs);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
