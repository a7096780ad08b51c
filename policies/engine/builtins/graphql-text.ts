import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { bigintOf, isNumber, OObject, type Value } from "../value.ts";

/** Writes OPA's GraphQL trees as GraphQL text, so that trees and texts are checked by the same rules. */
const text = (node: OObject, name: string): string => {
  const value = node.get(name);
  if (value === undefined) return "";
  if (typeof value !== "string") throw builtinError(`GraphQL tree: ${name} is not a string`);
  return value;
};

/** Names go into the text as they are, so they must be names. */
const name = (node: OObject, member: string): string => {
  const value = text(node, member);
  if (!/^[_A-Za-z][_0-9A-Za-z]*$/.test(value)) throw builtinError(`GraphQL tree: ${member} is not a name`);
  return value;
};

function nodes(node: OObject, member: string): OObject[] {
  const value = node.get(member) ?? [];
  if (!Array.isArray(value)) throw builtinError(`GraphQL tree: ${member} is not a list`);
  spend(value.length);
  return value.map(objectOf);
}

function objectOf(value: Value | undefined): OObject {
  if (!(value instanceof OObject)) throw builtinError("GraphQL tree: not an object");
  return value;
}

function namesOf(node: OObject, member: string): string[] {
  const value = node.get(member) ?? [];
  if (!Array.isArray(value)) throw builtinError(`GraphQL tree: ${member} is not a list`);
  return value.map((entry) => name(OObject.of([["name", entry]]), "name"));
}

const between = (open: string, items: readonly string[], close: string, separator = " "): string =>
  items.length === 0 ? "" : `${open}${items.join(separator)}${close}`;

const described = (node: OObject): string => {
  const description = text(node, "Description");
  return description === "" ? "" : `${JSON.stringify(description)} `;
};

function typeText(node: OObject): string {
  const element = node.get("Elem");
  const inner =
    element === undefined || element === null ? name(node, "NamedType") : `[${typeText(objectOf(element))}]`;
  return node.get("NonNull") === true ? `${inner}!` : inner;
}

function valueText(node: OObject): string {
  const kind = node.get("Kind");
  const raw = text(node, "Raw");
  switch (kind !== undefined && isNumber(kind) ? Number(bigintOf(kind)) : -1) {
    case 0:
      return `$${name(node, "Raw")}`;
    case 1:
    case 2:
      if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(raw)) throw builtinError("GraphQL tree: not a number");
      return raw;
    case 3:
    case 4:
      return JSON.stringify(raw);
    case 5:
    case 6:
    case 7:
      return name(node, "Raw");
    case 8:
      return `[${nodes(node, "Children")
        .map((child) => valueText(objectOf(child.get("Value"))))
        .join(", ")}]`;
    case 9:
      return `{${nodes(node, "Children")
        .map((child) => `${name(child, "Name")}: ${valueText(objectOf(child.get("Value")))}`)
        .join(", ")}}`;
    default:
      throw builtinError("GraphQL tree: unknown kind of value");
  }
}

const argumentsText = (node: OObject): string =>
  between(
    "(",
    nodes(node, "Arguments").map(
      (argument) => `${name(argument, "Name")}: ${valueText(objectOf(argument.get("Value")))}`,
    ),
    ")",
    ", ",
  );

const directivesText = (node: OObject): string =>
  nodes(node, "Directives")
    .map((directive) => ` @${name(directive, "Name")}${argumentsText(directive)}`)
    .join("");

const defaultText = (node: OObject): string => {
  const value = node.get("DefaultValue");
  return value === undefined || value === null ? "" : ` = ${valueText(objectOf(value))}`;
};

const variablesText = (node: OObject, member: string): string =>
  between(
    "(",
    nodes(node, member).map(
      (variable) =>
        `$${name(variable, "Variable")}: ${typeText(objectOf(variable.get("Type")))}${defaultText(variable)}${directivesText(variable)}`,
    ),
    ")",
    ", ",
  );

function selectionsText(node: OObject): string {
  return between("{ ", nodes(node, "SelectionSet").map(selectionText), " }");
}

