/** What the shells use of the Durable Object platform, written down structurally so that its types stay out of the rest. */

export interface DurableCursor {
  toArray(): Record<string, ArrayBuffer | string | number | null>[];
}

export interface DurableStorage {
  readonly sql: { exec(text: string, ...params: (Uint8Array | string | number | null)[]): DurableCursor };
  /** Only a throw rolls back. Nests. */
  transactionSync<T>(body: () => T): T;
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
  /** Takes effect before it resolves; answers wait for it. */
  deleteAll(): Promise<void>;
}

export interface DurableState {
  readonly storage: DurableStorage;
  readonly id: { readonly name?: string };
  waitUntil(work: Promise<unknown>): void;
  blockConcurrencyWhile<T>(body: () => Promise<T>): Promise<T>;
}

/** Methods of an object as a caller sees them over RPC: every answer is a promise. */
export type Stub<T> = {
  [M in keyof T as T[M] extends (...args: never[]) => unknown ? M : never]: T[M] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

export interface DurableNamespace<T> {
  getByName(name: string): Stub<T>;
}
