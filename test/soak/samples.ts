import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Cell } from "../support/cell.ts";

const MIB = 1024 * 1024;

/** What a running cell holds at one moment. Null: the process was not there, or did not answer. */
export interface Sample {
  at_s: number;
  /** Which process of the cell, counted from 1. */
  life: number;
  pid: number | null;
  rss_mib: number | null;
  /** Resident memory that no file backs: heaps, buffers, stacks. */
  anonymous_mib: number | null;
  descriptors: number | null;
  sockets: number | null;
  worker_rss_mib: number[];
  worker_descriptors: number[];
  /** Bytes of all write-ahead logs in the home. */
  wal_mib: number;
  /** Databases of objects, and files of the object store. */
  objects: number;
  stored: number;
  home_mib: number;
  held_nusd: number | null;
  streams_active: number | null;
  requests_active: number | null;
  outbox_pending: number | null;
  jobs: number | null;
}

const read = (path: string): string | null => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

/** Lines of `/proc/<pid>/status`, in MiB; null when the process is gone. */
export function memoryMib(pid: number, line: "VmRSS" | "RssAnon"): number | null {
  const found = new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return found === undefined ? null : Math.round((Number(found) / 1024) * 10) / 10;
}

/** TCP's state of a connection whose other end has closed it (RFC 9293 §3.3.2), as the kernel writes it. */
const CLOSE_WAIT = "08";

/** Connections to `port` on this machine that their callers have closed and the server has not. */
export function abandonedConnections(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  return rows.filter((row) => {
    const [, from = "", , state] = row.trim().split(/\s+/);
    return from.endsWith(local) && state === CLOSE_WAIT;
  }).length;
}

/** Open file descriptors, and how many of them are sockets; null when the process is gone. */
export function descriptors(pid: number): { all: number; sockets: number } | null {
  try {
    const names = readdirSync(`/proc/${pid}/fd`);
    const to = (name: string) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return ""; // closed since it was listed
      }
    };
    return { all: names.length, sockets: names.filter((name) => to(name).startsWith("socket:")).length };
  } catch {
    return null;
  }
}

/** Files below a folder with their sizes; those that vanish meanwhile are left out. */
function files(folder: string): { path: string; bytes: number }[] {
  const found: { path: string; bytes: number }[] = [];
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return found;
  }
  for (const name of names) {
    try {
      const stat = statSync(join(folder, name));
      if (stat.isFile()) found.push({ path: name, bytes: stat.size });
    } catch {
      // Gone since it was listed.
    }
  }
  return found;
}

const ASK_MS_MAX = 5_000;
async function asked(url: string, key: string): Promise<string | null> {
  try {
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(ASK_MS_MAX) });
    const text = await response.text();
    return response.ok ? text : null;
  } catch {
    return null; // the cell is away: a sample says so
  }
}

/** Sum over the label sets of one gauge. */
const gauge = (exposition: string | null, name: string): number | null =>
  exposition === null
    ? null
    : [...exposition.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+-]+)$`, "gm"))].reduce(
        (sum, [, value]) => sum + Number(value),
        0,
      );

export interface Sampled {
  cell: Cell;
  life: number;
  /** Null while there is none. */
  pid: number | null;
  workers: readonly number[];
  adminKeys: readonly string[];
  jobs(): Promise<number>;
}

export async function sample(of: Sampled, beganMs: number): Promise<Sample> {
  const { cell, pid, life } = of;
  const all = files(join(cell.home, "objects"));
  const stored = files(join(cell.home, "object-store"));
  const rest = files(cell.home);
  const exposition = await asked(`${cell.url}/metrics`, cell.adminKey);
  const budgets = await Promise.all(of.adminKeys.map((key) => asked(`${cell.url}/v1/budgets`, key)));
  const held = budgets.map((told) => (told === null ? null : Number(JSON.parse(told).data[0]?.held_nusd ?? 0)));
  const open = pid === null ? null : descriptors(pid);
  const number = (value: number | null): value is number => value !== null;
  return {
    at_s: Math.round((Date.now() - beganMs) / 1_000),
    ...{ life, pid },
    rss_mib: pid === null ? null : memoryMib(pid, "VmRSS"),
    anonymous_mib: pid === null ? null : memoryMib(pid, "RssAnon"),
    descriptors: open?.all ?? null,
    sockets: open?.sockets ?? null,
    worker_rss_mib: of.workers.map((worker) => memoryMib(worker, "VmRSS")).filter(number),
    worker_descriptors: of.workers.map((worker) => descriptors(worker)?.all ?? null).filter(number),
    wal_mib: sumMib(rest.filter(({ path }) => path.endsWith("-wal"))),
    objects: all.filter(({ path }) => path.endsWith(".sqlite")).length,
    stored: stored.length,
    home_mib: sumMib(rest),
    held_nusd: held.some((each) => each === null) ? null : held.reduce<number>((sum, each) => sum + (each ?? 0), 0),
    streams_active: gauge(exposition, "bailiwick_streams_active"),
    requests_active: gauge(exposition, "bailiwick_requests_active"),
    outbox_pending: gauge(exposition, "bailiwick_outbox_pending"),
    jobs: await of.jobs().catch(() => null),
  };
}

const sumMib = (found: readonly { bytes: number }[]): number =>
  Math.round((found.reduce((sum, { bytes }) => sum + bytes, 0) / MIB) * 10) / 10;
