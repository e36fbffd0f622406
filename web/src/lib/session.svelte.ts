// Who we are, and what the server lets us do.

export type Role = 'viewer' | 'editor' | 'admin' | 'operator';
export type Right = 'read' | 'ingest' | 'silence' | 'edit' | 'act' | 'administer';

interface SessionAnswer {
  login_required: boolean;
  user: string | null;
  role: Role | null;
  rights: Right[];
}

export type SignInOutcome = 'ok' | 'wrong' | { waitSeconds: number } | { failed: string };

const PATH = 'api/lingshao/v1/session';

class Session {
  /** `unknown` until the server has answered once. */
  state = $state<'unknown' | 'out' | 'in'>('unknown');
  user = $state<string | null>(null);
  role = $state<Role | null>(null);
  loginRequired = $state(false);
  private rights = $state<Right[]>([]);

  /** Whether the role of the moment has a right. */
  may(right: Right): boolean {
    return this.rights.includes(right);
  }

  /** Asks the server who we are. */
  async refresh(): Promise<void> {
    const response = await fetch(PATH, { headers: { 'X-Lingshao-UI': '1' } });
    if (!response.ok) {
      throw new Error(`HTTP ${response.status}`);
    }
    this.take((await response.json()) as SessionAnswer);
  }

  async signIn(name: string, password: string): Promise<SignInOutcome> {
    const headers = { 'Content-Type': 'application/json', 'X-Lingshao-UI': '1' };
    try {
      const response = await fetch(PATH, { method: 'POST', headers, body: JSON.stringify({ name, password }) });
      if (response.status === 429) {
        return { waitSeconds: Number(response.headers.get('Retry-After') ?? '1') };
      }
      if (response.status === 401) {
        return 'wrong';
      }
      if (!response.ok) {
        return { failed: (await response.text()).trim() };
      }
      this.take((await response.json()) as SessionAnswer);
      return 'ok';
    } catch (error) {
      return { failed: String(error) };
    }
  }

  async signOut(): Promise<void> {
    await fetch(PATH, { method: 'DELETE', headers: { 'X-Lingshao-UI': '1' } });
    this.expired();
  }

  /** The server does not know us any more. */
  expired(): void {
    this.state = 'out';
    this.user = this.role = null;
    this.rights = [];
  }

  private take(answer: SessionAnswer): void {
    this.loginRequired = answer.login_required;
    this.user = answer.user;
    this.role = answer.role;
    this.rights = answer.rights;
    this.state = answer.login_required && answer.user === null ? 'out' : 'in';
  }
}

export const session = new Session();
