// The editor for PromQL: loaded when somebody types an expression, and not before (it weighs more than the rest of the page).

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewline } from '@codemirror/commands';
import { bracketMatching, forceParsing, HighlightStyle, syntaxHighlighting, syntaxTreeAvailable } from '@codemirror/language';
import { forceLinting, linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { Annotation, Compartment, EditorState, Prec, StateEffect, type Extension } from '@codemirror/state';
import { EditorView, keymap, placeholder, type ViewUpdate } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { PrometheusClient } from '@prometheus-io/codemirror-promql/dist/esm/client';
import { HybridComplete } from '@prometheus-io/codemirror-promql/dist/esm/complete/hybrid';
import { HybridLint } from '@prometheus-io/codemirror-promql/dist/esm/lint/hybrid';
import { labelMatchersToString } from '@prometheus-io/codemirror-promql/dist/esm/parser';
import { LanguageType, promQLLanguage } from '@prometheus-io/codemirror-promql/dist/esm/promql';
import { preferences } from '../preferences.svelte';
import { labelsOf, metricMetadata, metricNames, valuesOf } from './catalog';
import { complaintWords, completionWords } from './words';

/** What is said about the field, in the language of the page. */
export interface Words {
  /** For screen readers. */
  label: string;
  /** Shown while it is empty. */
  hint: string;
}

export interface EditorOptions {
  value: string;
  words: Words;
  onchange: (value: string) => void;
  onrun: () => void;
  /** What the grammar complains of, after a pause in typing; empty when all is well. */
  oncomplaint: (complaint: string) => void;
}

export interface Editor {
  readonly view: EditorView;
  /** Replaces the text without telling `onchange`. */
  setValue(value: string): void;
  setWords(words: Words): void;
  /** Underlines what the server found fault with. */
  setMarks(marks: readonly Diagnostic[]): void;
  /** Writes at the cursor, over what is selected. */
  insert(text: string): void;
  destroy(): void;
}

/** A change of the text that came from outside. */
const fromOutside = Annotation.define<boolean>();

/** The server's marks are others now. */
const marked = StateEffect.define<null>();

/** Names come from the server this page came from. Failing, completion knows the language's words only. */
const client: PrometheusClient = {
  labelNames: (metric = '') => labelsOf(metric).catch(() => []),
  labelValues: (label, metric = '', matchers = []) => {
    const selector = labelMatchersToString(metric, matchers, label);
    return valuesOf(label, selector === '{}' ? '' : selector).catch(() => []);
  },
  metricMetadata: () => metricMetadata().catch(() => ({})),
  series: () => Promise.resolve([]),
  metricNames: () => metricNames().catch(() => []),
  flags: () => Promise.resolve({}),
};

/** With more metrics than this their help is not fetched for completion. */
const METRICS_WITH_HELP_MAX = 20_000;

const complete = new HybridComplete(client, METRICS_WITH_HELP_MAX);

async function completions(context: CompletionContext) {
  const result = await complete.promQL(context);
  const { language } = preferences;
  return result === null ? null : { ...result, options: result.options.map((one) => completionWords(one, language)) };
}

/** An expression of 10 kB is read in a tenth of that. */
const PARSE_MS_MAX = 200;

/** Boards write variables (`$job`, `${job}`, `[[job]]`) into expressions, which the grammar does not know. */
const VARIABLES = /\$\w|\$\{|\[\[/;

function grammarComplaints(view: EditorView): Diagnostic[] {
  const text = view.state.doc.toString();
  if (text.trim() === '' || VARIABLES.test(text)) {
    return [];
  }
  // Of a tree that is half read everything seems to be missing.
  const { length } = view.state.doc;
  if (!syntaxTreeAvailable(view.state, length) && !forceParsing(view, length, PARSE_MS_MAX)) {
    return [];
  }
  const found = new HybridLint().promQL().call(null, view) as Diagnostic[];
  return found.map((one) => ({ ...one, message: complaintWords(one.message, preferences.language) }));
}

export function createEditor(parent: HTMLElement, options: EditorOptions): Editor {
  let marks: readonly Diagnostic[] = [];
  function diagnostics(view: EditorView): Diagnostic[] {
    const complaints = grammarComplaints(view);
    options.oncomplaint(complaints.find((one) => one.severity === 'error')?.message ?? '');
    const end = view.state.doc.length;
    const fits = marks.filter((mark) => mark.from <= mark.to && mark.to <= end);
    return fits.length > 0 ? fits : complaints;
  }
  const needsRefresh = (update: ViewUpdate) => update.transactions.some((one) => one.effects.some((e) => e.is(marked)));
  const lint = linter(diagnostics, { needsRefresh });
  const said = new Compartment();
  const all = [lint, said.of(wordsOf(options.words)), extensions(options)];
  const state = EditorState.create({ doc: options.value, extensions: all });
  const view = new EditorView({ parent, state });
  return {
    view,
    setValue(value) {
      if (value !== view.state.doc.toString()) {
        const changes = { from: 0, to: view.state.doc.length, insert: value };
        view.dispatch({ changes, annotations: fromOutside.of(true) });
      }
    },
    setWords(words) {
      view.dispatch({ effects: [said.reconfigure(wordsOf(words)), marked.of(null)] });
    },
    setMarks(now) {
      marks = now;
      view.dispatch({ effects: marked.of(null) });
      forceLinting(view);
    },
    insert(text) {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}

function extensions(options: EditorOptions): Extension {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
  const language = promQLLanguage(LanguageType.PromQL);
  return [
    EditorView.cspNonce.of(nonce),
    history(),
    bracketMatching(),
    closeBrackets(),
    language,
    language.data.of({ autocomplete: completions }),
    autocompletion({ icons: false }),
    keys(options.onrun),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ spellcheck: 'false', autocapitalize: 'off' }),
    EditorView.updateListener.of((update) => {
      const outside = update.transactions.some((one) => one.annotation(fromOutside) === true);
      if (update.docChanged && !outside) {
        options.onchange(update.state.doc.toString());
      }
    }),
    syntaxHighlighting(colours),
    theme,
  ];
}

function wordsOf({ label, hint }: Words): Extension {
  return [placeholder(hint), EditorView.contentAttributes.of({ 'aria-label': label })];
}

/** Tab is not among them: it leaves the editor, as it leaves every field. */
function keys(onrun: () => void): Extension {
  const run = () => (onrun(), true);
  return [
    // An open list of completions takes Enter first.
    Prec.highest(keymap.of(completionKeymap)),
    Prec.high(
      keymap.of([
        { key: 'Enter', run, shift: insertNewline },
        { key: 'Mod-Enter', run },
      ]),
    ),
    keymap.of([...closeBracketsKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
  ];
}

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--text-dim)' },
  { tag: tags.labelName, color: 'var(--code-label)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: [tags.function(tags.variableName), tags.operatorKeyword], color: 'var(--code-function)' },
  { tag: [tags.modifier, tags.logicOperator], color: 'var(--code-keyword)' },
]);

const theme = EditorView.theme({
  '&': { color: 'var(--text)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.6' },
  '.cm-content': { padding: '6px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--text-dim)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    background: 'var(--info-ground)',
  },
  '&.cm-focused .cm-matchingBracket': { background: 'var(--ok-ground)', outline: '1px solid var(--ok)' },
  '&.cm-focused .cm-nonmatchingBracket': { background: 'var(--critical-ground)' },
  '.cm-tooltip': {
    background: 'var(--surface)',
    color: 'var(--text)',
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius)',
    boxShadow: 'var(--shadow)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', maxHeight: '18em', maxWidth: 'min(520px, 90vw)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--accent)',
    color: 'var(--accent-text)',
  },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { fontStyle: 'normal', marginLeft: '1em', opacity: '0.8', fontFamily: 'var(--font)' },
  '.cm-tooltip.cm-completionInfo': { maxWidth: '320px', padding: '6px 10px', fontFamily: 'var(--font)' },
  '.cm-diagnostic': { borderLeft: '3px solid var(--warning)', padding: '6px 10px', fontFamily: 'var(--font)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--critical)' },
  '.cm-lintRange': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warning)', textUnderlineOffset: '3px' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecorationColor: 'var(--critical)' },
});
