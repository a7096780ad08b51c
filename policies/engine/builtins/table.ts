import { AGGREGATES } from "./aggregates.ts";
import { ARITHMETIC } from "./arithmetic.ts";
import { AWS } from "./aws.ts";
import { COMPARISON } from "./comparison.ts";
import { CORE } from "./core.ts";
import { ENCODING } from "./encoding.ts";
import { GLOB } from "./glob.ts";
import { GRAPH } from "./graph.ts";
import { GRAPHQL } from "./graphql.ts";
import { HASHING } from "./hashing.ts";
import { JSON_PATHS } from "./json-paths.ts";
import { JSON_SCHEMA } from "./json-schema.ts";
import { JWT } from "./jwt.ts";
import { NET } from "./net.ts";
import { NUMBERS } from "./numbers.ts";
import { OBJECTS } from "./objects.ts";
import type { Family, Signature } from "./operands.ts";
import { REGEX } from "./regex.ts";
import { SEMVER } from "./semver.ts";
import { STRINGS } from "./strings.ts";
import { TEMPLATE } from "./template.ts";
import { TIME } from "./time.ts";
import { UNITS } from "./units.ts";
import { URI } from "./uri.ts";
import { UUID } from "./uuid.ts";
import { X509 } from "./x509.ts";

const FAMILIES: readonly Family[] = [
  AGGREGATES,
  ARITHMETIC,
  AWS,
  COMPARISON,
  CORE,
  ENCODING,
  GLOB,
  GRAPH,
  GRAPHQL,
  HASHING,
  JSON_PATHS,
  JSON_SCHEMA,
  JWT,
  NET,
  NUMBERS,
  OBJECTS,
  REGEX,
  SEMVER,
  STRINGS,
  TEMPLATE,
  TIME,
  UNITS,
  URI,
  UUID,
  X509,
];

/** Every builtin that the engine has, by its name in Rego. What is not here is refused when a plan is loaded. */
export const BUILTINS: ReadonlyMap<string, Signature> = new Map(FAMILIES.flatMap((family) => Object.entries(family)));
