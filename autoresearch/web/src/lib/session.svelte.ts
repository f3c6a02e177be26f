// Who looks at the page, and how they came in.

import { leaving, proof, Refusal } from "../api/asking";
import * as api from "../api/generated";

type State = "asking" | "in" | "out" | "away";

class Session {
  state = $state<State>("asking");
  who = $state.raw<api.AuthStatus | null>(null);
  ways = $state.raw<api.Ways | null>(null);
  /** Why a link that was opened let nobody in. */
  refused = $state.raw<Refusal | null>(null);

  /** The token that a link brought: of an invitation, for a new password, or of a server's first start. */
  token = $state("");

  constructor() {
    leaving.call = () => this.left();
  }

  /** Whether they may change anything. */
  get writes(): boolean {
    return this.who?.scopes.includes("write") ?? false;
  }

  /** Find out who it is: by the link that was opened, else by what this browser has kept. */
  async begin() {
    const link = location.hash.slice(1);
    // Something as short is the name of a part of the page.
    if (link.length > 20) {
      history.replaceState(null, "", location.pathname + location.search);
      if (/^ar[vrb]_/.test(link)) this.token = link;
      else try {
        proof.keep((await api.useLocalLink({}, { link })).key);
      } catch (error) {
        // The key of this browser may still be good: a link that was opened twice is no harm.
        this.refused = error as Refusal;
      }
    }
    await this.look();
  }

  async look() {
    try {
      this.who = await api.authStatus();
      proof.csrf = this.who.kind === "session" ? (await api.currentSignIn()).csrf_token : "";
      this.refused = null;
      this.state = "in";
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) await this.#outside();
      else this.state = "away";
    }
  }

  async #outside() {
    proof.keep(null);
    this.ways = await api.waysIn();
    this.state = "out";
  }

  /** Whether somebody came to set a new password, whoever is signed in. */
  get resets(): boolean {
    return this.token.startsWith("arr_");
  }

  /** The session ended on the other side. */
  left() {
    if (this.state === "in") {
      this.state = "asking";
      void this.look();
    }
  }

  async signOut() {
    await api.signOut();
    proof.csrf = "";
    await this.look();
  }
}

export const session = new Session();
