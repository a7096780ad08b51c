import { beforeAll, describe, expect, it } from "vitest";
import type { Lab } from "../../support/lab.ts";
import { controlDbUp, fill, missingFor, OPERATION_ROWS } from "../../support/operation-rows.ts";

interface DocumentedOperation {
  operationId: string;
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, unknown>;
}
type Document = { paths: Record<string, Record<string, DocumentedOperation>> };

/** Sends every example of the document that the cell serves: what a reader copies works. */
export function examplesSuite(lab: Lab): void {
  describe("the examples of /openapi.json", () => {
    let document: Document;
    beforeAll(async () => {
      document = await lab.json("/openapi.json");
      await controlDbUp(lab);
    });

    it.for(Object.keys(OPERATION_ROWS))("of %s are accepted", async (id, { skip }) => {
      const row = OPERATION_ROWS[id] ?? {};
      const missing = missingFor(row, lab);
      if (missing) skip(missing);
      if (row.socket) skip("a WebSocket: the suite of sockets opens it");
      if (row.elsewhere) skip(row.elsewhere);
      if (row.byWorker) skip("it takes a worker's credential: the suite of the queue lane tries it");
      for (const [path, methods] of Object.entries(document.paths))
        for (const [method, operation] of Object.entries(methods)) {
          // Aliases are documented as operations of their own: `<id>.alias1`.
          if (operation.operationId !== id && !operation.operationId.startsWith(`${id}.alias`)) continue;
          const example = operation.requestBody?.content["application/json"]?.example;
          if (operation.requestBody && example === undefined && row.bytes === undefined)
            expect.fail(`${operation.operationId} has no example`);
          const tenant = row.configured ? await lab.configuredTenant(row.configured) : await lab.newTenant();
          const place = { lab, tenant };
          await row.before?.(place);
          // An alias's path names the model of its own example.
          const { model = "small" } = (example ?? {}) as { model?: string }; // safe because: examples of bodies are objects
          const values: Record<string, string> = { deployment: model, ...row.alias, ...(await row.path?.(place)) };
          const known = await row.knows?.(place, values);
          const response = await lab.ask(fill(path, values), {
            key: row.byCellOperator ? lab.cell.adminKey : place.tenant.adminKey,
            method: method.toUpperCase(),
            ...(example === undefined ? {} : { body: { ...(example as object), ...known } }), // safe because: examples of bodies are objects
            ...(row.bytes && { body: await row.bytes.make(place), headers: { "content-type": row.bytes.media } }),
          });
          const text = await response.text();
          expect(`${response.status} ${response.ok ? "" : text}`).toMatch(/^20[012] /);
          expect(Object.keys(operation.responses)).toContain(String(response.status));
        }
    });
  });
}
