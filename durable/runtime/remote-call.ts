import { ObjectOverloaded, ObjectUnavailable } from "./object-class.ts";

/** Awaits a call to a Durable Object and gives its failure a class again: RPC keeps only message and flags. */
export async function remoteCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (typeof cause === "object" && cause !== null && "overloaded" in cause && cause.overloaded === true) {
      throw new ObjectOverloaded("the object is overloaded", { cause });
    }
    throw new ObjectUnavailable("the object did not answer", { cause });
  }
}
