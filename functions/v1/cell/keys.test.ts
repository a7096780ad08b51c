import { expect, it } from "vitest";
import { exampleOf } from "../../../shared/contracts/http/fields.ts";
import { SigningKeysDocument } from "../../../shared/contracts/http/signing-keys.ts";
import { type Signer, SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import type { Call, Deps } from "../../context.ts";
import { signingKeys } from "./keys.ts";

// safe because: the operation reads these members alone
const ask = async (signer: Partial<Signer> | null) =>
  signingKeys.execute({ signer, cell: { id: "local" }, ledgerOrigin: "bailiwick.example.com" } as Deps, {} as Call);

it("is a 503 while there are no keys, so that nobody takes an empty list for a cell that signs nothing", async () => {
  const lost = async () => Promise.reject(new SignerUnavailable("no answer"));
  for (const signer of [null, { keys: lost }])
    await expect(ask(signer)).rejects.toMatchObject({ slug: "evidence-unavailable" });
});

it("does not take a defect of the signer for its absence", async () => {
  const broken = async () => Promise.reject(new TypeError("a bug"));
  await expect(ask({ keys: broken })).rejects.toThrow(TypeError);
});

it("documents itself with an example that a verifier could use", () => {
  expect(SigningKeysDocument.parse(exampleOf(SigningKeysDocument))).toMatchObject({ keys: [{ alg: "Ed25519" }] });
});
