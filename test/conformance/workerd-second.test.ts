import { conform, SECOND_HALF } from "./suites/all.ts";

conform("workerd", SECOND_HALF);
