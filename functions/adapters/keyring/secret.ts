import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import { decodeBase64url, encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { hkdfSha256 } from "../../../shared/crypto/hkdf.ts";
import { statementKey } from "../../../shared/crypto/policy-statement.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";

/** `0x01 ‖ key id8 ‖ nonce12 ‖ AES-256-GCM(data key32) ‖ tag16`, with version, key id and tenant as additional data. */
const WRAPPED = { version: 1, idBytes: 8, nonceBytes: 12, bytes: 1 + 8 + 12 + 32 + 16 } as const;
const ROOT_BYTES_MIN = 32;

/** The wrapped key is not of this keyring, this tenant or this version, or was altered. */
export class KeyNotOpened extends Error {
  override readonly name = "KeyNotOpened";
}

interface Root {
  id: Uint8Array;
  mac: Uint8Array;
  statement: Uint8Array;
  workload: Uint8Array;
  callback: Uint8Array;
  wrap: CryptoKey;
}

async function derive(secret: Uint8Array): Promise<Root> {
  if (secret.length < ROOT_BYTES_MIN)
    throw new RangeError(`keyring: a root secret has at least ${ROOT_BYTES_MIN} bytes`);
  const part = (purpose: string, bytes: number) =>
    hkdfSha256(secret, undefined, `bailiwick/keyring/v1/${purpose}`, bytes);
  const wrap = await crypto.subtle.importKey("raw", part("wrap", 32).slice(), "AES-GCM", false, ["encrypt", "decrypt"]);
  return {
    ...{ id: part("id", WRAPPED.idBytes), mac: part("api-key-mac", 32), statement: statementKey(secret), wrap },
    workload: part("workload", 32),
    callback: part("callback", 32),
  };
}

const additionalData = (id: Uint8Array, tenant: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([WRAPPED.version, ...id, ...utf8(tenant)]);

/**
 * Keys from root secrets that the composition root was given, newest first: the first mints and wraps, all verify and
 * open, so a root is retired by leaving it out once nothing is under it. Key material stays in WebCrypto and closures.
 * Opened data keys are cached at most 60 s.
 */
export async function secretKeyring(roots: readonly Uint8Array[], clock: Clock): Promise<Keyring> {
  const derived = await Promise.all(roots.map(derive));
  const [newest] = derived;
  if (newest === undefined) throw new RangeError("keyring: at least one root secret");
  const macKeys = derived.map(({ mac }) => mac);
  const statementKeys = derived.map(({ statement }) => statement);
  const workloadKeys = derived.map(({ workload }) => workload);
  const callbackKeys = derived.map(({ callback }) => callback);
  const byId = new Map(derived.map((root) => [encodeHex(root.id), root]));
  const opened = new Map<string, { key: Uint8Array<ArrayBuffer>; atMs: number }>();

  async function unwrap(tenant: string, wrapped: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = decodeBase64url(wrapped);
    if (bytes?.length !== WRAPPED.bytes || bytes[0] !== WRAPPED.version)
      throw new KeyNotOpened("not a wrapped data key");
    const id = bytes.slice(1, 1 + WRAPPED.idBytes);
    const root = byId.get(encodeHex(id));
    if (root === undefined) throw new KeyNotOpened("wrapped under a root that this keyring does not have");
    const iv = bytes.slice(1 + WRAPPED.idBytes, 1 + WRAPPED.idBytes + WRAPPED.nonceBytes);
    const algorithm = { name: "AES-GCM", iv, additionalData: additionalData(id, tenant) };
    const body = bytes.slice(1 + WRAPPED.idBytes + WRAPPED.nonceBytes);
    try {
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, root.wrap, body));
    } catch (cause) {
      throw new KeyNotOpened("not wrapped for this tenant, or altered", { cause });
    }
  }

  async function wrap(root: Root, tenant: string, key: Uint8Array<ArrayBuffer>): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(WRAPPED.nonceBytes));
    const algorithm = { name: "AES-GCM", iv, additionalData: additionalData(root.id, tenant) };
    const body = new Uint8Array(await crypto.subtle.encrypt(algorithm, root.wrap, key));
    return encodeBase64url(Uint8Array.from([WRAPPED.version, ...root.id, ...iv, ...body]));
  }

  return {
    macKeys: () => macKeys,
    statementKeys: () => statementKeys,
    workloadKeys: () => workloadKeys,
    callbackKeys: () => callbackKeys,
    createDataKey: (tenant) => wrap(newest, tenant, crypto.getRandomValues(new Uint8Array(32))),
    async wrapDataKey(tenant, key) {
      if (key.length !== 32) throw new RangeError("keyring: a data key is 32 bytes");
      return wrap(newest, tenant, key.slice());
    },
    async openDataKey(tenant, wrapped) {
      const name = `${tenant} ${wrapped}`;
      const now = clock.now();
      const cached = opened.get(name);
      if (cached !== undefined && now >= cached.atMs && now - cached.atMs < LIMITS.dataKeyCacheMsMax)
        return cached.key.slice();
      const key = await unwrap(tenant, wrapped);
      opened.delete(name);
      if (opened.size >= LIMITS.dataKeysCachedMax) {
        const oldest = opened.keys().next();
        if (!oldest.done) opened.delete(oldest.value);
      }
      opened.set(name, { key, atMs: now });
      return key.slice();
    },
  };
}
