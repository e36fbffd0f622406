// Why an expression gives nothing: the tree is followed down to the first part that is empty although its parts are not,
// and there the server is asked what it gives with less: without one matcher, without the comparison.

import { queries, type Labels, type QueryAnswer, type VectorSample } from '../api/prometheus';
import { bare, isFilter, kindOf, parseQuery, print, printSelector, rewrite, selectors } from '../promql/ast';
import type { Binary, Call, Matcher, Node, Selector } from '../promql/ast';
import { labelsOf, metricNames, valuesOf } from '../promql/catalog';
import { nearest } from './nearest';

export type Cause =
  /** No metric has the name. */
  | { kind: 'unknown'; metric: string; offers: Offer[] }
  /** The name is that of a histogram, whose series are called `…_bucket`, `…_sum`, `…_count`. */
  | { kind: 'base'; metric: string; offers: Offer[] }
  /** The metric was there, and has no sample at the moment. `last` in seconds, within a day. */
  | { kind: 'stale'; metric: string; last: number | null }
  /** One matcher takes everything away; `left` series are there without it. */
  | { kind: 'excluded'; selector: string; matcher: string; left: number; offers: Offer[]; values: number }
  /** The metric has no such label. */
  | { kind: 'label'; metric: string; label: string; labels: string[]; offers: Offer[] }
  /** Each matcher finds something, all together nothing. */
  | { kind: 'together'; selector: string; without: { matcher: string; left: number; expr: string }[] }
  /** The window holds one sample, and a rate needs two. */
  | { kind: 'window'; selector: string }
  /** A comparison took everything away; these were the values. */
  | { kind: 'filtered'; comparison: string; expr: string; samples: VectorSample[]; total: number }
  /** Each series is divided by itself. */
  | { kind: 'selfDivision'; metric: string; offers: Offer[] }
  /** Both sides have series, and none has a partner. */
  | { kind: 'mismatch'; op: string; left: Labels; right: Labels; offers: Offer[] }
  | { kind: 'unless'; expr: string }
  | { kind: 'absent'; selector: string; total: number }
  /** `histogram_quantile` over series without buckets. */
  | { kind: 'buckets'; expr: string };

/** Something to take instead, and the whole expression with it. */
export interface Offer {
  name: string;
  expr: string;
}

/** Values of a filtered comparison and of a label that are shown. */
const SHOWN_MAX = 6;

/** The causes, outermost first; none where nothing of the above explains it. */
export async function whyEmpty(expr: string, time: number, signal?: AbortSignal): Promise<Cause[]> {
  const [tree, names] = await Promise.all([parseQuery(expr, signal), metricNames()]);
  return new Diagnosis(tree, new Set(names), time, signal).of(tree);
}

