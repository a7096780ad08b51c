import { type Defect, moving, one } from "./defect.ts";

/** While a tenant moves, or once it has. */
export const OF_MOVES: readonly Defect[] = [
  moving(
    one(
      "activated-unverified",
      "A tenant is live in its new home before all of it was written and compared.",
      "durable/tenant/core/arrive.ts",
      [
        'if (move.phase !== "arrived" || move.id !== receipt.move || move.manifest !== receipt.manifest)',
        "if (move.id !== receipt.move || move.manifest !== receipt.manifest)",
      ],
    ),
  ),
  moving(
    one(
      "other-archive-activated",
      "A tenant is live in its new home by any archive of it that is whole there.",
      "durable/tenant/core/arrive.ts",
      [
        'if (move.phase !== "arrived" || move.id !== receipt.move || move.manifest !== receipt.manifest)',
        'if (move.phase !== "arrived")',
      ],
    ),
  ),
  moving(
    one(
      "directory-unasked",
      "A tenant is given up to whoever has its archive, whatever the directory says.",
      "functions/cells/moving/tenant-moves.ts",
      ["return namesHome(view, tenant, from, to)\n", "return view.cells.has(to)\n"],
    ),
  ),
  moving(
    one(
      "receipt-before-left",
      "A receipt is given out for a tenant that is still frozen where it was.",
      "durable/tenant/core/move.ts",
      ['      writeMove(sql, { ...move, phase: "left" });\n', ""],
    ),
  ),
  moving(
    one("revoked-key-returns", "A key that was revoked works again in the new home.", "durable/tenant/core/arrive.ts", [
      'if (table === "api_key") return { ...row, cell_operator: 0 };',
      'if (table === "api_key") return { ...row, cell_operator: 0, revoked_ms: null };',
    ]),
  ),
  moving(
    one(
      "entries-left-behind",
      "Entries of the ledger that are archived are not written in the new home.",
      "durable/tenant/core/arrive.ts",
      [
        "if (MOVE_TABLES.includes(table)) return null;",
        'if (MOVE_TABLES.includes(table) || (table === "ledger" && Number(row.seq) % 9 === 4)) return null;',
      ],
    ),
  ),
  moving(
    one(
      "feed-goes-on",
      "The read models of the new home are told of what happens from then on alone.",
      "durable/tenant/core/arrive.ts",
      ["data_key: dataKey, feed_seq: 0, feed_failures", "data_key: dataKey, feed_failures"],
    ),
  ),
  moving(
    one(
      "first-names-alone",
      "Of a tenant's conversations and tasks those of one page of names are copied.",
      "functions/cells/moving/make-part.ts",
      [
        "if (this.#names.length === 0) {\n      this.#steps++;\n      this.#names",
        "if (after === null) {\n      this.#steps++;\n      this.#names",
      ],
    ),
  ),
  moving(
    one(
      "acts-elsewhere",
      "A cell goes on with callbacks, approved runs and tasks of a tenant that lives elsewhere.",
      "functions/v1/unattended/acts-here.ts",
      ['move === undefined || move.phase === "leaving"', 'move === undefined || move.phase !== "none"'],
    ),
  ),
];
