// How much of other people's boards we draw: `node scripts/run.mjs scripts/board-coverage.ts FOLDER [SERVER]`.
//
// Imports every JSON in the folder. A panel counts when its kind and source are known, nothing of it is left out, and no
// variable stays in its expressions; with a server's address (`http://127.0.0.1:9090`) each expression must be PromQL too.
// Boards are not kept here: their licences vary. Debian's exporters and PyPI's wheels ship some.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { translate } from '../src/i18n';
import '../src/i18n/loaded';
import { queriesOf } from '../src/lib/grafana/data';
import { importBoard } from '../src/lib/grafana/import';
import type { Scope } from '../src/lib/grafana/interpolate';
import { panelsOf, type Board } from '../src/lib/grafana/model';
import type { VariableSource } from '../src/lib/grafana/options';
import type { ReportLine } from '../src/lib/grafana/report';
import { ImportError } from '../src/lib/grafana/report';
import { resolve } from '../src/lib/grafana/resolve';
import { valuesOf } from '../src/lib/grafana/variables';

const RANGE = { from: 1_700_000_000_000, to: 1_700_003_600_000 };
/** What is asked of variables when there is no server: values as they look in life, a point and a colon included. */
const SAMPLES = ['10.0.0.1:9100', 'a.b'];

const standIn: VariableSource = {
  labelNames: async () => ['job', 'instance'],
  labelValues: async () => SAMPLES,
  series: async () => SAMPLES.map((instance) => ({ __name__: 'up', instance })),
  query: async () => ({ resultType: 'vector', result: [{ metric: { __name__: 'up', job: 'a', instance: SAMPLES[0] ?? '' }, value: [1, '1'] }] }),
};

interface Judged {
  board: string;
  line: ReportLine;
  exprs: number;
  /** Expressions with a variable left in them, or that are no PromQL. */
  bad: string[];
}

export async function main([folder, server]: string[]): Promise<void> {
  if (folder === undefined) {
    console.error('usage: node scripts/run.mjs scripts/board-coverage.ts FOLDER [SERVER]');
    process.exitCode = 2;
    return;
  }
  const judged: Judged[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
    try {
      judged.push(...(await judge(join(folder, file), file, server)));
    } catch (error) {
      console.log(`${file}: ${error instanceof ImportError ? translate('en', error.key, error.parameters) : String(error)}`);
    }
  }
  print(judged, server !== undefined);
}

async function judge(path: string, name: string, server: string | undefined): Promise<Judged[]> {
  const { board, report } = await importBoard(readFileSync(path, 'utf8'));
  const scope = await scopeOf(board);
  const panels = new Map(panelsOf(board).map((panel) => [panel.id, panel]));
  const judged: Judged[] = [];
  for (const line of report.lines) {
    const panel = panels.get(line.id);
    const asked = panel === undefined || line.status === 'unsupported' ? [] : queriesOf(panel, { scope, width: 800, scrape: 15_000, filters: [] });
    const bad: string[] = [];
    for (const { expr } of asked) {
      // `$1` is a group of label_replace.
      if (/\$\{?[a-zA-Z_]|\[\[/.test(expr)) bad.push(`variable left: ${expr}`);
      else if (server !== undefined) bad.push(...(await refusal(server, expr)));
    }
    judged.push({ board: name, line, exprs: asked.length, bad });
  }
  return judged;
}

async function scopeOf(board: Board): Promise<Scope> {
  const scope: Scope = { values: new Map(), range: RANGE, zone: 'Asia/Shanghai', board: { title: board.title, uid: board.uid } };
  const states = await resolve(board.variables, new Map(), standIn, scope);
  return { ...scope, values: valuesOf(states, RANGE) };
}

async function refusal(server: string, query: string): Promise<string[]> {
  const response = await fetch(`${server}/api/v1/parse_query`, { method: 'POST', body: new URLSearchParams({ query }) });
  const body = (await response.json()) as { status: string; error?: string };
  return body.status === 'success' ? [] : [`${body.error}: ${query}`];
}

const isRight = ({ line, bad }: Judged) => line.status === 'ok' && bad.length === 0;
const share = (part: number, of: number) => (of === 0 ? '–' : `${((100 * part) / of).toFixed(1)} %`);

function print(judged: Judged[], asked: boolean): void {
  const boards = [...new Set(judged.map(({ board }) => board))];
  console.log(['board'.padEnd(52), 'panels', 'right', 'degraded', 'unsupported', 'expressions', 'bad'].join('\t'));
  for (const board of boards) {
    console.log(row(board, judged.filter((one) => one.board === board)));
  }
  console.log(row('all', judged));
  const whole = boards.filter((board) => judged.filter((one) => one.board === board).every(isRight));
  const drawn = judged.filter(({ line, bad }) => line.status !== 'unsupported' && bad.length === 0);
  console.log(`\npanels right ${share(judged.filter(isRight).length, judged.length)}, drawn ${share(drawn.length, judged.length)}`);
  console.log(`boards right ${share(whole.length, boards.length)} (${whole.length} of ${boards.length})${asked ? '' : '; PromQL not checked'}\n`);
  const reasons = new Map<string, number>();
  for (const { line, bad } of judged) {
    const notes = line.notes.map(({ key, parameters }) => translate('en', key, parameters));
    for (const reason of [...notes, ...bad]) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 40).forEach(([reason, count]) => console.log(`${count}\t${reason}`));
}

function row(name: string, of: Judged[]): string {
  const count = (status: string) => of.filter(({ line }) => line.status === status).length;
  const exprs = of.reduce((sum, one) => sum + one.exprs, 0);
  const bad = of.reduce((sum, one) => sum + one.bad.length, 0);
  return [name.padEnd(52), of.length, of.filter(isRight).length, count('degraded'), count('unsupported'), exprs, bad].join('\t');
}
