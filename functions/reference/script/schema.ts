/** Shows a JSON Schema as a list whose parts unfold on demand, so that recursive schemas end. */
export const SCHEMA_SCRIPT = `
function resolve(node) {
  for (let hops = 0; node && typeof node.$ref === "string" && hops < 16; hops++) {
    if (!node.$ref.startsWith("#/")) return {};
    node = node.$ref.slice(2).split("/").reduce((at, part) => {
      const key = decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~");
      return at && Object.hasOwn(at, key) ? at[key] : undefined;
    }, spec);
  }
  return node && typeof node === "object" ? node : {};
}
function refName(node) { return node && typeof node.$ref === "string" ? node.$ref.split("/").pop() : ""; }
function typeOf(node) {
  const name = refName(node), it = resolve(node);
  if (name) return name;
  if (it.const !== undefined) return json(it.const);
  if (Array.isArray(it.enum)) return it.enum.map(json).join(" | ");
  for (const word of ["anyOf", "oneOf", "allOf"]) if (Array.isArray(it[word])) return it[word].map(typeOf).join(word === "allOf" ? " & " : " | ");
  return [].concat(it.type || "any").map((type) => (type === "array" && it.items ? typeOf(it.items) + "[]" : type)).join(" | ");
}
function bounds(node) {
  const words = { minLength: "length ≥ #", maxLength: "length ≤ #", minimum: "≥ #", maximum: "≤ #", minItems: "items ≥ #", maxItems: "items ≤ #", maxProperties: "members ≤ #", pattern: "pattern #", format: "#", default: "default #" };
  return Object.entries(words).filter(([key]) => node[key] !== undefined)
    .map(([key, text]) => text.replace("#", () => (key === "pattern" || key === "format" ? String(node[key]) : json(node[key])))).join(", ");
}
function partsOf(node) {
  const it = resolve(node);
  const parts = Object.entries(it.properties || {}).map(([name, schema]) => [name, schema, (it.required || []).includes(name)]);
  for (const word of ["anyOf", "oneOf", "allOf"]) for (const schema of it[word] || []) if (hasParts(schema)) parts.push([typeOf(schema), schema, null]);
  if (it.items && hasParts(it.items)) parts.push(["each item", it.items, null]);
  if (it.additionalProperties && typeof it.additionalProperties === "object" && Object.keys(it.additionalProperties).length) parts.push(["any other member", it.additionalProperties, null]);
  return parts;
}
function hasParts(node) {
  const it = resolve(node);
  return Boolean(it.properties || (it.items && hasParts(it.items)) || ["anyOf", "oneOf", "allOf"].some((word) => (it[word] || []).some(hasParts)));
}
function partView([name, node, required]) {
  const it = resolve(node);
  const head = [h("code", null, name), " ", h("span", { class: "quiet" }, typeOf(node)), required === true ? h("strong", null, " required") : null];
  const limits = bounds(it);
  const notes = [limits ? h("div", { class: "quiet" }, limits) : null, ...prose(it.description)];
  return h("li", null, hasParts(node) ? unfolding(head, () => [...notes, schemaView(node)]) : [h("div", null, head), ...notes]);
}
function unfolding(head, body) {
  const details = h("details", null, h("summary", null, head));
  details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(...body()); });
  return details;
}
function schemaView(node) {
  const parts = partsOf(node);
  if (!parts.length) return h("p", null, h("code", null, typeOf(node)), " ", h("span", { class: "quiet" }, bounds(resolve(node))));
  return h("ul", { class: "schema" }, parts.map(partView));
}
function exampleIn(media) {
  if (media.example !== undefined) return media.example;
  const named = Object.values(media.examples || {})[0];
  if (named && named.value !== undefined) return named.value;
  const it = resolve(media.schema);
  return it.example !== undefined ? it.example : Array.isArray(it.examples) ? it.examples[0] : undefined;
}
`;
