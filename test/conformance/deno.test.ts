import { conform, FIRST_HALF } from "./suites/all.ts";

conform("deno", FIRST_HALF);
