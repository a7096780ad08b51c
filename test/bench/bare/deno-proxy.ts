/// The least that a proxy can do on Deno: the upper bound of what any gateway there can reach. `… <port> <upstream>`.

declare const Deno: {
  args: string[];
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: (request: Request) => unknown,
  ): unknown;
};

const [port, upstream] = Deno.args;
Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen: () => undefined }, ({ method, url, headers, body }) =>
  fetch(`${upstream}${new URL(url).pathname}`, { method, headers, body }),
);
