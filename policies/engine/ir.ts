/** OPA's intermediate representation as published in its `plan.schema.json`: what `opa build -t plan` writes. */
export type Operand =
  | { kind: "local"; local: number }
  | { kind: "string"; index: number }
  | { kind: "bool"; value: boolean };

export interface Block {
  statements: Statement[];
}

/** A statement of one of several types with the same members. */
type Stmt<T extends string, M> = T extends string ? { type: T } & M : never;

export type Statement =
  | Stmt<"ReturnLocalStmt" | "IsDefinedStmt" | "IsUndefinedStmt" | "ResultSetAddStmt", { source: number }>
  | Stmt<"CallStmt", { func: string; args: Operand[]; result: number }>
  | Stmt<"CallDynamicStmt", { path: Operand[]; args: number[]; result: number }>
  | Stmt<"BlockStmt", { blocks: Block[] }>
  | Stmt<"BreakStmt", { index: number }>
  | Stmt<"DotStmt", { source: Operand; key: Operand; target: number }>
  | Stmt<"LenStmt" | "AssignVarStmt" | "AssignVarOnceStmt", { source: Operand; target: number }>
  | Stmt<"ScanStmt", { source: number; key: number; value: number; block: Block }>
  | Stmt<"NotStmt", { block: Block }>
  | Stmt<"AssignIntStmt" | "MakeNumberIntStmt", { value: number; target: number }>
  | Stmt<"ResetLocalStmt" | "MakeNullStmt" | "MakeArrayStmt" | "MakeObjectStmt" | "MakeSetStmt", { target: number }>
  | Stmt<"MakeNumberRefStmt", { index: number; target: number }>
  | Stmt<"EqualStmt" | "NotEqualStmt", { a: Operand; b: Operand }>
  | Stmt<"IsArrayStmt" | "IsObjectStmt" | "IsSetStmt", { source: Operand }>
  | Stmt<"ArrayAppendStmt" | "SetAddStmt", { value: Operand; collection: number }>
  | Stmt<"ObjectInsertStmt" | "ObjectInsertOnceStmt", { key: Operand; value: Operand; object: number }>
  | Stmt<"ObjectMergeStmt", { a: number; b: number; target: number }>
  | Stmt<"WithStmt", { local: number; path: number[]; value: Operand; block: Block }>
  | Stmt<"NopStmt", unknown>;

export interface Func {
  name: string;
  params: number[];
  return: number;
  blocks: Block[];
  path: string[] | undefined;
}

export interface Policy {
  strings: string[];
  builtins: string[];
  plans: { name: string; blocks: Block[] }[];
  funcs: Func[];
}

/** Locals 0 and 1 hold input and data wherever a plan starts. */
export const INPUT = 0;
export const DATA = 1;
