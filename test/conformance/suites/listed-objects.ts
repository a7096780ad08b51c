import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { objectNames } from "../../../durable/runtime/object-names.ts";
import { objectFolder, objectPath } from "../../../durable/runtime/object-path.ts";
import { rowsOf } from "../../support/home-copy.ts";
import type { Lab } from "../../support/lab.ts";

/** What the tenant's object lists, read from its file; a tenant that is gone lists nothing. */
function listedIn(home: string, tenant: string, known: Map<string, ReadonlySet<string>>): ReadonlySet<string> {
  const found = known.get(tenant);
  if (found !== undefined) return found;
  const path = objectPath(objectFolder(home, "tenant"), tenant);
  const names = new Set<string>();
  const queries = ["SELECT name FROM kept_session", "SELECT id FROM task", "SELECT task FROM approval"];
  if (existsSync(path))
    for (const query of queries) for (const row of rowsOf(path, query)) names.add(String(Object.values(row)[0]));
  known.set(tenant, names);
  return names;
}

/**
 * After everything else that was done to a cell: hosts that do not tell which objects there are go by what each tenant's
 * object lists, so whatever made one must have listed it. An embedded cell's files tell.
 */
export function listedObjects(lab: Lab): { check(): void } {
  return {
    check() {
      it("lists every session and task of a tenant in the tenant's own object, so that a move leaves none behind", async () => {
        const { home } = lab.cell;
        const known = new Map<string, ReadonlySet<string>>();
        const unlisted: string[] = [];
        let seen = 0;
        for (const of of ["session", "task"])
          for (const name of await objectNames(home, of, "")) {
            const [tenant = "", id = ""] = name.split(":");
            seen++;
            // A line that ended before it was admitted is told by its batch; nothing leads to what it was.
            const ofBatch = of === "task" && existsSync(objectPath(objectFolder(home, "batch"), tenant));
            if (!ofBatch && !listedIn(home, tenant, known).has(id)) unlisted.push(`${of} ${name}`);
          }
        expect(unlisted).toEqual([]);
        expect(seen).toBeGreaterThan(0);
      });
    },
  };
}
