/** One event of ours, as a stream carried it. */
export interface StreamEvent {
  name: string;
  id: number;
  data: unknown;
}

/** Events of `GET /v1/tasks/{id}/events`; comments are no events. Throws where the text is not whole events. */
export function eventsOf(text: string): StreamEvent[] {
  const blocks = text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  return blocks.map((block) => {
    const [, name = "", id = "", data = ""] =
      /^event: (\w+)\nid: (\d+)\ndata: (.*)$/.exec(block) ??
      (() => {
        throw new Error(`no event of ours: ${block}`);
      })();
    return { name, id: Number(id), data: JSON.parse(data) };
  });
}
