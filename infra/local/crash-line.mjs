/**
 * Passes a process's error output through, but turns an uncaught error's dump (message, source line, stack) into one line
 * that says what is wrong. With `BAILIWICK_LOG=debug` nothing is held back.
 * @param {(text: string) => void} print
 */
export function crashLine(print) {
  let rest = "";
  /** @type {string[] | null} lines of the dump, once it began */
  let dump = null;
  const verbose = process.env.BAILIWICK_LOG === "debug";
  /** @param {string} line */
  const take = (line) => {
    if (dump) dump.push(line);
    else if (!verbose && STARTS.test(line)) dump = [line];
    else print(`${line}\n`);
  };
  return {
    /** @param {string} text */
    write(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    },
    end() {
      if (rest !== "") take(rest);
      if (dump) print(`bailiwick: ${explain(dump)}\n`);
    },
  };
}

/** First lines of Deno's and Node's dumps of an uncaught error. */
const STARTS =
  /^(?:error: (?:Uncaught|Module not found|The module's source code)|node:internal\/|Uncaught |file:\/\/.*:\d+$)/;

/** @param {string[]} dump */
function explain(dump) {
  const text = dump.join("\n");
  if (/AddrInUse|EADDRINUSE/.test(text)) return "the port is already in use; set PORT to another one";
  if (/AddrNotAvailable|EADDRNOTAVAIL/.test(text)) return "HOST is not an address of this machine";
  if (/EACCES|PermissionDenied/.test(text)) return `a file or port may not be used: ${errorLine(dump)}`;
  return errorLine(dump);
}

/** @param {string[]} dump */
function errorLine(dump) {
  const line =
    dump.find((text) => /^(?:error: |Uncaught )|^\w*Error\b/.test(text)) ?? dump[0] ?? "it ended unexpectedly";
  return line.replace(/^error: /, "").replace(/^Uncaught (?:\(in promise\) )?/, "");
}
