// Where we are: `#/page/argument?name=value`. One place reads and writes the address.

export interface Place {
  /** First segment of the path: which page. */
  page: string;
  /** The rest of the path, decoded, without a slash at its start. */
  argument: string;
  /** What stands behind the `?`. */
  query: URLSearchParams;
}

/** Reads the part of an address behind `#`. */
export function parsePlace(hash: string): Place {
  const text = hash.replace(/^#\/?/, '');
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const slash = path.indexOf('/');
  const page = slash < 0 ? path : path.slice(0, slash);
  const argument = slash < 0 ? '' : decode(path.slice(slash + 1));
  return { page, argument, query: new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Query = Record<string, string | readonly string[] | null | undefined> | URLSearchParams;

/** The address of a page of ours, for `href`. */
export function link(page: string, argument = '', query: Query = {}): string {
  const path = argument === '' ? page : `${page}/${encodeURIComponent(argument)}`;
  const text = searchParams(query).toString();
  return text === '' ? `#/${path}` : `#/${path}?${text}`;
}

function searchParams(query: Query): URLSearchParams {
  if (query instanceof URLSearchParams) {
    return query;
  }
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== '') {
        parameters.append(name, one);
      }
    }
  }
  return parameters;
}

class Router {
  place = $state.raw<Place>(parsePlace(globalThis.location?.hash ?? ''));

  constructor() {
    globalThis.addEventListener?.('hashchange', () => {
      this.place = parsePlace(location.hash);
    });
  }

  /** Goes to another address; `replace` leaves no step for the back button. */
  go(address: string, replace = false): void {
    if (replace) {
      history.replaceState(null, '', address);
      this.place = parsePlace(location.hash);
    } else {
      location.hash = address;
    }
  }

  /** Changes parameters of this page in place; `null` takes one away. */
  setQuery(changes: Record<string, string | readonly string[] | null>, replace = true): void {
    const query = new URLSearchParams(this.place.query);
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const one of value === null ? [] : typeof value === 'string' ? [value] : value) {
        query.append(name, one);
      }
    }
    this.go(link(this.place.page, this.place.argument, query), replace);
  }
}

export const router = new Router();

/** Links of Prometheus' kind (`/graph?g0.expr=…`), which messages carry, lead to our explorer. */
export function adoptPrometheusLink(): void {
  const { pathname, search } = location;
  if (!pathname.endsWith('/graph')) {
    return;
  }
  const given = new URLSearchParams(search);
  const base = pathname.slice(0, -'graph'.length);
  const expr = given.get('g0.expr');
  const place = expr === null ? '#/explore' : link('explore', '', { expr, from: given.get('g0.range_input') });
  history.replaceState(null, '', base + (location.hash === '' ? place : location.hash));
  router.place = parsePlace(location.hash);
}
