import { expect, it } from "vitest";
import type { Candidate, ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { modelDigest } from "./model-digest.ts";

// safe because: the digest reads these members and no others
const candidate = (members: Partial<Candidate>) => ({ model: "small-1", ...members }) as Candidate;
const provider = (members: Partial<ProviderConfig>) =>
  ({ name: "pool", kind: "openai", base_url: "https://Engine.example.com/v1", ...members }) as ProviderConfig;

it("is the digest of what the specification names, so that anybody can make it from a configuration", () => {
  expect(modelDigest(candidate({}), provider({}))).toBe(
    sha256Hex('{"base_url_host":"engine.example.com","kind":"openai","model":"small-1","weights":null}'),
  );
});

it("differs for another host, kind, model or weights, and for nothing else, so that a swapped model is seen", () => {
  const base = modelDigest(candidate({}), provider({}));
  const others = [
    modelDigest(candidate({}), provider({ base_url: "https://other.example.com/v1" })),
    modelDigest(candidate({}), provider({ kind: "azure-openai" })),
    modelDigest(candidate({ model: "small-2" }), provider({})),
    modelDigest(candidate({ weights_digest: `sha256:${"0".repeat(64)}` }), provider({})),
    modelDigest(candidate({}), provider({ base_url: null })),
  ];
  expect(new Set([base, ...others]).size).toBe(6);
  expect(modelDigest(candidate({ weight: 7 }), provider({ name: "renamed" }))).toBe(base);
});
