import { conform } from "./suites/all.ts";

conform("deno", undefined, 1);
