import { releaseOf } from "../../functions/entry/release.ts";
import { ROOT } from "./command.mjs";

/** Prints the release of this checkout, for a deployment that cannot read its own source files. */
process.stdout.write(`${releaseOf(ROOT).release}\n`);
