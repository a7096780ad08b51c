import { expect } from "vitest";
import { type DetachedCell, detachedCell } from "./detached-cell.ts";
import { type Script, whole } from "./engine-scripts.ts";

export interface ScriptedDetachedCell extends DetachedCell {
  /** What the engine does with the next requests, in order; it answers whole once they are used up. */
  scripts: Script[];
}

/** A cell of detached runs before an engine that follows scripts. Closing it tells what failed behind its callers. */
export async function scriptedDetachedCell(): Promise<ScriptedDetachedCell> {
  const scripts: Script[] = [];
  const cell = await detachedCell(async (body, signal) => (scripts.shift() ?? whole)(body, signal));
  return {
    ...cell,
    scripts,
    async close() {
      await cell.close();
      expect(cell.failures).toEqual([]);
    },
  };
}
