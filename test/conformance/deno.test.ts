import { conform } from "./suites/all.ts";

conform("deno");
