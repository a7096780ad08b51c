import { existsSync, readdirSync, readFileSync } from "node:fs";

/** @param {number} pid @returns {number[]} */
export function processTree(pid) {
  /** @type {Map<number, number>} */
  const parents = new Map();
  for (const name of existsSync("/proc") ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent) parents.set(Number(name), parent);
  }
  const tree = [pid];
  for (const member of tree) for (const [child, parent] of parents) if (parent === member) tree.push(child);
  return tree;
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; behind it come state and parent (proc_pid_stat(5)).
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    // Processes end while they are listed.
    return null;
  }
}
