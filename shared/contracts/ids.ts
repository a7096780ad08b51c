import { z } from "zod";

/** Ids are branded strings: a `TaskId` is never accepted where a `TenantId` is meant. */
declare const brand: unique symbol;
export type Branded<T, B extends string> = T & { readonly [brand]: B };

const id = <B extends string>(pattern: RegExp) =>
  z
    .string()
    .regex(pattern)
    .transform((text) => text as Branded<string, B>); // safe because: the pattern is the brand

/** Opaque tenant id; base62, so it can stand in an API key. It is also the name of the tenant's object. */
export const TenantId = id<"TenantId">(/^[0-9A-Za-z]{1,32}$/);
export type TenantId = z.infer<typeof TenantId>;
/** Names inside a tenant, chosen by its administrators: lower case, digits, dashes. */
const scopeName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
export const WorkspaceId = id<"WorkspaceId">(scopeName);
export type WorkspaceId = z.infer<typeof WorkspaceId>;
export const ProjectId = id<"ProjectId">(scopeName);
export type ProjectId = z.infer<typeof ProjectId>;
export const EnvironmentId = id<"EnvironmentId">(scopeName);
export type EnvironmentId = z.infer<typeof EnvironmentId>;

/** `<prefix>_` and 26 base62 characters: 48 bits of milliseconds, then 104 bits of randomness; sorts by time. */
const minted = <B extends string>(prefix: string) => id<B>(new RegExp(`^${prefix}_[0-9A-Za-z]{26}$`));
export const TaskId = minted<"TaskId">("task");
export type TaskId = z.infer<typeof TaskId>;
export const RequestId = minted<"RequestId">("req");
export type RequestId = z.infer<typeof RequestId>;
export const DecisionId = minted<"DecisionId">("dec");
export type DecisionId = z.infer<typeof DecisionId>;
export const ConversationId = minted<"ConversationId">("conv");
export type ConversationId = z.infer<typeof ConversationId>;
export const CredentialRef = minted<"CredentialRef">("cred");
export type CredentialRef = z.infer<typeof CredentialRef>;
export const BudgetId = minted<"BudgetId">("bud");
export type BudgetId = z.infer<typeof BudgetId>;
export const ApprovalId = minted<"ApprovalId">("apr");
export type ApprovalId = z.infer<typeof ApprovalId>;
export const BatchId = minted<"BatchId">("batch");
export type BatchId = z.infer<typeof BatchId>;
/** OpenAI's form: `file-` and 26 base62 characters that sort by time. */
export const FileId = id<"FileId">(/^file-[0-9A-Za-z]{26}$/);
export type FileId = z.infer<typeof FileId>;
/** `resp_<26 of the session>_<26 of the response>`: a response names the session object that holds it. */
export const ResponseId = id<"ResponseId">(/^resp_[0-9A-Za-z]{26}_[0-9A-Za-z]{26}$/);
export type ResponseId = z.infer<typeof ResponseId>;
/** Public part of an API key: 12 base62 characters. */
export const KeyId = id<"KeyId">(/^[0-9A-Za-z]{12}$/);
export type KeyId = z.infer<typeof KeyId>;
export const CellId = id<"CellId">(/^[a-z][a-z0-9]{0,15}$/);
export type CellId = z.infer<typeof CellId>;

/** Milliseconds since the epoch, UTC. */
export type UnixMs = Branded<number, "UnixMs">;
/** Integer nano-dollars, the authority for money; at most 9.0e15 (nine million dollars). */
export type NanoUsd = Branded<number, "NanoUsd">;

/** Prefixes that `Ids.mint` can make, with the branded id that comes out. */
export interface MintedIds {
  task: TaskId;
  req: RequestId;
  dec: DecisionId;
  conv: ConversationId;
  cred: CredentialRef;
  bud: BudgetId;
  apr: ApprovalId;
  batch: BatchId;
}
