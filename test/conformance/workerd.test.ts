import { conform, FIRST_HALF } from "./suites/all.ts";

conform("workerd", FIRST_HALF);
