// The last queries that ran in this browser.

/** What one still finds again by eye. */
const KEPT_MAX = 30;
/** A longer expression is a board's, and not for remembering. */
const LENGTH_MAX = 4000;

/** The list with a query at its head, once. */
export function withQuery(list: readonly string[], expr: string): string[] {
  if (expr.trim() === '' || expr.length > LENGTH_MAX) {
    return [...list];
  }
  return [expr, ...list.filter((one) => one !== expr)].slice(0, KEPT_MAX);
}

function load(key: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string').slice(0, KEPT_MAX) : [];
  } catch {
    return [];
  }
}

class QueryHistory {
  list = $state.raw<readonly string[]>([]);

  constructor(private readonly key: string) {
    this.list = load(key);
  }

  add(expr: string): void {
    this.keep(withQuery(this.list, expr));
  }

  clear(): void {
    this.keep([]);
  }

  private keep(list: string[]): void {
    this.list = list;
    try {
      localStorage.setItem(this.key, JSON.stringify(list));
    } catch {
      // A strict webview: the list lasts for the visit.
    }
  }
}

/** Of metrics. */
export const queryHistory = new QueryHistory('lingshao.queries');
/** Of logs. */
export const logHistory = new QueryHistory('lingshao.log-queries');
