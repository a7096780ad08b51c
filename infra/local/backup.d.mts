export class BackupFailed extends Error {}
export const MANIFEST: string;
export const KEY_FILES: string[];
export function backup(what: { home: string; to: string; keys: boolean }): {
  files: number;
  databases: number;
  /** Milliseconds for which a running cell answered nobody. */
  stoodStillMs: number;
};
export function filesUnder(folder: string): string[];
export function digest(path: string): string;
export function foldersUnder(folder: string): string[];
