// The last queries that ran in this browser.

const KEY = 'lingshao.queries';
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

function load(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string').slice(0, KEPT_MAX) : [];
  } catch {
    return [];
  }
}

class QueryHistory {
  list = $state.raw<readonly string[]>(load());

  add(expr: string): void {
    this.keep(withQuery(this.list, expr));
  }

  clear(): void {
    this.keep([]);
  }

  private keep(list: string[]): void {
    this.list = list;
    try {
      localStorage.setItem(KEY, JSON.stringify(list));
    } catch {
      // A strict webview: the list lasts for the visit.
    }
  }
}

export const queryHistory = new QueryHistory();
