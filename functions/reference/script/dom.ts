/** Builds elements. All text goes through text nodes: nothing of the document is ever parsed as HTML. */
export const DOM_SCRIPT = String.raw`
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
/** Plain text with code between backticks. */
function prose(text) {
  return String(text || "").split(/\n\s*\n/).filter((part) => part.trim() !== "").map((part) =>
    h("p", null, part.split(String.fromCharCode(96)).map((piece, i) => (i % 2 ? h("code", null, piece) : piece))));
}
function json(value) { return JSON.stringify(value, null, 2); }
let ids = 0;
function field(label, control) {
  control.id = "f" + ++ids;
  return [h("label", { for: control.id }, label), control];
}
`;
