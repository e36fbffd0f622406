// What this browser remembers: language, colours. Without storage (a strict webview) the choice lasts for the visit.

export type Language = 'zh' | 'en';
export type Theme = 'dark' | 'light';

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // The visit goes on with it all the same.
  }
}

function firstLanguage(): Language {
  const chosen = remembered('lingshao.language');
  if (chosen === 'zh' || chosen === 'en') {
    return chosen;
  }
  const first = globalThis.navigator?.language ?? 'zh';
  return first.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function firstTheme(): Theme {
  const chosen = remembered('lingshao.theme');
  if (chosen === 'dark' || chosen === 'light') {
    return chosen;
  }
  return globalThis.matchMedia?.('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

class Preferences {
  language = $state<Language>(firstLanguage());
  theme = $state<Theme>(firstTheme());
  /** Who makes silences, where nobody signs in. */
  author = $state(remembered('lingshao.author') ?? '');

  setLanguage(language: Language): void {
    this.language = language;
    remember('lingshao.language', language);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    remember('lingshao.theme', theme);
  }

  setAuthor(author: string): void {
    this.author = author;
    remember('lingshao.author', author);
  }
}

export const preferences = new Preferences();
