/** Sends a call to this cell and shows the answer as it arrives. The key lives in one input of this page and nowhere else. */
export const TRY_SCRIPT = String.raw`
const SHOWN_MAX = 1000000;
function tryView(op, secured) {
  const inputs = op.parameters.filter((it) => it.in === "path" || it.in === "query").map((it) => {
    const schema = resolve(it.schema);
    const input = h("input", { autocomplete: "off", spellcheck: "false", required: it.in === "path", value: it.example !== undefined ? it.example : schema.example !== undefined ? schema.example : "" });
    return { it, input, view: field(it.name + " (" + it.in + ")", input) };
  });
  const type = op.body ? Object.keys(op.body.content || {})[0] : undefined;
  const example = type ? exampleIn(op.body.content[type]) : undefined;
  const body = type ? h("textarea", { spellcheck: "false" }) : null;
  if (body) body.value = example === undefined ? "{}" : json(example);
  const send = h("button", { type: "submit" }, "Send"), stop = h("button", { type: "button", class: "plain", disabled: true }, "Stop");
  const status = h("p", { role: "status" }), headers = h("pre", { tabindex: 0 }), output = h("pre", { tabindex: 0, "aria-label": "Answer body" });
  const headerBox = h("details", { hidden: true }, h("summary", null, "Headers"), headers);
  output.hidden = true;
  const form = h("form", { "aria-label": "Try " + op.id }, inputs.map(({ view }) => view), body ? field("Body (" + type + ")", body) : null, send, stop, secured ? h("span", { class: "quiet" }, "uses the key on the left") : null);
  let abort = null;
  stop.addEventListener("click", () => abort && abort.abort());
  addEventListener("hashchange", () => abort && abort.abort(), { once: true });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (abort) return;
    abort = new AbortController();
    send.disabled = true; stop.disabled = false; output.hidden = false; output.textContent = ""; status.className = ""; status.textContent = "Waiting…";
    const started = performance.now(), took = () => Math.round(performance.now() - started) + " ms";
    try {
      const answer = await fetch(addressOf(op, inputs), { method: op.method.toUpperCase(), credentials: "omit", redirect: "error", cache: "no-store", referrerPolicy: "no-referrer", signal: abort.signal,
        headers: { ...(type ? { "content-type": type } : {}), ...(secured && key.value ? { authorization: "Bearer " + key.value.trim() } : {}) }, ...(body ? { body: body.value } : {}) });
      status.className = answer.ok ? "good" : "bad";
      status.textContent = answer.status + " " + answer.statusText + ", first byte after " + took();
      headers.textContent = [...answer.headers].map(([name, value]) => name + ": " + value).join("\n");
      headerBox.hidden = false;
      const complete = await show(answer, output);
      status.textContent += ", " + (complete ? "complete after " : "cut off here after ") + took();
    } catch (error) {
      status.className = "bad";
      status.textContent += " " + (abort.signal.aborted ? "Stopped after " : "Failed (" + error.name + ") after ") + took();
    } finally { abort = null; send.disabled = false; stop.disabled = true; }
  });
  return [form, status, headerBox, output];
}
function addressOf(op, inputs) {
  let path = op.path;
  const query = new URLSearchParams();
  for (const { it, input } of inputs) {
    if (it.in === "path") path = path.replace("{" + it.name + "}", () => encodeURIComponent(input.value));
    else if (input.value !== "") query.append(it.name, input.value);
  }
  return path + (query.size ? "?" + query : "");
}
/** Text as it arrives, up to a bound; a JSON answer is laid out once it is complete. */
async function show(answer, output) {
  if (!answer.body) return true;
  const reader = answer.body.getReader(), decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    const piece = done ? decoder.decode() : decoder.decode(value, { stream: true });
    text += piece;
    output.append(piece);
    output.scrollTop = output.scrollHeight;
    if (done) break;
    if (text.length > SHOWN_MAX) { await reader.cancel(); return false; }
  }
  if (/json/.test(answer.headers.get("content-type") || "")) try { output.textContent = json(JSON.parse(text)); } catch { /* shown as it came */ }
  return true;
}
`;
