import {
  buildASTSchema,
  type DefinitionNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  validate,
  validateSchema,
} from "graphql";
import { validateSDL } from "graphql/validation/validate.js";
import { BuiltinFailure, builtinError } from "../failure.ts";
import { spend, spendText } from "../meter.ts";
import { OObject, type Value } from "../value.ts";
import { queryText, schemaDocumentText } from "./graphql-text.ts";
import { queryTree, schemaTree } from "./graphql-tree.ts";
import { any, builtin, type Family, string, wrongOperand } from "./operands.ts";

const EMPTY: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] };
const TOKENS_MAX = 20_000;

function parsed(text: string): DocumentNode {
  spendText(text.length);
  spend(text.length);
  // A text of nothing but spaces and comments is a document without definitions.
  if (/^(?:[\s,\ufeff]|#[^\n\r]*)*$/.test(text)) return EMPTY;
  try {
    return parse(text, { noLocation: true, maxTokens: TOKENS_MAX, allowLegacyFragmentVariables: true });
  } catch (error) {
    if (error instanceof GraphQLError) throw builtinError(error.message);
    throw error;
  }
}

const isExecutable = (definition: DefinitionNode): boolean =>
  definition.kind === "OperationDefinition" || definition.kind === "FragmentDefinition";

function document(text: string, executable: boolean): DocumentNode {
  const found = parsed(text);
  if (found.definitions.some((definition) => isExecutable(definition) !== executable))
    throw builtinError("unexpected definition in GraphQL text");
  return found;
}

const queryOf = (value: Value): DocumentNode =>
  document(typeof value === "string" ? value : value instanceof OObject ? queryText(value) : wrong(value), true);
const schemaOf = (value: Value): DocumentNode =>
  document(
    typeof value === "string" ? value : value instanceof OObject ? schemaDocumentText(value) : wrong(value),
    false,
  );

function wrong(value: Value): never {
  throw wrongOperand(0, value, "string", "object");
}

/** An extension of a type that is nowhere defined counts as its definition. */
function completed(source: DocumentNode): DocumentNode {
  const defined = new Set<string>();
  for (const definition of source.definitions)
    if (/TypeDefinition$/.test(definition.kind) && "name" in definition) defined.add(definition.name?.value ?? "");
  const definitions = source.definitions.map((definition): DefinitionNode => {
    if (
      !/TypeExtension$/.test(definition.kind) ||
      !("name" in definition) ||
      definition.name === undefined ||
      defined.has(definition.name.value)
    )
      return definition;
    defined.add(definition.name.value);
    // safe because: an extension node has the members of the definition node of the same type, whose description is optional
    return { ...definition, kind: definition.kind.replace("Extension", "Definition") } as DefinitionNode;
  });
  return { ...source, definitions };
}

/** The schema, checked but for a root type for queries, which OPA does not ask for. Throws where it is not valid. */
function checkedSchema(source: DocumentNode): GraphQLSchema {
  spend(source.definitions.length * 64);
  const whole = completed(source);
  const [broken] = validateSDL(whole);
  if (broken !== undefined) throw builtinError(broken.message);
  const schema = buildASTSchema(whole, { assumeValid: false, assumeValidSDL: true });
  const [invalid] = validateSchema(schema).filter(({ message }) => message !== "Query root type must be provided.");
  if (invalid !== undefined) throw builtinError(invalid.message);
  return buildASTSchema(whole, { assumeValid: true, assumeValidSDL: true });
}

function verified(args: readonly Value[]): [OObject, OObject] {
  const query = queryOf(any(args, 0));
  const source = schemaOf(any(args, 1));
  const schema = checkedSchema(source);
  spend(query.definitions.length * 64);
  const [mistake] = validate(schema, query, undefined, { maxErrors: 1 });
  if (mistake !== undefined) throw builtinError(mistake.message);
  return [queryTree(query), schemaTree(source)];
}

/** The answer, or `otherwise` where the builtin fails: these builtins report a verdict, not an error. */
function orElse<T>(otherwise: T, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof BuiltinFailure) return otherwise;
    throw error;
  }
}

export const GRAPHQL: Family = {
  "graphql.parse": builtin(2, verified),
  "graphql.parse_query": builtin(1, (args) => queryTree(document(string(args, 0), true))),
  "graphql.parse_schema": builtin(1, (args) => schemaTree(document(string(args, 0), false))),
  "graphql.parse_and_verify": builtin(2, (args) =>
    orElse<Value[]>([false, new OObject(), new OObject()], () => [true, ...verified(args)]),
  ),
  "graphql.is_valid": builtin(2, (args) => orElse(false, () => verified(args).length > 0)),
  "graphql.schema_is_valid": builtin(1, (args) =>
    orElse(false, () => checkedSchema(schemaOf(any(args, 0))) !== undefined),
  ),
};