function selectionText(node: OObject): string {
  const rest = directivesText(node) + (node.has("SelectionSet") ? ` ${selectionsText(node)}` : "");
  if (node.has("Alias")) {
    const [alias, field] = [name(node, "Alias"), name(node, "Name")];
    return `${alias === field ? "" : `${alias}: `}${field}${argumentsText(node)}${rest}`;
  }
  if (node.has("Name")) return `...${name(node, "Name")}${rest}`;
  const condition = text(node, "TypeCondition");
  return `...${condition === "" ? "" : ` on ${name(node, "TypeCondition")}`}${rest}`;
}

export function queryText(query: OObject): string {
  const operations = nodes(query, "Operations").map((operation) => {
    const title = text(operation, "Name") === "" ? "" : ` ${name(operation, "Name")}`;
    return `${name(operation, "Operation")}${title}${variablesText(operation, "VariableDefinitions")}${directivesText(operation)} ${selectionsText(operation)}`;
  });
  const fragments = nodes(query, "Fragments").map(
    (fragment) =>
      `fragment ${name(fragment, "Name")}${variablesText(fragment, "VariableDefinition")} on ${name(fragment, "TypeCondition")}${directivesText(fragment)} ${selectionsText(fragment)}`,
  );
  return [...operations, ...fragments].join("\n");
}

const inputsText = (node: OObject, member: string): string[] =>
  nodes(node, member).map(
    (input) =>
      `${described(input)}${name(input, "Name")}: ${typeText(objectOf(input.get("Type")))}${defaultText(input)}${directivesText(input)}`,
  );

const fieldsText = (node: OObject): string[] =>
  nodes(node, "Fields").map(
    (field) =>
      `${described(field)}${name(field, "Name")}${between("(", inputsText(field, "Arguments"), ")", ", ")}: ${typeText(objectOf(field.get("Type")))}${directivesText(field)}`,
  );

const KEYWORDS: Readonly<Record<string, string>> = {
  SCALAR: "scalar",
  OBJECT: "type",
  INTERFACE: "interface",
  UNION: "union",
  ENUM: "enum",
  INPUT_OBJECT: "input",
};

function definitionText(node: OObject): string {
  const keyword = KEYWORDS[text(node, "Kind")];
  if (keyword === undefined) throw builtinError("GraphQL tree: unknown kind of definition");
  const head = `${keyword} ${name(node, "Name")}${between(" implements ", namesOf(node, "Interfaces"), "", " & ")}${directivesText(node)}`;
  switch (keyword) {
    case "union":
      return head + between(" = ", namesOf(node, "Types"), "", " | ");
    case "enum":
      return (
        head +
        between(
          " { ",
          nodes(node, "EnumValues").map((value) => `${described(value)}${name(value, "Name")}${directivesText(value)}`),
          " }",
          "\n",
        )
      );
    case "input":
      return head + between(" { ", inputsText(node, "Fields"), " }", "\n");
    default:
      return head + between(" { ", fieldsText(node), " }", "\n");
  }
}

const schemaText = (node: OObject): string =>
  `schema${directivesText(node)}${between(
    " { ",
    nodes(node, "OperationTypes").map((type) => `${name(type, "Operation")}: ${name(type, "Type")}`),
    " }",
    "\n",
  )}`;

const directiveText = (node: OObject): string =>
  `${described(node)}directive @${name(node, "Name")}${between("(", inputsText(node, "Arguments"), ")", ", ")}${node.get("IsRepeatable") === true ? " repeatable" : ""} on ${namesOf(node, "Locations").join(" | ")}`;

export const schemaDocumentText = (schema: OObject): string =>
  [
    ...nodes(schema, "Schema").map((node) => described(node) + schemaText(node)),
    ...nodes(schema, "SchemaExtension").map((node) => `extend ${schemaText(node)}`),
    ...nodes(schema, "Directives").map(directiveText),
    ...nodes(schema, "Definitions").map((node) => described(node) + definitionText(node)),
    ...nodes(schema, "Extensions").map((node) => `extend ${definitionText(node)}`),
  ].join("\n");
