import { describe, expect, it } from "vitest";
import { parseXml } from "./s3-xml.ts";

type Shown = string | [string, ...Shown[]];
type Nodes = ReturnType<typeof parseXml>["documentElement"];
const show = (node: Nodes): Shown =>
  node.nodeType === 3 ? (node.textContent ?? "") : [node.nodeName, ...node.childNodes.map(show)];
const parse = (xml: string) => show(parseXml(xml).documentElement);

describe("S3's answers where the platform reads no XML", () => {
  it("are read with text, entities, CDATA, comments and instructions", () => {
    const xml = `<?xml version="1.0" encoding="UTF-8"?>
<!-- an answer --><List xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Key>a&lt;b&amp;c&gt;&#64;&#x41;&quot;&apos;</Key><Empty/><None></None><Raw><![CDATA[<&>]]></Raw></List>
`;
    expect(parse(xml)).toEqual(["List", ["Key", "a<b&c>@A\"'"], ["Empty"], ["None"], ["Raw", "<&>"]]);
    expect(parseXml(xml).documentElement.attributes).toEqual([
      { name: "xmlns", value: "http://s3.amazonaws.com/doc/2006-03-01/" },
    ]);
    expect(parseXml("<a>one<b>two</b>three</a>").documentElement.textContent).toBe("onetwothree");
    expect(parse("<a>one\r\ntwo\rthree</a>")).toEqual(["a", "one\ntwo\nthree"]);
  });

  it.each([
    "",
    "text",
    "<a>",
    "<a><b></a></b>",
    "</a>",
    "<a></a><b></b>",
    "<a/>text",
    "<a b></a>",
    "<a b=c></a>",
    "<a>&unknown;</a>",
    "<a>&#1114112;</a>",
    "<!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>",
    "<a><!-- no end</a>",
    "<a><![CDATA[ no end</a>",
    "<1></1>",
    "<a".repeat(3),
    "<a>".repeat(65) + "</a>".repeat(65),
  ])("are refused when they are not whole and plain: %j", (xml) => {
    expect(() => parseXml(xml)).toThrow();
  });

  it("are read in linear time, so that a hostile server does not hold an isolate", () => {
    const wide = `<a>${"<b>x</b>".repeat(100_000)}</a>`;
    expect(parseXml(wide).documentElement.childNodes).toHaveLength(100_000);
    expect(() => parseXml(`<a ${"b".repeat(1_000_000)}`)).toThrow();
    expect(() => parseXml(`<a>${"&".repeat(1_000_000)}`)).toThrow();
    expect(() => parseXml("<".repeat(1_000_000))).toThrow();
  });
});
