export const ROOT: string;
export function secretReferences(folder: string | undefined): { env: Set<string>; files: Set<string> };
export function denoBinary(): string | null;
export function nodeBinary(): string | null;
export function directoryFiles(env: Record<string, string | undefined>): string[];
export function globalCommand(
  env: Record<string, string | undefined>,
): { file: string; args: string[]; env: Record<string, string | undefined> } | { refusal: string };
export function edgeCommand(
  env: Record<string, string | undefined>,
): { file: string; args: string[]; env: Record<string, string | undefined> } | { refusal: string };
export function embeddedCommand(
  env: Record<string, string | undefined>,
): { file: string; args: string[]; env: Record<string, string | undefined>; home: string } | { refusal: string };
