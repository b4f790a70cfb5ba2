/** The limit of any Worker proxy: passes each request on to one upstream and does nothing else. */

interface Env {
  readonly NET: { fetch(url: string, request: Request): Promise<Response> };
  /** Origin of the upstream. */
  readonly UPSTREAM: string;
}

// oxlint-disable-next-line import/no-default-export -- a Worker's entry
export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const { url } = request;
    return env.NET.fetch(env.UPSTREAM + url.slice(url.indexOf("/", 8)), request);
  },
};
