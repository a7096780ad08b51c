/// The least that a proxy can do on workerd. Its upstream is a binding, because a worker has no arguments.
export default {
  fetch: ({ method, url, headers, body }, { UPSTREAM }) =>
    fetch(`${UPSTREAM}${new URL(url).pathname}`, { method, headers, body }),
};
