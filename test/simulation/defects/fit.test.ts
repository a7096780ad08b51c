import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../../infra/local/command.mjs";
import { DEFECTS } from "./defects.ts";

it.each(DEFECTS)(
  "$name can be planted into the code of today, so that the simulator's eye for it is not lost unseen",
  ({ edits }) => {
    for (const { file, replace } of edits) {
      let source = readFileSync(join(ROOT, file), "utf8");
      for (const [from, to] of replace) {
        const parts = source.split(from);
        expect(parts.length - 1, `${file} has this once: ${from}`).toBe(1);
        source = parts.join(to);
      }
    }
  },
);
