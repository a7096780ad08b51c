import { connectPorts } from "../../durable/remote/connect-ports.ts";
import { httpTransport, SendRefused } from "../../durable/remote/http-client.ts";
import { PROTOCOL, VersionRefused } from "../../durable/remote/http-protocol.ts";
import type { CellFacts, RemotePorts } from "../../durable/remote/remote-ports.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { edgeTokens, objectsUri } from "../../shared/crypto/edge-token.ts";
import { hostExchange } from "../adapters/egress/host-exchange.ts";
import { networkFailure } from "../engines/upstream/failure.ts";

/** The objects cannot be used by this edge; the message is one line for the operator. */
export class ObjectsUnusable extends Error {
  override readonly name = "ObjectsUnusable";
}

export interface ObjectsAt {
  url: string;
  cell: string;
  jurisdiction: string;
  /** This edge's Ed25519 seed, and what logs call it. */
  seed: Uint8Array;
  edge: string;
  /** The newest version of the protocol that it speaks; the product's own where nothing is said. */
  versionMax?: number;
}

const patience = {
  nowMs: () => performance.now(),
  pause: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

/**
 * The ports of a cell whose objects are another process's. Waits for objects that are not there yet. Throws
 * `ObjectsUnusable` when they stay away, are another cell's, lie elsewhere, or have no version in common with this edge.
 */
export async function connectObjects(at: ObjectsAt, clock: Clock): Promise<{ ports: RemotePorts; facts: CellFacts }> {
  const signing = edgeTokens(at.seed, at.edge, objectsUri(at.cell));
  let held: { token: Promise<string>; until: number } | null = null;
  const transport = httpTransport({
    url: at.url,
    exchange: hostExchange(),
    token(fresh) {
      const now = clock.now();
      if (held === null || fresh || now >= held.until || now < held.until - LIMITS.edgeTokenMs)
        held = {
          token: signing.sign({ now, expires: now + LIMITS.edgeTokenMs }),
          until: now + LIMITS.edgeTokenMs / 2,
        };
      return held.token;
    },
    neverSent: (cause) => networkFailure(cause).reason === "unreachable",
    versions: { ...PROTOCOL, max: Math.min(PROTOCOL.max, at.versionMax ?? PROTOCOL.max) },
  });
  const unknown = { technology: "file-system", jurisdiction: "", worm: "not WORM" } as const;
  const asking = connectPorts(
    transport,
    { ...patience, waitMsMax: LIMITS.remoteStartMsMax, hopeless },
    { archive: unknown, queue: { technology: "sqlite", jurisdiction: "" } },
  );
  const facts = await asking.host.facts().catch((cause: unknown) => {
    throw new ObjectsUnusable(`the objects at ${at.url} cannot be used: ${firstCause(cause)}`, { cause });
  });
  if (facts.cell !== at.cell || facts.jurisdiction !== at.jurisdiction)
    throw new ObjectsUnusable(
      `the objects at ${at.url} are those of ${facts.cell} (${facts.jurisdiction}), this edge is of ${at.cell} (${at.jurisdiction})`,
    );
  return { ports: connectPorts(transport, patience, facts), facts };
}

/** Deno (rustls) and Node (OpenSSL) name it in their own words. */
const CERTIFICATE = /certificate|self[- ]signed|UnknownIssuer|NotValidForName|unable to verify|altnames/i;

/** Objects that are not there yet are waited for, not ones that this edge will never trust, or that do not know its key. */
function hopeless(cause: unknown): boolean {
  for (let at = cause; at instanceof Error; at = at.cause)
    if ((at instanceof SendRefused && at.reason === "unauthenticated") || CERTIFICATE.test(at.message)) return true;
  return false;
}

/** The innermost reason, which is what an operator can act on. */
function firstCause(cause: unknown): string {
  let at = cause;
  while (at instanceof Error && at.cause !== undefined && !(at instanceof VersionRefused)) at = at.cause;
  return at instanceof Error ? at.message : String(at);
}
