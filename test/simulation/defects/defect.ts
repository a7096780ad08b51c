/** A mistake that somebody might make, as the change of text that makes it. */
export interface Defect {
  name: string;
  /** What goes wrong with it. */
  harm: string;
  /** Looked for where answers are slow: it shows when whoever makes one stops in the middle of it. */
  slow?: true;
  /** Looked for where a tenant moves in every seed. */
  moves?: true;
  edits: { file: string; replace: [from: string, to: string][] }[];
}

export const one = (name: string, harm: string, file: string, ...replace: [string, string][]): Defect => ({
  ...{ name, harm },
  edits: [{ file, replace }],
});
export const slowly = (defect: Defect): Defect => ({ ...defect, slow: true });
export const moving = (defect: Defect): Defect => ({ ...defect, moves: true });
