/** One operation: what it is, what it takes, what it answers. */
export const OPERATION_SCRIPT = `
function operationView(op) {
  const facts = Object.entries(op.it).filter(([key, value]) => key.startsWith("x-") && typeof value !== "object");
  const parameters = op.parameters.map((it) => h("tr", null,
    h("td", null, h("code", null, it.name), it.required ? h("strong", null, " required") : null), h("td", null, it.in),
    h("td", null, typeOf(it.schema || {}), " ", h("span", { class: "quiet" }, bounds(resolve(it.schema)))),
    h("td", null, prose(it.description || resolve(it.schema).description))));
  const secured = (op.it.security || spec.security || []).length > 0;
  return [
    h("h2", { tabindex: -1, id: "title" }, op.it.summary || op.id),
    h("p", { class: "path" }, h("span", { class: "verb " + op.method }, op.method), " ", op.path),
    h("p", { class: "facts" }, h("span", null, h("span", { class: "quiet" }, "id "), h("code", null, op.id)), facts.map(([key, value]) => h("span", null, h("span", { class: "quiet" }, key.slice(2) + " "), h("code", null, value))), secured ? null : h("span", { class: "good" }, "no credential needed")),
    prose(op.it.description),
    parameters.length ? [h("h3", null, "Parameters"), h("table", null, h("thead", null, h("tr", null, ["Name", "In", "Type", "Meaning"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, parameters))] : null,
    op.body ? [h("h3", null, "Request body"), contentView(op.body.content)] : null,
    h("h3", null, "Try it"), tryView(op, secured),
    h("h3", null, "Answers"), Object.entries(op.it.responses || {}).map(([status, answer]) => answerView(status, resolve(answer))),
  ].flat(3).filter(Boolean);
}
function contentView(content) {
  return Object.entries(content || {}).map(([type, media]) => {
    const example = exampleIn(media);
    return h("div", null, h("p", { class: "quiet" }, h("code", null, type)), media.schema ? schemaView(media.schema) : null,
      example === undefined ? null : h("details", { open: true }, h("summary", null, "Example"), h("pre", { tabindex: 0 }, json(example))));
  });
}
function answerView(status, answer) {
  const head = [h("strong", { class: status < "400" ? "good" : "bad" }, status), " ", String(answer.description || "").replaceAll(String.fromCharCode(96), "")];
  return answer.content ? unfolding(head, () => contentView(answer.content)) : h("p", null, head);
}
`;
