/** A process and all that descend from it, so that a launcher's children count too; without `/proc` itself alone. */
export function processTree(pid: number): number[];
