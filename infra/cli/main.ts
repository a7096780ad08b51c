import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";

interface Command {
  summary: string;
  usage: string;
  /** Loaded when it is asked for, so that no command starts with another one's modules. */
  load(): Promise<Run>;
}

/** Every subcommand of `npx bailiwick`, a file each. */
const COMMANDS: Readonly<Record<string, Command>> = {
  batch: {
    summary: "run a file of requests as a batch: upload, progress, resume, download",
    usage: "batch run FILE [--model NAME] [--endpoint PATH]",
    load: async () => (await import("./batch.ts")).batch,
  },
  cells: {
    summary: "sign and show the directory of a deployment's cells, make its keys",
    usage:
      "cells sign FILE --keys DOCUMENT --out FILE [--hours N] [--version N] | trust DOCUMENT | show FILE --keys FILE | key   (docs/cells.md)",
    load: async () => (await import("./cells.ts")).cells,
  },
  keys: {
    summary: "list, rotate, retire, revoke and forget the signing keys of a cell",
    usage: "keys list|rotate|retire|revoke|forget [KID] [--home DIR | --document FILE]   (docs/keys.md)",
    load: async () => (await import("./keys.ts")).keys,
  },
  operator: {
    summary: "make a new operator's key: in the home of an embedded cell that does not run, or for a Workers cell",
    usage:
      "operator [--home DIR] [--tenant ID] [--cell ID] | operator --root FILE --cell ID --tenant ID --binding FILE   (docs/runbook.md)",
    load: async () => (await import("./operator.ts")).operator,
  },
  tenant: {
    summary: "move a tenant to another cell of its jurisdiction",
    usage:
      "tenant export TENANT --to CELL --out FILE --transfer-key FILE | import TENANT FILE --keys FILE --transfer-key FILE | release TENANT FILE --out FILE | activate TENANT --receipt FILE --keys FILE | status TENANT | stay TENANT | key | keys FILE…   (docs/cells.md)",
    load: async () => (await import("./tenant.ts")).tenant,
  },
  verify: {
    summary: "verify a task's evidence, an export of the ledger or a log's archive, offline",
    usage:
      "verify FILE [--keys FILE] [--checkpoint FILE] [--request-body FILE] [--response-body FILE] [--json]   (docs/verify.md)",
    load: async () => (await import("./verify.ts")).verify,
  },
};

const usage = (): string =>
  `npx bailiwick <command>\n\n${Object.entries(COMMANDS)
    .map(([name, { summary, usage }]) => `  ${name.padEnd(8)}${summary}\n          ${usage}\n`)
    .join("")}`;

async function input(bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new Refused(`standard input is longer than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  input,
  variable: (name) => process.env[name],
};

const [name = "", ...words] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) {
  const asked = ["", "help", "--help", "-h"].includes(name);
  (asked && name !== "" ? terminal.out : terminal.err)(`${asked ? "" : `bailiwick: no command ${name}\n\n`}${usage()}`);
  process.exitCode = asked && name !== "" ? EXIT.done : EXIT.usage;
} else {
  try {
    process.exitCode = await (await command.load())(words, terminal);
  } catch (cause) {
    // Anything else is a bug and keeps its stack.
    if (!(cause instanceof Refused || cause instanceof Usage)) throw cause;
    terminal.err(`bailiwick: ${cause.message}\n`);
    if (cause instanceof Usage) terminal.err(`usage: npx bailiwick ${command.usage}\n`);
    process.exitCode = cause instanceof Usage ? EXIT.usage : EXIT.refused;
  }
}
