export const OPA_VERSION: string;
export const PLANS: readonly { plan: string; source: string; tests: boolean; entrypoint?: string }[];
export function findOpa(
  env?: Record<string, string | undefined>,
): { file: string; version: string } | { missing: string };
export function compilePlan(opa: string, what: { source: string; tests: boolean; entrypoint?: string }): string;
export function main(args: readonly string[], say?: (line: string) => void): number;
