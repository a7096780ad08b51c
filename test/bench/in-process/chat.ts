/** An ordinary chat call of a few hundred bytes. */
export const chatBody = (model: string, stream = false): string =>
  JSON.stringify({
    model,
    stream,
    messages: [
      { role: "system", content: "Answer in one short paragraph." },
      { role: "user", content: "Explain what a jurisdiction is to somebody who deploys software in several regions." },
    ],
  });
