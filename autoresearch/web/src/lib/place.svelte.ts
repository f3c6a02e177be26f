// Where the page is: all of it stands in the URL, so that a link shows a colleague the same.

type Words = Record<string, string | number | null>;

class Place {
  #query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => (this.#query = new URLSearchParams(location.search)));
  }

  /** A word of the URL, or null. */
  get(name: string): string | null {
    return this.#query.get(name);
  }

  get project(): string | null {
    return this.get("project");
  }

  get page(): string {
    return this.get("page") ?? "project";
  }

  /** The URL of another page of the present project: nothing of this page's own state is taken along. */
  to(page: string, words: Words = {}, project = this.project): string {
    const query = new URLSearchParams();
    if (project !== null) query.set("project", project);
    if (page !== "project") query.set("page", page);
    return shown(with_(query, words));
  }

  /** The URL of this page with some words changed; null takes one away. */
  but(words: Words): string {
    return shown(with_(new URLSearchParams(this.#query), words));
  }

  /** Go to a URL of this page; ``quietly`` leaves no step in the history, as for a filter that is typed. */
  go(url: string, quietly = false) {
    if (quietly) history.replaceState(null, "", url);
    else {
      history.pushState(null, "", url);
      scrollTo(0, 0);
    }
    this.#query = new URLSearchParams(location.search);
  }

  set(words: Words) {
    this.go(this.but(words), true);
  }

  /** Follow links to this page without loading it anew; whatever opens a tab or leaves stays the browser's. */
  follow(event: MouseEvent) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target) return;
    if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
    event.preventDefault();
    this.go(link.href);
  }
}

function with_(query: URLSearchParams, words: Words): URLSearchParams {
  for (const [name, value] of Object.entries(words)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, String(value));
  }
  return query;
}

const shown = (query: URLSearchParams) => (query.size ? `/?${query}` : "/");

export const place = new Place();
