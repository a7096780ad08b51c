import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatKeyDocument, type KeyPair, parseKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { firstPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import type { CellJurisdiction } from "../../shared/contracts/cell-directory.ts";
import { CellId } from "../../shared/contracts/ids.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { forwardingKey } from "../../shared/crypto/forwarding.ts";
import { type DirectorySource, directoryDocument, signedDirectory } from "../cli/cells.ts";

const PRIVATE = 0o600;
const HOURS = 24;

export interface DeployedCell {
  id: string;
  jurisdiction: CellJurisdiction;
  url: string;
}

/** Several cells on one machine: a folder with their directory and its keys, and a folder for each cell. */
export interface Deployment {
  /** Variables of one cell, beside what its host needs. */
  cellEnv(cell: DeployedCell): Record<string, string>;
  /** Variables of the global entry. */
  entryEnv(): Record<string, string>;
  /** Where a cell keeps everything. */
  homeOf(id: string): string;
  /** Signs a directory one version above the last. */
  sign(more: Omit<DirectorySource, "cells">): void;
}

function once(path: string, make: () => string): string {
  if (!existsSync(path)) {
    writeFileSync(path, make(), { mode: PRIVATE });
    chmodSync(path, PRIVATE);
  }
  return readFileSync(path, "utf8");
}

/** Keys are made on first use and stay. */
export function deployment(folder: string, cells: readonly DeployedCell[]): Deployment {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(folder, name);
  const pairs = parseKeyDocument(once(at("directory-keys.json"), () => formatKeyDocument([firstPair(Date.now())], 2)));
  if (!pairs.ok) throw new Error(`${at("directory-keys.json")} is damaged`);
  writeFileSync(at("directory-trust.json"), trustOf(pairs.value));
  const keys = new Map(
    cells.map(({ id }) => {
      const text = once(at(`forwarding-${id}.key`), () => encodeBase64url(crypto.getRandomValues(new Uint8Array(32))));
      const key = forwardingKey(text);
      if (key === null) throw new Error(`${at(`forwarding-${id}.key`)} is damaged`);
      return [id, { text, kid: key.kid }] as const;
    }),
  );
  const directory = {
    BAILIWICK_DIRECTORY: at("directory.json"),
    BAILIWICK_DIRECTORY_KEYS: at("directory-trust.json"),
  };
  const keyOf = (id: string) => keys.get(id) ?? { text: "", kid: "" };
  return {
    homeOf: at,
    cellEnv: ({ id, jurisdiction }) => ({
      ...directory,
      BAILIWICK_CELL: id,
      BAILIWICK_JURISDICTION: jurisdiction,
      BAILIWICK_RESIDENCY: ["disk", "database", "telemetry", "engines"]
        .map((part) => `${part}=${jurisdiction}`)
        .join(" "),
      BAILIWICK_FORWARDING_KEYS: keyOf(id).text,
      BAILIWICK_HOME: at(id),
    }),
    entryEnv: () => ({
      ...directory,
      BAILIWICK_FORWARDING_KEYS: [...keys.values()].map(({ text }) => text).join(","),
    }),
    sign(more) {
      const version = versionIn(at("directory.json")) + 1;
      const nowMs = Date.now();
      const source = {
        ...more,
        cells: cells.map(({ id, jurisdiction, url }) => ({
          ...{ id: CellId.parse(id), jurisdiction, base_url: url, hosts: [], forwarding_keys: [keyOf(id).kid] },
        })),
      };
      const text = signedDirectory(directoryDocument(source, { version, nowMs, hours: HOURS }), pairs.value, nowMs);
      // Whole or not at all: cells and entry read it at any moment.
      writeFileSync(at("directory.json.new"), text);
      renameSync(at("directory.json.new"), at("directory.json"));
    },
  };
}

const trustOf = (pairs: readonly KeyPair[]): string =>
  JSON.stringify(
    keysDocument(
      "directory",
      "cells",
      pairs.flatMap((pair) => verifierKeys(pair, publicPair(pair))),
    ),
  );

function versionIn(path: string): number {
  if (!existsSync(path)) return 0;
  const { payload } = JSON.parse(readFileSync(path, "utf8")) as { payload: string }; // safe because: it was signed here
  const { version } = JSON.parse(atob(payload)) as { version: number }; // safe because: as above
  return version;
}
