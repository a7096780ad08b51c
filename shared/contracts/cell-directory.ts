import { z } from "zod";
import { CellId } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/** Placement constraints of the platform; never an authorisation claim. */
export const JURISDICTIONS = ["local", "eu", "us", "fedramp", "fedramp-high"] as const;
export type CellJurisdiction = (typeof JURISDICTIONS)[number];

/** DSSE payload type of a signed directory. */
export const DIRECTORY_TYPE = "application/vnd.bailiwick.cell-directory.v1+json";

/** Host names as browsers send them: lower case, with a port where it is not the scheme's own. */
const HostName = z
  .string()
  .max(260)
  .regex(/^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/, "a lower-case host name");
/** SHA-256 in base64url: tells whoever knows a tenant's id that it is meant, and nobody else who the tenants are. */
export const TenantDigest = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** Of a forwarding key: tells which one was used, not what it is. */
export const ForwardingKeyId = z.string().regex(/^[0-9a-f]{16}$/);

/** What the world may know of a cell. `base_url`: without `/v1`. */
export const CellEntry = z.strictObject({
  id: CellId,
  jurisdiction: z.enum(JURISDICTIONS),
  base_url: z
    .url({ protocol: /^https?$/ })
    .max(512)
    .regex(/[^/]$/, "without a slash at its end"),
  /** Host names of the global entry that stand for this cell alone. */
  hosts: z.array(HostName).max(LIMITS.directoryHostsMax),
  /** What the cell accepts forwarded calls under, newest first; none: it accepts none. */
  forwarding_keys: z.array(ForwardingKeyId).max(LIMITS.forwardingKeysMax),
});
export type CellEntry = z.infer<typeof CellEntry>;

const Time = z.iso.datetime().transform((text) => Date.parse(text));
const Transit = z.enum(["refused", "allowed"]);

/** Where calls belong: routing metadata and nothing else. Signed by whoever runs the deployment, not by a cell. */
export const CellDirectory = z
  .strictObject({
    schema_version: z.literal(1),
    /** Rises with every change; an older one than was seen is refused. */
    version: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
    issued: Time,
    expires: Time,
    /** Of the digests; new with each version, so that two versions cannot be compared tenant by tenant. */
    salt: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
    cells: z.array(CellEntry).min(1).max(LIMITS.directoryCellsMax),
    /** Tenants that left the cell which their keys name. */
    moved: z.array(z.strictObject({ tenant: TenantDigest, cell: CellId })).max(LIMITS.directoryTenantsMax),
    /** Whose access tokens belong where. */
    issuers: z
      .array(z.strictObject({ iss: z.string().max(1_024), aud: z.string().max(512), cell: CellId, transit: Transit }))
      .max(LIMITS.directoryIssuersMax),
    /** Tenants whose calls may be decrypted outside their cell, at the global entry. */
    transit: z.array(TenantDigest).max(LIMITS.directoryTenantsMax),
  })
  .check((context) => {
    const { cells, moved, issuers, issued, expires } = context.value;
    const refuse = (message: string) => void context.issues.push({ code: "custom", message, input: null });
    const ids = new Set(cells.map(({ id }) => id));
    if (ids.size < cells.length) refuse("a cell stands there twice");
    const hosts = cells.flatMap((cell) => cell.hosts);
    if (new Set(hosts).size < hosts.length) refuse("two cells have one host name");
    for (const { cell } of [...moved, ...issuers]) if (!ids.has(cell)) refuse(`there is no cell ${cell}`);
    const pairs = issuers.map(({ iss, aud }) => `${iss} ${aud}`);
    if (new Set(pairs).size < pairs.length) refuse("an issuer's audience stands there twice");
    if (expires <= issued) refuse("it expires before it is issued");
    if (expires - issued > LIMITS.directoryLifeMsMax) refuse("it lives for too long");
  });
export type CellDirectory = z.infer<typeof CellDirectory>;
