import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import type { Defect } from "./defect.ts";

const ROOT = pathToFileURL(`${import.meta.dirname}/../../../`).href;

/**
 * Every module that is loaded from now on has the defect in it; nothing on disk changes. Throws when the module is loaded
 * and the text to replace is not there exactly once, so that a defect never goes stale unseen.
 */
export function plant(defect: Defect): { planted(): boolean } {
  const left = new Map(defect.edits.map((edit) => [new URL(edit.file, ROOT).href, edit]));
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const edit = left.get(url);
      if (edit === undefined) return loaded;
      let source = String(loaded.source);
      for (const [from, to] of edit.replace) {
        const parts = source.split(from);
        if (parts.length !== 2) throw new Error(`${defect.name}: ${edit.file} has ${parts.length - 1} times: ${from}`);
        source = parts.join(to);
      }
      left.delete(url);
      return { ...loaded, source };
    },
  });
  return { planted: () => left.size === 0 };
}
