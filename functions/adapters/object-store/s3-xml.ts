/** What the SDK's browser build reads of a document: element and text nodes, names, attributes, children. */
interface XmlNode {
  nodeType: number;
  nodeName: string;
  textContent: string | null;
  attributes: { name: string; value: string }[];
  childNodes: XmlNode[];
}
interface XmlDocument {
  documentElement: XmlNode;
  getElementsByTagName(name: string): XmlNode[];
}

const ELEMENT = 1;
const TEXT = 3;
/** S3's documents nest five deep. */
const DEPTH_MAX = 64;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const NAME = /[A-Za-z_][\w.:-]*/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;

function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,8}));/g, (_all, decimal, hex, name) => {
    if (name !== undefined) {
      const known = ENTITIES[name];
      if (known === undefined) throw new Error(`XML names the unknown entity ${name}`);
      return known;
    }
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}

const textNode = (text: string): XmlNode => ({
  nodeType: TEXT,
  nodeName: "#text",
  textContent: text,
  attributes: [],
  childNodes: [],
});

/**
 * Reads one XML document without a document type: elements, attributes, text, CDATA, character and the five predefined
 * entities; instructions and comments are passed over.
 * @throws Error for anything else.
 */
export function parseXml(xml: string): XmlDocument {
  const open: XmlNode[] = [];
  let root: XmlNode | undefined;
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(xml);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const pastEndOf = (mark: string) => {
    const end = xml.indexOf(mark, at);
    if (end < 0) throw new Error("XML is cut off");
    const inside = xml.slice(at, end);
    at = end + mark.length;
    return inside;
  };
  const addText = (text: string) => {
    const parent = open.at(-1);
    if (parent) parent.childNodes.push(textNode(text));
    else if (/[^\s\uFEFF]/.test(text)) throw new Error("XML has text outside its root");
  };

  while (at < xml.length) {
    if (xml[at] !== "<") {
      const next = xml.indexOf("<", at);
      const end = next < 0 ? xml.length : next;
      addText(decode(xml.slice(at, end).replace(/\r\n?/g, "\n")));
      at = end;
    } else if (xml.startsWith("<?", at)) pastEndOf("?>");
    else if (xml.startsWith("<!--", at)) pastEndOf("-->");
    else if (xml.startsWith("<![CDATA[", at)) {
      at += "<![CDATA[".length;
      addText(pastEndOf("]]>"));
    } else if (xml.startsWith("</", at)) {
      at += 2;
      const closed = open.pop();
      const name = match(NAME)?.[0];
      if (!closed || closed.nodeName !== name || !match(/\s*>/y)) throw new Error("XML closes what it did not open");
      closed.textContent = closed.childNodes.map(({ textContent }) => textContent ?? "").join("");
    } else {
      at += 1;
      const name = match(NAME)?.[0];
      if (name === undefined || open.length === DEPTH_MAX) throw new Error("XML is malformed or too deep");
      const element: XmlNode = { nodeType: ELEMENT, nodeName: name, textContent: "", attributes: [], childNodes: [] };
      for (let found = match(ATTRIBUTE); found; found = match(ATTRIBUTE))
        element.attributes.push({ name: found[1] ?? "", value: decode(found[2] ?? found[3] ?? "") });
      const parent = open.at(-1);
      if (parent) parent.childNodes.push(element);
      else if (root) throw new Error("XML has two roots");
      else root = element;
      if (match(/\s*>/y)) open.push(element);
      else if (!match(/\s*\/>/y)) throw new Error("XML has a malformed tag");
    }
  }
  if (!root || open.length > 0) throw new Error("XML is cut off");
  // Browsers report a malformed document by an element; ours throws above.
  return { documentElement: root, getElementsByTagName: () => [] };
}

/**
 * The SDK's build for browsers, which workerd gets, reads S3's answers with `DOMParser`; workerd has none. Where the
 * platform lacks it, the part of it that the SDK uses is put in its place.
 */
export function provideXmlParser(): void {
  const platform = globalThis as { DOMParser?: unknown; Node?: unknown }; // safe because: both are looked at before use
  if (platform.DOMParser !== undefined) return;
  platform.DOMParser = class DOMParser {
    parseFromString(text: string): XmlDocument {
      return parseXml(text);
    }
  };
  platform.Node ??= Object.assign(class Node {}, { ELEMENT_NODE: ELEMENT, TEXT_NODE: TEXT });
}