class Diagnosis {
  constructor(
    private readonly tree: Node,
    private readonly names: ReadonlySet<string>,
    private readonly time: number,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Why a node that is empty is so. */
  async of(node: Node): Promise<Cause[]> {
    switch (node.type) {
      case 'vectorSelector':
      case 'matrixSelector':
        return this.ofSelector(node);
      case 'call':
        return this.ofCall(node);
      case 'binaryExpr':
        return this.ofBinary(node);
      case 'aggregation':
      case 'subquery':
      case 'parenExpr':
      case 'unaryExpr':
        return this.of(node.expr);
      default:
        return [];
    }
  }

  private async ofSelector(node: Selector): Promise<Cause[]> {
    const metric = node.name;
    const matchers = node.matchers.filter((one) => one.name !== '__name__');
    if (metric !== '' && !this.names.has(metric)) {
      return [this.unknown(metric)];
    }
    const having = (kept: readonly Matcher[]) => this.countText({ ...node, matchers: [...kept] });
    const answers = await this.counts([
      having([]),
      ...matchers.map((one) => having([one])),
      ...matchers.map((one) => having(matchers.filter((other) => other !== one))),
    ]);
    const [all = 0] = answers;
    const alone = answers.slice(1, 1 + matchers.length);
    const without = answers.slice(1 + matchers.length);
    if (metric !== '' && all === 0) {
      return [await this.stale(metric)];
    }
    const excluding = matchers.filter((_, index) => alone[index] === 0);
    if (excluding.length > 0) {
      return Promise.all(excluding.map((one) => this.excluded(node, one, without[matchers.indexOf(one)] || all)));
    }
    const parts = matchers.map((one, index) => ({
      matcher: printMatcher(one),
      left: without[index] ?? 0,
      expr: this.withMatcher(node, one, null),
    }));
    const selector = printSelector(metric, node.matchers);
    return parts.length === 0 ? [] : [{ kind: 'together', selector, without: parts.filter((one) => one.left > 0) }];
  }

  private unknown(metric: string): Cause {
    const parts = ['_bucket', '_count', '_sum'].filter((end) => this.names.has(metric + end));
    if (parts.includes('_bucket')) {
      return { kind: 'base', metric, offers: this.histogramOffers(metric, parts) };
    }
    const offers = nearest(metric, [...this.names]).map((name) => ({ name, expr: this.renamed(metric, name) }));
    return { kind: 'unknown', metric, offers };
  }

  /** Inside a quantile the buckets are meant; elsewhere nobody knows. */
  private histogramOffers(metric: string, parts: string[]): Offer[] {
    const isMeant = (one: Node) => one.type === 'vectorSelector' && one.name === metric;
    let found = false;
    const tree = rewrite(this.tree, (node) => {
      const [quantile, series] = node.type === 'call' && node.func.name === 'histogram_quantile' ? node.args : [];
      if (quantile === undefined || series === undefined || !isMeant(bare(series))) {
        return null;
      }
      found = true;
      const buckets: Node = { ...(bare(series) as Selector), name: `${metric}_bucket`, type: 'matrixSelector', range: 300_000 };
      const rate: Node = { type: 'call', func: { name: 'rate' }, args: [buckets] };
      const sum: Node = { type: 'aggregation', op: 'sum', expr: rate, param: null, grouping: ['le'], without: false };
      return { type: 'call', func: { name: 'histogram_quantile' }, args: [quantile, sum] };
    });
    if (found) {
      return [{ name: `${metric}_bucket`, expr: print(tree) }];
    }
    return parts.map((end) => ({ name: metric + end, expr: this.renamed(metric, metric + end) }));
  }

  private renamed(from: string, to: string): string {
    const named = (one: Node) => (one.type === 'vectorSelector' || one.type === 'matrixSelector') && one.name === from;
    return print(rewrite(this.tree, (node) => (named(node) ? { ...(node as Selector), name: to } : null)));
  }

  /** The whole expression with a matcher of a selector changed, or left out. */
  private withMatcher(selector: Selector, old: Matcher, value: string | null): string {
    const matchers = selector.matchers.flatMap((one): Matcher[] => {
      if (one !== old) return [one];
      return value === null ? [] : [{ ...one, type: '=', value }];
    });
    return print(rewrite(this.tree, (node) => (node === selector ? { ...selector, matchers } : null)));
  }

  private async stale(metric: string): Promise<Cause> {
    const selector = printSelector(metric, []);
    const [answer] = await this.ask([`max(max_over_time(timestamp(${selector})[1d:1m]))`]);
    const [sample] = vector(answer);
    return { kind: 'stale', metric, last: sample === undefined ? null : Number(sample.value[1]) };
  }

  private async excluded(node: Selector, matcher: Matcher, left: number): Promise<Cause> {
    const metric = node.name;
    const among = metric === '' ? '' : printSelector(metric, []);
    const values = await valuesOf(matcher.name, among);
    if (values.length === 0 && metric !== '') {
      const labels = (await labelsOf(among)).filter((one) => one !== '__name__');
      const offers = [{ name: '', expr: this.withMatcher(node, matcher, null) }];
      return { kind: 'label', metric, label: matcher.name, labels, offers };
    }
    const near = matcher.type === '=' ? nearest(matcher.value, values, SHOWN_MAX) : [];
    const offered = [...new Set([...near, ...values])].slice(0, SHOWN_MAX);
    const offers = offered.map((value) => ({ name: value, expr: this.withMatcher(node, matcher, value) }));
    const selector = printSelector(metric, node.matchers);
    return { kind: 'excluded', selector, matcher: printMatcher(matcher), left, offers, values: values.length };
  }

  private async ofCall(node: Call): Promise<Cause[]> {
    const name = node.func.name;
    const parts = node.args.filter((one) => kindOf(one) === 'vector' || kindOf(one) === 'matrix');
    const counts = await this.counts(parts.map((one) => this.countText(one)));
    const [first] = parts;
    if ((name === 'absent' || name === 'absent_over_time') && first !== undefined) {
      return [{ kind: 'absent', selector: print(first), total: counts[0] ?? 0 }];
    }
    const empty = parts.filter((_, index) => counts[index] === 0);
    if (empty.length > 0) {
      return (await Promise.all(empty.map((one) => this.of(one)))).flat();
    }
    if (name.startsWith('histogram_quantile') && first !== undefined) {
      return [{ kind: 'buckets', expr: print(first) }];
    }
    return parts.filter((one) => kindOf(one) === 'matrix').map((one) => ({ kind: 'window', selector: print(one) }));
  }

  private async ofBinary(node: Binary): Promise<Cause[]> {
    const sides = [node.lhs, node.rhs].filter((one) => kindOf(one) === 'vector');
    const counts = await this.counts(sides.map((one) => this.countText(one)));
    let empty = sides.filter((_, index) => counts[index] === 0);
    if (node.op === 'unless') {
      empty = empty.filter((one) => one === node.lhs);
    }
    if (empty.length > 0) {
      return (await Promise.all(empty.map((one) => this.of(one)))).flat();
    }
    if (node.op === 'unless') {
      return [{ kind: 'unless', expr: print(node.lhs) }];
    }
    if (!isFilter(node)) {
      return [await this.mismatch(node)];
    }
    if (sides.length === 2) {
      const [matched] = await this.counts([this.countText({ ...node, bool: true })]);
      if (matched === 0) return [await this.mismatch(node)];
    }
    return this.filtered(node, counts[0] ?? 0);
  }

  private async filtered(node: Binary, total: number): Promise<Cause[]> {
    const isLeft = kindOf(node.lhs) === 'vector';
    const side = isLeft ? node.lhs : node.rhs;
    const limit = print(isLeft ? node.rhs : node.lhs);
    // Those nearest to passing: the greatest of what must be greater.
    const wantsMore = node.op.startsWith('>') === isLeft;
    const isOrder = node.op !== '==' && node.op !== '!=';
    const [answer] = await this.ask([`${!isOrder || wantsMore ? 'topk' : 'bottomk'}(${SHOWN_MAX}, ${print(side)})`]);
    const samples = vector(answer);
    const comparison = isLeft ? `${node.op} ${limit}` : `${limit} ${node.op}`;
    const filtered: Cause = { kind: 'filtered', comparison, expr: print(bare(side)), samples, total };
    const division = bare(side);
    const isOne = samples.every(({ value }) => value[1] === '1' || value[1] === 'NaN');
    const self = isOne && division.type === 'binaryExpr' ? this.selfDivision(division) : null;
    return self === null ? [filtered] : [self, filtered];
  }

  private selfDivision(node: Binary): Cause | null {
    const names = [node.lhs, node.rhs].map((side) => new Set(selectors(side).map((one) => one.name)));
    const [left, right] = names.map((set) => (set.size === 1 ? [...set][0] : undefined));
    const isSummed = [node.lhs, node.rhs].some((side) => bare(side).type === 'aggregation');
    if (node.op !== '/' || left === undefined || left !== right || isSummed) {
      return null;
    }
    const sum = (expr: Node): Node => ({ type: 'aggregation', op: 'sum', expr, param: null, grouping: [], without: false });
    const summed: Node = { ...node, lhs: sum(bare(node.lhs)), rhs: sum(bare(node.rhs)), matching: null };
    const expr = print(rewrite(this.tree, (one) => (one === node ? summed : null)));
    return { kind: 'selfDivision', metric: left, offers: [{ name: print(summed), expr }] };
  }

  private async mismatch(node: Binary): Promise<Cause> {
    const [left, right] = (await this.ask([`topk(1, ${print(node.lhs)})`, `topk(1, ${print(node.rhs)})`])).map(
      (answer) => withoutName(vector(answer)[0]?.metric ?? {}),
    );
    const shared = Object.keys(left ?? {}).filter((name) => right?.[name] === left?.[name]);
    const matching = { card: 'one-to-one' as const, labels: shared, on: true, include: [] };
    const joined: Node = { ...node, matching };
    const [count = 0] = await this.counts([this.countText(joined)]);
    const expr = print(rewrite(this.tree, (one) => (one === node ? joined : null)));
    const offers = count > 0 ? [{ name: `on (${shared.join(', ')})`, expr }] : [];
    return { kind: 'mismatch', op: node.op, left: left ?? {}, right: right ?? {}, offers };
  }

  private countText(node: Node): string {
    return kindOf(node) === 'matrix' ? `count(present_over_time(${print(node)}))` : `count(${print(node)})`;
  }

  /** Numbers of series; 0 also for what the server refuses. */
  private async counts(texts: string[]): Promise<number[]> {
    return (await this.ask(texts)).map((answer) => Number(vector(answer)[0]?.value[1] ?? 0));
  }

  private async ask(texts: string[]): Promise<(QueryAnswer | undefined)[]> {
    const batch = texts.map((query, index) => ({ id: String(index), query, time: this.time }));
    const answers = await queries(batch, this.signal);
    return batch.map(({ id }) => answers.get(id));
  }
}

function vector(answer: QueryAnswer | undefined): VectorSample[] {
  return answer?.data?.resultType === 'vector' ? answer.data.result : [];
}

function printMatcher(matcher: Matcher): string {
  return printSelector('', [matcher]).slice(1, -1);
}

function withoutName(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== '__name__'));
}
