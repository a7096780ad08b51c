/** Takes a process's error output piece by piece; `end` when it is over. */
export function crashLine(print: (text: string) => void): { write(text: string): void; end(): void };
