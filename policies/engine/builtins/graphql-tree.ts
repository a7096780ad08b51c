import type {
  ArgumentNode,
  ConstArgumentNode,
  ConstDirectiveNode,
  DefinitionNode,
  DirectiveNode,
  DocumentNode,
  FieldDefinitionNode,
  InputValueDefinitionNode,
  OperationTypeDefinitionNode,
  SelectionSetNode,
  TypeNode,
  ValueNode,
  VariableDefinitionNode,
} from "graphql";
import { spend } from "../meter.ts";
import { OObject, type Value } from "../value.ts";

/** OPA shows GraphQL trees with the member names of its parser; what is null or empty is left out. */
type Members = Record<string, Value | undefined>;

function tree(members: Members): OObject {
  spend(2);
  const result = new OObject();
  for (const [name, value] of Object.entries(members)) {
    if (value === undefined || value === null) continue;
    if ((Array.isArray(value) && value.length === 0) || (value instanceof OObject && value.size === 0)) continue;
    result.set(name, value);
  }
  return result;
}

const typeTree = (type: TypeNode, nonNull = false): OObject => {
  switch (type.kind) {
    case "NonNullType":
      return typeTree(type.type, true);
    case "ListType":
      // A list has the empty name of no type.
      return tree({ NamedType: "", Elem: typeTree(type.type), NonNull: nonNull });
    default:
      return tree({ NamedType: type.name.value, NonNull: nonNull });
  }
};

const VALUE_KINDS = [
  "Variable",
  "IntValue",
  "FloatValue",
  "StringValue",
  "BlockValue",
  "BooleanValue",
  "NullValue",
  "EnumValue",
  "ListValue",
  "ObjectValue",
];
const kindOf = (name: string): number => VALUE_KINDS.indexOf(name);

function valueTree(value: ValueNode): OObject {
  const shared = { ExpectedTypeHasDefault: false };
  switch (value.kind) {
    case "Variable":
      return tree({ ...shared, Raw: value.name.value, Kind: kindOf("Variable") });
    case "ListValue":
      return tree({
        ...shared,
        Raw: "",
        Kind: kindOf("ListValue"),
        Children: value.values.map((child) => tree({ Name: "", Value: valueTree(child) })),
      });
    case "ObjectValue":
      return tree({
        ...shared,
        Raw: "",
        Kind: kindOf("ObjectValue"),
        Children: value.fields.map((field) => tree({ Name: field.name.value, Value: valueTree(field.value) })),
      });
    case "StringValue":
      return tree({ ...shared, Raw: value.value, Kind: kindOf(value.block === true ? "BlockValue" : "StringValue") });
    case "NullValue":
      return tree({ ...shared, Raw: "null", Kind: kindOf("NullValue") });
    default:
      return tree({ ...shared, Raw: String(value.value), Kind: kindOf(value.kind) });
  }
}

const argumentTrees = (args: readonly (ArgumentNode | ConstArgumentNode)[] | undefined): Value[] =>
  (args ?? []).map((argument) => tree({ Name: argument.name.value, Value: valueTree(argument.value) }));

const directiveTrees = (directives: readonly (DirectiveNode | ConstDirectiveNode)[] | undefined): Value[] =>
  (directives ?? []).map((directive) =>
    tree({ Name: directive.name.value, Arguments: argumentTrees(directive.arguments), Location: "" }),
  );

const variableTrees = (variables: readonly VariableDefinitionNode[] | undefined): Value[] =>
  (variables ?? []).map((variable) =>
    tree({
      Variable: variable.variable.name.value,
      Type: typeTree(variable.type),
      DefaultValue: variable.defaultValue === undefined ? undefined : valueTree(variable.defaultValue),
      Directives: directiveTrees(variable.directives),
      Used: false,
    }),
  );

function selectionTrees(set: SelectionSetNode | undefined): Value[] {
  return (set?.selections ?? []).map((selection): Value => {
    const directives = directiveTrees(selection.directives);
    switch (selection.kind) {
      case "Field":
        return tree({
          Alias: selection.alias?.value ?? selection.name.value,
          Name: selection.name.value,
          Arguments: argumentTrees(selection.arguments),
          Directives: directives,
          SelectionSet: selectionTrees(selection.selectionSet),
        });
      case "FragmentSpread":
        return tree({ Name: selection.name.value, Directives: directives });
      default:
        return tree({
          TypeCondition: selection.typeCondition?.name.value ?? "",
          Directives: directives,
          SelectionSet: selectionTrees(selection.selectionSet),
        });
    }
  });
}

