export function restore(what: { from: string; home: string }): {
  files: number;
  taken_at: string;
  /** Key files that the backup was made without. */
  missing: string[];
};
