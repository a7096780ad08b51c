import { LIMITS } from "../../../shared/contracts/limits.ts";

/**
 * Between two pieces of a long publication: whoever calls the object, or another one of its process, is served meanwhile.
 * The pieces of a Durable Object would follow one another without it.
 */
export const othersFirst = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LIMITS.logRestMs));
