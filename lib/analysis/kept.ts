// Answers that are worked out once for each file or search, and kept as long as it is.

/** A search: what it has reached so far, what was looked up or named by others, and in which files. */
interface Reach {
  readonly queue: readonly unknown[];
  readonly given: readonly unknown[];
  readonly world: { readonly modules: readonly unknown[] };
}

/** Grows with each of them: a function that was reached before can be looked up, too, or be named by one more file. */
const sizeOf = ({ queue, given, world }: Reach) => queue.length + given.length + world.modules.length;

/** By a key within each object. A kept answer is never undefined. */
export class Kept<Of extends object, Key, Answer extends {}> {
  readonly #maps = new WeakMap<Of, Map<Key, Answer>>();

  of(object: Of): Map<Key, Answer> {
    let map = this.#maps.get(object);
    if (map === undefined) {
      map = new Map();
      this.#maps.set(object, map);
    }
    return map;
  }

  get(object: Of, key: Key, find: () => Answer): Answer {
    const map = this.of(object);
    let answer = map.get(key);
    if (answer === undefined) {
      answer = find();
      map.set(key, answer);
    }
    return answer;
  }
}

/** One answer for each object. */
export function keptFor<Of extends object, Answer extends {}>(find: (of: Of) => Answer): (of: Of) => Answer {
  const answers = new WeakMap<Of, Answer>();
  return (of) => {
    let answer = answers.get(of);
    if (answer === undefined) {
      answer = find(of);
      answers.set(of, answer);
    }
    return answer;
  };
}

/** Answers that hold until something more is reached, or leads to what was. */
export class KeptWhileReached<Key, Answer extends {}> {
  readonly #kept = new WeakMap<Reach, { size: number; answers: Map<Key, Answer> }>();

  of(reach: Reach): Map<Key, Answer> {
    const kept = this.#kept.get(reach);
    if (kept?.size === sizeOf(reach)) return kept.answers;
    const answers = new Map<Key, Answer>();
    this.#kept.set(reach, { size: sizeOf(reach), answers });
    return answers;
  }

  get(reach: Reach, key: Key, find: () => Answer): Answer {
    const known = this.of(reach).get(key);
    if (known !== undefined) return known;
    const answer = find();
    this.of(reach).set(key, answer);
    return answer;
  }
}
