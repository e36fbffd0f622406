import { afterEach, expect, test, vi } from 'vitest';
import { QueryRun, type Asked } from './run.svelte';

const ASKED: Asked = { expr: 'up', tab: 'table', from: 0, to: 100, step: 0 };
const vector = (value: string) => ({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [100, value] }] },
});

type Answer = { status?: number; body: unknown };

/** Answers each path by a function; counts what is asked. */
function serve(answers: Record<string, (body: string) => Answer | Promise<Answer>>): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const body = String(init.body ?? '');
    asked.push(path);
    const answer = await (answers[path] ?? (() => ({ status: 404, body: {} })))(body);
    if (init.signal?.aborted) throw new DOMException('given up', 'AbortError');
    return Response.json(answer.body, { status: answer.status ?? 200 });
  });
  return asked;
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

afterEach(() => vi.unstubAllGlobals());

test('an answer comes with its findings, and a refresh does not check again', async () => {
  const asked = serve({
    'api/v1/query': () => ({ body: vector('1') }),
    'api/lingshao/v1/check?live=1': () => ({ body: { findings: [{ lint: 'x' }] } }),
  });
  const run = new QueryRun();
  await run.ask(ASKED);
  await settled();
  await run.ask({ ...ASKED, from: 5, to: 105 });
  await settled();
  expect(run.answer?.asked.to).toBe(105);
  expect(run.findings).toEqual([{ lint: 'x' }]);
  expect(asked).toEqual(['api/v1/query', 'api/lingshao/v1/check?live=1', 'api/v1/query']);
});

test('a refusal takes the answer and the findings away', async () => {
  let refuses = false;
  serve({
    'api/v1/query': () => (refuses ? { status: 400, body: { error: '1:1: parse error: x' } } : { body: vector('1') }),
    'api/lingshao/v1/check?live=1': () => ({ body: { findings: [{ lint: 'x' }] } }),
  });
  const run = new QueryRun();
  await run.ask(ASKED);
  await settled();
  refuses = true;
  await run.ask({ ...ASKED, expr: 'up(' });
  await settled();
  expect(run.refusal).toEqual({ expr: 'up(', error: '1:1: parse error: x' });
  expect(run.answer).toBeNull();
  expect(run.findings).toEqual([]);
});

test('the same question is not asked twice at once; another one takes its place', async () => {
  const waiting: ((answer: Answer) => void)[] = [];
  const asked = serve({
    'api/v1/query': () => new Promise((resolve) => waiting.push(resolve)),
    'api/lingshao/v1/check?live=1': () => ({ body: { findings: [] } }),
  });
  const run = new QueryRun();
  const first = run.ask(ASKED);
  void run.ask(ASKED);
  expect(asked).toHaveLength(1);
  const second = run.ask({ ...ASKED, expr: 'other' });
  waiting[1]?.({ body: vector('2') });
  waiting[0]?.({ body: vector('1') });
  await Promise.all([first, second]);
  expect(run.answer?.asked.expr).toBe('other');
});
