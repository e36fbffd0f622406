// From what is measured to the lines behind it: which log query belongs to an expression and its labels.

import { link } from '../router.svelte';
import { rangeTexts } from '../time/range';
import { clause } from './clause';

/** Labels that name a route, in the dialects of the instrumentations. */
const ROUTES = ['endpoint', 'route', 'path', 'handler', 'uri', 'url', 'http_route', 'http_target'];
/** Values that stand for any route, or for none. */
const NO_ROUTE = /^(none|unmatched|unknown|\*|\/\*\*|)$/i;
const STATUSES = ['status', 'status_code', 'code', 'http_status_code', 'http_response_status_code'];
const MATCHER = /([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;
/** Slower than that is worth a look where nobody has said what slow is; seconds, as in the plan's query. */
const SLOW = 2;

/** A query for the lines behind an expression; empty where nothing of it is known to logs. */
export function logQueryOf(expr: string, labels: Readonly<Record<string, string>> = {}, threshold: number | null = null): string {
  const matchers = [...expr.matchAll(MATCHER)].map(([, name = '', operator = '', value = '']) => ({ name, operator, value }));
  const route = routeOf(labels, matchers) || (/payment/.test(expr) ? 'path:*payment*' : '');
  const parts = [route, statusOf(labels, matchers), serviceOf(labels), slowness(expr, threshold)];
  return parts.filter((part) => part !== '').join(' AND ');
}

interface Matcher {
  name: string;
  operator: string;
  value: string;
}

function routeOf(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): string {
  const matched = matchers.find(({ name, operator }) => ROUTES.includes(name) && operator === '=');
  const name = ROUTES.find((one) => labels[one] !== undefined);
  const value = name === undefined ? matched?.value : labels[name];
  return value === undefined || NO_ROUTE.test(value) ? '' : `(${clause('route', value)} OR ${clause('path', value)})`;
}

/** `status=~"5.."`, `status!~"2.."`, `code="404"`, `status=~"5xx"`. */
function statusOf(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): string {
  const label = STATUSES.map((name) => labels[name]).find((value) => value !== undefined && /^\d{3}$/.test(value));
  if (label !== undefined) {
    return `status_code:${label}`;
  }
  const found = matchers.find(({ name }) => STATUSES.includes(name));
  if (found === undefined) {
    return '';
  }
  const { operator, value } = found;
  const classes = [...value.matchAll(/([1-5])(?:\.\.|xx|\[0-9\]{2}|\\\\d\\\\d|\.\*|\.\+|\d\d)/g)].map(([, first]) => Number(first));
  if (operator === '=' && /^\d{3}$/.test(value)) return `status_code:${value}`;
  if (classes.length === 0) return '';
  const [least, most] = [Math.min(...classes), Math.max(...classes)];
  if (operator.startsWith('!')) return `status_code:>=${100 * (most + 1)}`;
  return most === 5 ? `status_code:>=${100 * least}` : `status_code:[${100 * least} TO ${100 * most + 99}]`;
}

function serviceOf(labels: Readonly<Record<string, string>>): string {
  return labels.service === undefined ? '' : clause('service', labels.service);
}

function slowness(expr: string, threshold: number | null): string {
  const isDuration = /\b\w*(duration|latency|response_time)\w*/.test(expr) && !/_count\b/.test(expr);
  return isDuration ? `process_time:>${threshold !== null && threshold > 0 ? threshold : SLOW}` : '';
}

/** Where nothing better is known: what a person would look for first. */
const FAILURES = 'level:(WARNING OR ERROR OR CRITICAL)';
/** What led to an alert happened before it, and what matters of it soon after. Seconds. */
const BEFORE = 600;
const AFTER = 1800;

/** The address of the lines of an alert's time and route. */
export function alertLogs(expr: string, labels: Readonly<Record<string, string>>, threshold: number | null, since: number, now: number): string {
  const query = logQueryOf(expr, labels, threshold) || FAILURES;
  return link('logs', '', { query, ...rangeTexts({ from: since - BEFORE, to: Math.min(now, since + AFTER) }) });
}
