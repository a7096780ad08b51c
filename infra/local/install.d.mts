export function nodeRefusal(version: string): string | null;
export function installationState(
  root: string,
  want: { dev: boolean },
): { needed: boolean; dev: boolean; stamp: string; lock: string };
export function install(
  root: string,
  want: { dev: boolean },
  progress: (line: string) => void,
): Promise<string | null>;
