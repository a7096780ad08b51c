/** Loads the document, lists its operations by tag and shows the one that the address names. */
export const MAIN_SCRIPT = String.raw`
let spec = {};
const operations = [];
const main = document.getElementById("main"), nav = document.getElementById("nav"), filter = document.getElementById("filter"), key = document.getElementById("key");
const METHODS = ["get", "post", "put", "patch", "delete"];
function collect() {
  for (const [path, item] of Object.entries(spec.paths || {})) for (const method of METHODS) {
    const it = item[method];
    if (!it) continue;
    const parameters = [...(item.parameters || []), ...(it.parameters || [])].map(resolve);
    operations.push({ id: it.operationId || method + " " + path, method, path, it, parameters, body: it.requestBody ? resolve(it.requestBody) : null, tag: (it.tags || ["other"])[0] });
  }
}
const hrefOf = (op) => "#" + encodeURIComponent(op.id);
function groups(shown) {
  const byTag = new Map((spec.tags || []).map(({ name }) => [name, []]));
  for (const op of shown) byTag.set(op.tag, [...(byTag.get(op.tag) || []), op]);
  return [...byTag].filter(([, list]) => list.length);
}
function listOperations() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = operations.filter((op) => words.every((word) => [op.id, op.method, op.path, op.it.summary || "", op.tag].join(" ").toLowerCase().includes(word)));
  nav.replaceChildren(...groups(shown).flatMap(([tag, list]) => [h("h2", null, tag), h("ul", null, list.map((op) =>
    h("li", null, h("a", { href: hrefOf(op), title: op.it.summary || op.id, "aria-current": op === current() ? "page" : null }, h("span", { class: "verb " + op.method }, op.method), h("span", null, op.path)))))]),
    h("p", { role: "status", class: "quiet" }, shown.length + " of " + operations.length + " operations"));
}
function current() {
  let id = "";
  try { id = decodeURIComponent(location.hash.slice(1)); } catch { return undefined; }
  return operations.find((op) => op.id === id);
}
function overview() {
  const { title, version, description, license } = spec.info || {};
  return [h("h2", { tabindex: -1, id: "title" }, (title || "API") + " " + (version || "")), ...prose(description),
    license ? h("p", { class: "quiet" }, "Licence: " + license.name) : null,
    ...groups(operations).flatMap(([tag, list]) => [h("h3", null, tag), h("table", null, h("tbody", null, list.map((op) =>
      h("tr", null, h("td", { class: "verb " + op.method }, op.method), h("td", null, h("a", { href: hrefOf(op) }, op.path)), h("td", null, op.it.summary || "")))))])].filter(Boolean);
}
function route(focus) {
  const op = current();
  main.replaceChildren(...(op ? operationView(op) : overview()));
  document.title = (op ? op.it.summary || op.id : "API reference") + " · " + ((spec.info || {}).title || "API");
  listOperations();
  if (focus) { scrollTo(0, 0); document.getElementById("title").focus({ preventScroll: true }); }
}
async function start() {
  try {
    const answer = await fetch("/openapi.json", { credentials: "omit" });
    if (!answer.ok) throw new Error("status " + answer.status);
    spec = await answer.json();
  } catch (error) {
    main.replaceChildren(h("h2", null, "The reference cannot be shown"), h("p", { class: "bad", role: "alert" }, "/openapi.json did not load: " + error.message));
    return;
  }
  collect();
  filter.addEventListener("input", listOperations);
  addEventListener("hashchange", () => route(true));
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
  route(false);
}
start();
`;
