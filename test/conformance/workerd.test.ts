import { conform } from "./suites/all.ts";

conform("workerd");
