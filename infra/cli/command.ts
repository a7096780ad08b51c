/** What a command may touch of the terminal it runs in. */
export interface Terminal {
  /** To standard output: what the command is asked for. */
  out(text: string): void;
  /** To standard error: what a person should know besides. */
  err(text: string): void;
  /** All of standard input. Rejects above `bytesMax`. */
  input(bytesMax: number): Promise<string>;
  variable(name: string): string | undefined;
}

/** Answers the exit code. Throws `Usage` when the words make no command. */
export type Run = (words: readonly string[], terminal: Terminal) => Promise<number>;

/** The words make no command; the message says what is wrong with them. */
export class Usage extends Error {
  override readonly name = "Usage";
}

/** What was asked for cannot be done; the message is one line for a person. */
export class Refused extends Error {
  override readonly name = "Refused";
}

export const EXIT = { done: 0, refused: 1, usage: 2 } as const;
