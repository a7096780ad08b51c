import { beforeAll, expect, it } from "vitest";
import { type Lab, user } from "../../support/lab.ts";

/**
 * One stream from a silent engine, opened before all other tests of a cell and read after them: it has to be silent for
 * longer than the keep-alive interval, which nobody should wait for.
 */
export function keepAlive(lab: Lab): { check(): void } {
  let text: Promise<string> | undefined;
  beforeAll(async () => {
    const { apiKey } = await lab.newTenant();
    text = lab
      .ask("/v1/chat/completions", { key: apiKey, body: { model: "late", messages: [user("x")], stream: true } })
      .then((response) => response.text());
    // A failure is the check's to report.
    text.catch(() => {});
  });
  return {
    check() {
      it("keeps a silent stream alive with comments that every SDK skips", async () => {
        const stream = await text;
        expect(stream).toContain(": keep-alive\n\n");
        expect(stream?.replaceAll(": keep-alive\n\n", "")).toMatch(/^data: \{[\s\S]*data: \[DONE\]\n\n$/);
      });
    },
  };
}