/** A query document: its operations and fragments. */
export function queryTree(document: DocumentNode): OObject {
  const operations: Value[] = [];
  const fragments: Value[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === "OperationDefinition") {
      operations.push(
        tree({
          Operation: definition.operation,
          Name: definition.name?.value ?? "",
          VariableDefinitions: variableTrees(definition.variableDefinitions),
          Directives: directiveTrees(definition.directives),
          SelectionSet: selectionTrees(definition.selectionSet),
        }),
      );
    } else if (definition.kind === "FragmentDefinition") {
      fragments.push(
        tree({
          Name: definition.name.value,
          VariableDefinition: variableTrees(definition.variableDefinitions),
          TypeCondition: definition.typeCondition.name.value,
          Directives: directiveTrees(definition.directives),
          SelectionSet: selectionTrees(definition.selectionSet),
        }),
      );
    }
  }
  return tree({ Operations: operations, Fragments: fragments });
}

const inputTrees = (inputs: readonly InputValueDefinitionNode[] | undefined): Value[] =>
  (inputs ?? []).map((input) =>
    tree({
      Description: input.description?.value ?? "",
      Name: input.name.value,
      DefaultValue: input.defaultValue === undefined ? undefined : valueTree(input.defaultValue),
      Type: typeTree(input.type),
      Directives: directiveTrees(input.directives),
    }),
  );

const fieldTrees = (fields: readonly FieldDefinitionNode[] | undefined): Value[] =>
  (fields ?? []).map((field) =>
    tree({
      Description: field.description?.value ?? "",
      Name: field.name.value,
      Arguments: inputTrees(field.arguments),
      Type: typeTree(field.type),
      Directives: directiveTrees(field.directives),
    }),
  );

const operationTypes = (types: readonly OperationTypeDefinitionNode[] | undefined): Value[] =>
  (types ?? []).map((type) => tree({ Operation: type.operation, Type: type.type.name.value }));

const names = (nodes: readonly { name: { value: string } }[] | undefined): Value[] =>
  (nodes ?? []).map((node) => node.name.value);

const TYPE_KINDS: Readonly<Record<string, string>> = {
  Scalar: "SCALAR",
  Object: "OBJECT",
  Interface: "INTERFACE",
  Union: "UNION",
  Enum: "ENUM",
  InputObject: "INPUT_OBJECT",
};

/** Type definitions and extensions have one shape. */
function definitionTree(definition: DefinitionNode): OObject | undefined {
  const kind = TYPE_KINDS[/^(.*)Type(?:Definition|Extension)$/.exec(definition.kind)?.[1] ?? ""];
  if (kind === undefined || !("name" in definition) || definition.name === undefined) return undefined;
  const description = "description" in definition ? definition.description?.value : undefined;
  const isInput = definition.kind === "InputObjectTypeDefinition" || definition.kind === "InputObjectTypeExtension";
  return tree({
    Kind: kind,
    Description: description ?? "",
    Name: definition.name.value,
    Directives: directiveTrees("directives" in definition ? definition.directives : undefined),
    Interfaces: "interfaces" in definition ? names(definition.interfaces) : [],
    Fields: isInput
      ? inputTrees(definition.fields)
      : "fields" in definition
        ? // safe because: of the kinds that have fields only input objects hold other nodes, and they are taken above
          fieldTrees(definition.fields as readonly FieldDefinitionNode[])
        : [],
    Types: "types" in definition ? names(definition.types) : [],
    EnumValues:
      "values" in definition
        ? (definition.values ?? []).map((value) =>
            tree({
              Description: value.description?.value ?? "",
              Name: value.name.value,
              Directives: directiveTrees(value.directives),
            }),
          )
        : [],
    BuiltIn: false,
  });
}

/** A schema document: schema, directives, types and extensions, each in the order they were written. */
export function schemaTree(document: DocumentNode): OObject {
  const parts: Record<"Schema" | "SchemaExtension" | "Directives" | "Definitions" | "Extensions", Value[]> = {
    Schema: [],
    SchemaExtension: [],
    Directives: [],
    Definitions: [],
    Extensions: [],
  };
  for (const definition of document.definitions) {
    if (definition.kind === "SchemaDefinition" || definition.kind === "SchemaExtension") {
      parts[definition.kind === "SchemaDefinition" ? "Schema" : "SchemaExtension"].push(
        tree({
          Description: ("description" in definition ? definition.description?.value : undefined) ?? "",
          Directives: directiveTrees(definition.directives),
          OperationTypes: operationTypes(definition.operationTypes),
        }),
      );
    } else if (definition.kind === "DirectiveDefinition") {
      parts.Directives.push(
        tree({
          Description: definition.description?.value ?? "",
          Name: definition.name.value,
          Arguments: inputTrees(definition.arguments),
          Locations: definition.locations.map((location) => location.value),
          IsRepeatable: definition.repeatable,
        }),
      );
    } else {
      const type = definitionTree(definition);
      if (type !== undefined) parts[definition.kind.endsWith("Extension") ? "Extensions" : "Definitions"].push(type);
    }
  }
  return tree(parts);
}
