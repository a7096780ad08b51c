import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Asked } from "./candidates.ts";
import { candidatesFor } from "./candidates.ts";
import { offersFor } from "./known-offers.ts";
import { alias, asked as askedFor, candidate, provider, snapshotOf } from "./routing.fixture.ts";

const made = () =>
  snapshotOf({
    providers: [provider("a"), provider("own", { locality: "local" })],
    candidates: [
      candidate("a:large"),
      candidate("own:small", { tools: false, vision: false, structured_output: false }),
      candidate("a:vectors", { surfaces: ["openai.embeddings"] }),
    ],
    aliases: [alias("m", ["a:large", "own:small", "a:vectors"])],
    policies: { local_only_classifications: ["confidential"] },
  });

describe("what is offered for a question that was asked before", () => {
  const snapshot = made();
  const tenant = "t";
  const asked = askedFor({ model: "m" });
  const variants: Partial<Asked>[] = [
    {},
    { model: null },
    { privacy: "local-only" },
    { privacy: "hybrid" },
    { surface: "openai.embeddings" },
    { classification: "confidential" },
    { features: { tools: true, images: false, structured_output: false } },
    { features: { tools: false, images: true, structured_output: false } },
    { features: { tools: false, images: false, structured_output: true } },
    { model: "nothing" },
    { intent: "nothing" },
    { tenantCredentials: new Set(["a"]) },
    { pin: { privacy: null, providers: ["none"], jurisdictions: null } },
  ];

  it("is what would be found anew, whatever differs in the question, so that no call gets another call's candidates", () => {
    for (let round = 0; round < 2; round++)
      for (const variant of variants) {
        const question: Asked = { ...asked, ...variant };
        const anew = candidatesFor(snapshot, snapshot.tenants[tenant] ?? null, question);
        const found = offersFor(snapshot, tenant, question);
        expect(found.ok ? found.value.offered : found.error).toEqual(anew.ok ? anew.value : anew.error);
      }
    const [first, again] = [offersFor(snapshot, tenant, asked), offersFor(snapshot, tenant, { ...asked })];
    expect(first.ok && again.ok && first.value === again.value).toBe(true);
  });

  it("is told apart by every text in it, whatever that text holds, so that nobody's label reaches another question's answer", () => {
    const name = "1  m";
    const odd = snapshotOf({
      providers: [provider("a"), provider("own", { locality: "local" })],
      candidates: [candidate("a:large"), candidate("own:small")],
      aliases: [alias("m", ["a:large"]), alias(name, ["own:small", "a:large"])],
      policies: { local_only_classifications: ["confidential"] },
    });
    const labelled = (classification: string, model: string) => ({ ...asked, classification, model });
    const label = `confidential ${name.length} `;
    const questions = [labelled(label, "m"), labelled("confidential", name)];
    for (const question of questions) {
      const anew = candidatesFor(odd, null, question);
      const found = offersFor(odd, tenant, question);
      expect(found.ok ? found.value.offered : found.error).toEqual(anew.ok ? anew.value : anew.error);
    }
  });

  it("is another one of another snapshot or tenant, so that a change of the configuration holds at once", () => {
    const here = offersFor(snapshot, tenant, asked);
    for (const other of [offersFor(made(), tenant, asked), offersFor(snapshot, "u", asked)])
      expect(here.ok && other.ok && here.value !== other.value).toBe(true);
  });

  it("is kept for a bounded number of questions, so that many tenants fill no memory", () => {
    const first = offersFor(snapshot, "first", asked);
    for (let at = 0; at < LIMITS.policyOutcomesKeptMax; at++) offersFor(snapshot, `t${at}`, asked);
    const again = offersFor(snapshot, "first", asked);
    expect(first.ok && again.ok && first.value !== again.value).toBe(true);
  });
});
