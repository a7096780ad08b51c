/** What the product uses of cryptography: each algorithm with the marks by which its use is found in the source. */
interface Algorithm {
  name: string;
  primitive: "ae" | "hash" | "mac" | "kdf" | "signature" | "key-agree";
  functions: readonly string[];
  parameter?: string;
  curve?: string;
  oid?: string;
  /** Bits against a classical computer, and NIST's category against a quantum computer (0: none). */
  classical: number;
  quantum: 0 | 1 | 2 | 3 | 5;
  marks: RegExp;
  why: string;
}

export const ALGORITHMS: readonly Algorithm[] = [
  {
    name: "AES-256-GCM",
    primitive: "ae",
    functions: ["encrypt", "decrypt"],
    parameter: "256",
    oid: "2.16.840.1.101.3.4.1.46",
    classical: 256,
    quantum: 5,
    marks: /"AES-GCM"/,
    why: "sealed bytes and wrapped keys",
  },
  {
    name: "SHA-256",
    primitive: "hash",
    functions: ["digest"],
    parameter: "256",
    oid: "2.16.840.1.101.3.4.2.1",
    classical: 128,
    quantum: 2,
    marks: /\bsha256\b|"SHA-256"/,
    why: "ledger trees, commitments, digests of content and code",
  },
  {
    name: "SHA-384",
    primitive: "hash",
    functions: ["digest"],
    parameter: "384",
    oid: "2.16.840.1.101.3.4.2.2",
    classical: 192,
    quantum: 3,
    marks: /\bsha384\b/,
    why: "offered to tenants' policies",
  },
  {
    name: "SHA-512",
    primitive: "hash",
    functions: ["digest"],
    parameter: "512",
    oid: "2.16.840.1.101.3.4.2.3",
    classical: 256,
    quantum: 5,
    marks: /\bsha512\b/,
    why: "offered to tenants' policies",
  },
  {
    name: "SHA-1",
    primitive: "hash",
    functions: ["digest"],
    parameter: "160",
    oid: "1.3.14.3.2.26",
    classical: 0,
    quantum: 0,
    marks: /\bsha1\b/,
    why: "a builtin of the policy language; protects nothing here",
  },
  {
    name: "MD5",
    primitive: "hash",
    functions: ["digest"],
    parameter: "128",
    oid: "1.2.840.113549.2.5",
    classical: 0,
    quantum: 0,
    marks: /\bmd5\b/,
    why: "a builtin of the policy language; protects nothing here",
  },
  {
    name: "HMAC-SHA-256",
    primitive: "mac",
    functions: ["tag", "verify"],
    parameter: "256",
    oid: "1.2.840.113549.2.9",
    classical: 256,
    quantum: 5,
    marks: /\bhmac(?:Sha256)?\(|\bhmac\b/,
    why: "API keys, workload tokens, statements of policy, bundle signatures",
  },
  {
    name: "HKDF-SHA-256",
    primitive: "kdf",
    functions: ["keyderive"],
    parameter: "256",
    classical: 256,
    quantum: 5,
    marks: /\bhkdf(?:Sha256)?\b/,
    why: "every key of a cell from its root secret",
  },
  {
    name: "Ed25519",
    primitive: "signature",
    functions: ["sign", "verify"],
    curve: "edwards25519",
    oid: "1.3.101.112",
    classical: 128,
    quantum: 0,
    marks: /\bed25519\b|"Ed25519"|"EdDSA"/,
    why: "checkpoints, evidence, exports, workload tokens, policy bundles, releases; the ledger's beside ML-DSA-65",
  },
  {
    name: "ML-DSA-65",
    primitive: "signature",
    functions: ["sign", "verify"],
    parameter: "65",
    oid: "2.16.840.1.101.3.4.3.18",
    classical: 192,
    quantum: 3,
    marks: /\bml_dsa65\b/,
    why: "archived checkpoints, evidence, exports, releases; beside Ed25519",
  },
  {
    name: "ECDSA",
    primitive: "signature",
    functions: ["sign", "verify"],
    curve: "P-256, P-384, P-521",
    classical: 128,
    quantum: 0,
    marks: /\bp(?:256|384|521)\b|"ES(?:256|384|512)"/,
    why: "tokens of registered issuers; offered to policies",
  },
  {
    name: "RSA",
    primitive: "signature",
    functions: ["verify"],
    classical: 112,
    quantum: 0,
    marks: /"RS256"|"PS256"/,
    why: "tokens of registered issuers",
  },
];

/** What a runtime brings, and the code does not name. */
const PROTOCOLS = [
  {
    name: "TLS",
    version: "1.3",
    why: "every connection; the embedded cell serves nothing older. The groups, X25519MLKEM768 first where the runtime has it, are the runtime's.",
  },
] as const;

export interface SourceFile {
  path: string;
  text: string;
}

/** A word in the source that is cryptography: none may be without its row. */
const CRYPTOGRAPHY =
  /from "@noble\/(?:curves|hashes|post-quantum)\/(?!utils)[^"]+"|\bsubtle\.(?:encrypt|decrypt|sign|verify|digest|deriveBits|generateKey)\(|\bcreate(?:Hash|Hmac|Sign|Verify|Cipheriv)\(/;

/** Files that use cryptography and that no row of the table finds: the inventory would be wrong about them. */
export const uncovered = (files: readonly SourceFile[]): string[] =>
  files
    .filter(({ text }) => CRYPTOGRAPHY.test(text) && !ALGORITHMS.some(({ marks }) => marks.test(text)))
    .map(({ path }) => path);

/** CycloneDX 1.6 of the algorithms in use, each with the files where it is. */
export function cbomOf(
  files: readonly SourceFile[],
  built: { serial: string; timestamp: string; version: string },
): object {
  const used = ALGORITHMS.map((algorithm) => ({
    algorithm,
    places: files.flatMap(({ path, text }) => {
      const line = text.split("\n").findIndex((each) => algorithm.marks.test(each)) + 1;
      return line > 0 ? [{ location: path, line }] : [];
    }),
  })).filter(({ places }) => places.length > 0);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${built.serial}`,
    version: 1,
    metadata: {
      timestamp: built.timestamp,
      component: { type: "application", "bom-ref": "pkg:project", name: "bailiwick", version: built.version },
    },
    components: [
      ...used.map(({ algorithm, places }) => ({
        type: "cryptographic-asset",
        "bom-ref": `crypto:${algorithm.name}`,
        name: algorithm.name,
        description: algorithm.why,
        cryptoProperties: {
          assetType: "algorithm",
          algorithmProperties: {
            primitive: algorithm.primitive,
            ...(algorithm.parameter && { parameterSetIdentifier: algorithm.parameter }),
            ...(algorithm.curve && { curve: algorithm.curve }),
            executionEnvironment: "software-plain-ram",
            certificationLevel: ["none"],
            cryptoFunctions: algorithm.functions,
            classicalSecurityLevel: algorithm.classical,
            nistQuantumSecurityLevel: algorithm.quantum,
          },
          ...(algorithm.oid && { oid: algorithm.oid }),
        },
        evidence: { occurrences: places },
      })),
      ...PROTOCOLS.map(({ name, version, why }) => ({
        type: "cryptographic-asset",
        "bom-ref": `crypto:${name}@${version}`,
        name,
        description: why,
        cryptoProperties: { assetType: "protocol", protocolProperties: { type: "tls", version } },
      })),
    ],
  };
}
