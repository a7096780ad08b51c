import { conform, SECOND_HALF } from "./suites/all.ts";

conform("deno", SECOND_HALF);
